"""Our encoders written in PyTorch, for comparisons: log-mels `[B, 1, T, F]` -> embeddings `[B, D]`.

A module has the name of the layer of ours whose weights it takes: `block2a.bn` those of block2a_bn.
"""

import collections

import torch
import torch.nn.functional as F
from torch import nn

# Kernel, repeats, filters in and out, expansion, stride of the stages of EfficientNet-B0.
_STAGES = (
  *((3, 1, 32, 16, 1, 1), (3, 2, 16, 24, 6, 2), (5, 2, 24, 40, 6, 2), (3, 3, 40, 80, 6, 2)),
  *((5, 3, 80, 112, 6, 1), (5, 4, 112, 192, 6, 2), (3, 1, 192, 320, 6, 1)),
)
_NUM_BLOCKS = sum(stage[1] for stage in _STAGES)
_DROP_RATE = 0.2  # of the last block, had it a shortcut; it rises from 0


def build(encoder: str, num_mels: int) -> nn.Module:
  """Builds an encoder.

  Args:
    encoder: name of one in contrastive_audio.networks.encoders.
    num_mels: F.

  Example:
    >>> build("vgg_like", num_mels=96)(torch.zeros(2, 1, 101, 96)).shape
    torch.Size([2, 512])
  """
  return _NETWORKS[encoder](num_mels)


class EfficientNetB0(nn.Module):
  """That of keras.applications for one channel, with its division by 255, and global max pooling.

  Example:
    >>> sum(weights.numel() for weights in EfficientNetB0(64).parameters())
    4006972
  """

  def __init__(self, num_mels: int):
    """Takes F, on which nothing depends."""
    super().__init__()
    self.stem_conv = nn.Conv2d(1, 32, 3, 2, bias=False)
    self.stem_bn = _normalisation(32, keras_default=True)
    blocks = []
    for stage, (size, repeats, inputs, outputs, expansion, stride) in enumerate(_STAGES, start=1):
      for letter in "abcd"[:repeats]:
        rate = _DROP_RATE * len(blocks) / _NUM_BLOCKS
        block = _Inverted(size, inputs, outputs, expansion, stride, rate)
        blocks.append((f"block{stage}{letter}", block))
        inputs, stride = outputs, 1
    self.blocks = nn.Sequential(collections.OrderedDict(blocks))
    self.top_conv = nn.Conv2d(320, 1280, 1, bias=False)
    self.top_bn = _normalisation(1280, keras_default=True)

  def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
    """`[B, 1, T, F]` -> `[B, 1280]`."""
    x = F.pad(log_mels / 255, (0, 1, 0, 1))
    x = F.silu(self.stem_bn(self.stem_conv(x)))
    return F.silu(self.top_bn(self.top_conv(self.blocks(x)))).amax((2, 3))


class _Inverted(nn.Module):
  """Expansion, depthwise convolution, squeeze and excitation, projection."""

  def __init__(self, size, inputs, outputs, expansion, stride, drop_rate):
    super().__init__()
    self.size, self.stride, self.drop_rate = size, stride, drop_rate
    self.has_shortcut = stride == 1 and inputs == outputs
    wide, squeezed = inputs * expansion, max(1, inputs // 4)
    if expansion > 1:
      self.expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
      self.expand_bn = _normalisation(wide, keras_default=True)
    padding = size // 2 if stride == 1 else 0
    self.dwconv = nn.Conv2d(wide, wide, size, stride, padding, groups=wide, bias=False)
    self.bn = _normalisation(wide, keras_default=True)
    self.se_reduce, self.se_expand = nn.Conv2d(wide, squeezed, 1), nn.Conv2d(squeezed, wide, 1)
    self.project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
    self.project_bn = _normalisation(outputs, keras_default=True)

  def forward(self, inputs):
    x = inputs
    if hasattr(self, "expand_conv"):
      x = F.silu(self.expand_bn(self.expand_conv(x)))
    if self.stride == 2:
      half = self.size // 2
      x = F.pad(x, (half - 1, half, half - 1, half))
    x = F.silu(self.bn(self.dwconv(x)))
    gates = self.se_expand(F.silu(self.se_reduce(x.mean((2, 3), keepdim=True))))
    x = self.project_bn(self.project_conv(x * torch.sigmoid(gates)))
    if not self.has_shortcut:
      return x
    if self.training and self.drop_rate:
      keep = torch.rand(x.shape[0], 1, 1, 1) >= self.drop_rate
      x = x * (keep / (1 - self.drop_rate))
    return x + inputs


class ResNet18(nn.Module):
  """ResNet-18 for one channel, as in the published code of mix-back.

  Example:
    >>> ResNet18(96)(torch.zeros(2, 1, 101, 96)).shape
    torch.Size([2, 512])
  """

  def __init__(self, num_mels: int):
    """Takes F, on which nothing depends."""
    super().__init__()
    self.conv1, self.bn1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False), _normalisation(64)
    blocks, inputs = [], 64
    for stage, outputs in enumerate((64, 128, 256, 512), start=1):
      for number in (0, 1):
        stride = 2 if stage > 1 and number == 0 else 1
        blocks.append((f"layer{stage}_{number}", _Residual(inputs, outputs, stride)))
        inputs = outputs
    self.blocks = nn.Sequential(collections.OrderedDict(blocks))

  def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
    """`[B, 1, T, F]` -> `[B, 512]`."""
    x = F.max_pool2d(F.relu(self.bn1(self.conv1(log_mels))), 3, 2, 1)
    return self.blocks(x).mean((2, 3))


class _Residual(nn.Module):
  def __init__(self, inputs, outputs, stride):
    super().__init__()
    self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
    self.bn1, self.bn2 = _normalisation(outputs), _normalisation(outputs)
    if stride > 1:
      self.downsample_0 = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
      self.downsample_1 = _normalisation(outputs)

  def forward(self, inputs):
    x = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(inputs)))))
    if hasattr(self, "downsample_0"):
      inputs = self.downsample_1(self.downsample_0(inputs))
    return F.relu(x + inputs)


class _Convolutional(nn.Module):
  """Blocks of convolution, BatchNorm and ReLU; some of them pool."""

  def __init__(self, names, channels, size):
    super().__init__()
    self.names = names
    for name, inputs, outputs in zip(names, (1, *channels), channels):
      convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
      self.add_module(f"{name}_conv", convolution)
      self.add_module(f"{name}_bn", _normalisation(outputs))

  def block(self, name: str, x: torch.Tensor) -> torch.Tensor:
    """Applies one block."""
    return F.relu(self.get_submodule(f"{name}_bn")(self.get_submodule(f"{name}_conv")(x)))


class VggLike(_Convolutional):
  """The small VGG of mix-back.

  Example:
    >>> VggLike(96)(torch.zeros(2, 1, 101, 96)).shape
    torch.Size([2, 512])
  """

  def __init__(self, num_mels: int):
    """Takes F, on which nothing depends."""
    super().__init__([f"conv{number}" for number in range(6)], (32, 32, 32, 64, 64, 128), 3)
    self.dense1 = nn.Linear(256, 512)

  def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
    """`[B, 1, T, F]` -> `[B, 512]`."""
    x = log_mels
    for number, name in enumerate(self.names):
      x = self.block(name, x)
      x = F.max_pool2d(x, 2) if number in (2, 4, 5) else x
    return F.relu(self.dense1(torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)))


class Crnn(_Convolutional):
  """The convolutional recurrent network of mix-back; its backward GRU sees the last step only.

  Example:
    >>> Crnn(96)(torch.zeros(2, 1, 101, 96)).shape
    torch.Size([2, 64])
  """

  def __init__(self, num_mels: int):
    """Takes F, the number of bands."""
    super().__init__(["conv1", "conv2", "conv3"], (128, 128, 128), 5)
    size = num_mels // 5 // 4 // 2 * 128
    self.rnn1_forward = nn.GRU(size, 64, batch_first=True)
    self.rnn1_backward = nn.GRU(size, 64, batch_first=True)

  def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
    """`[B, 1, T, F]` -> `[B, 64]`."""
    x = log_mels
    for name, pool in zip(self.names, ((2, 5), (2, 4), (2, 2))):
      x = F.max_pool2d(self.block(name, x), pool)
    steps = x.permute(0, 2, 3, 1).flatten(2)
    _, forward = self.rnn1_forward(steps)
    _, backward = self.rnn1_backward(steps[:, -1:])
    return forward[0] * backward[0]


class FrameCnn(_Convolutional):
  """The small network of the recipes, with statistics of its later blocks in the embedding.

  Example:
    >>> FrameCnn(64)(torch.zeros(2, 1, 96, 64)).shape
    torch.Size([2, 3072])
  """

  def __init__(self, num_mels: int):
    """Takes F, the number of bands."""
    super().__init__(["block1", "block2", "block3"], (16, 32, 64), 3)
    self.frames = nn.Linear(num_mels // 8 * 64, 512, bias=False)
    self.frames_bn = nn.BatchNorm1d(512)

  def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
    """`[B, 1, T, F]` -> `[B, D]`."""
    x, summary = log_mels, []
    for name in self.names:
      x = F.max_pool2d(self.block(name, x), 2)
      frames = x.permute(0, 2, 3, 1).flatten(2)  # [B, T, F * C]
      if name != "block1":
        variance = frames.var(1, correction=0)
        summary += [frames.mean(1), (variance + 1e-5).sqrt()]
    x = F.relu(self.frames_bn(self.frames(frames).transpose(1, 2)))  # [B, C, T]
    return torch.cat([*summary, x.mean(2), x.amax(2)], 1)


_NETWORKS = {
  "efficientnet_b0": EfficientNetB0,
  "resnet18": ResNet18,
  "vgg_like": VggLike,
  "crnn": Crnn,
  "frame_cnn": FrameCnn,
}


def _normalisation(channels, keras_default=False):
  if keras_default:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
  return nn.BatchNorm2d(channels)
