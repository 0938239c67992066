"""Training steps of both papers in PyTorch, with the weights of a model of ours."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.lib import pytorch_networks

_TEMPERATURE = 0.2  # of mix-back
_BATCHNORM = (("weight", 0), ("bias", 1), ("running_mean", 2), ("running_var", 3))


class PyTorchModel(nn.Module):
  """Encoder, head and loss of COLA or mix-back.

  Example:
    >>> PyTorchModel("mixback", "vgg_like", num_mels=96)(torch.zeros(4, 2, 101, 96)).shape
    torch.Size([])
  """

  def __init__(self, system: str, encoder: str, num_mels: int):
    """Builds the networks.

    Args:
      system: "cola" or "mixback".
      encoder: name of one in contrastive_audio.networks.encoders.
      num_mels: F.
    """
    super().__init__()
    self.encoder = pytorch_networks.build(encoder, num_mels).eval()
    size = self.encoder(torch.zeros(2, 1, 96, num_mels)).shape[1]
    if system == "cola":
      self.head = nn.Sequential(nn.Linear(size, 512), nn.LayerNorm(512, eps=1e-3), nn.Tanh())
      self.w = nn.Parameter(torch.empty(512, 512))
    else:
      hidden = (nn.Linear(size, 512), nn.BatchNorm1d(512), nn.ReLU())
      self.head, self.w = nn.Sequential(*hidden, nn.Linear(512, 512)), None
    self.train()

  def forward(self, views: torch.Tensor) -> torch.Tensor:
    """Views `[B, 2, T, F]` -> the loss; COLA embeds both views together, mix-back by turns."""
    first, second = views[:, :1], views[:, 1:]
    if self.w is not None:
      projections = self.head(self.encoder(torch.cat([first, second])))
      anchors, positives = projections.chunk(2)
      return F.cross_entropy(anchors @ self.w @ positives.T, torch.arange(len(views)))
    rows = [F.normalize(self.head(self.encoder(view))) for view in (first, second)]
    logits = torch.cat(rows) @ torch.cat(rows).T / _TEMPERATURE
    logits = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(views)))

  def optimizer(self) -> torch.optim.Optimizer:
    """Returns the optimizer of the paper."""
    if self.w is not None:
      return torch.optim.Adam(self.parameters(), 1e-4, eps=1e-7)
    return torch.optim.SGD(self.parameters(), 0.03, 0.9, weight_decay=1e-4)

  def take_weights(self, model) -> None:
    """Takes all weights of a ContrastiveModel, those that are not trained as well.

    Args:
      model: of the same system and encoder.
    """
    modules = {name.replace(".", "_"): m for name, m in self.encoder.named_modules()}
    modules = {name.removeprefix("blocks_"): module for name, module in modules.items()}
    for layer in model.encoder.layers:
      if layer.weights and type(layer).__name__ != "Normalization":  # COLA's, of mean 0
        _give(layer, modules[layer.name])
    with_weights = [module for module in self.head if list(module.parameters())]
    layers = [layer for layer in model.head.layers if layer.weights]
    for layer, module in zip(layers, with_weights, strict=True):
      _give(layer, module)
    if self.w is not None:
      _copy(self.w, torch.tensor(model.objective.similarity.w.numpy()))


class PyTorchStep:
  """What is timed of a PyTorchModel.

  Example:
    >>> model = PyTorchModel("mixback", "vgg_like", num_mels=96)
    >>> step = PyTorchStep(model, torch.zeros(4, 2, 101, 96), "channels_last")
    >>> step.train(), step.embed()
  """

  def __init__(self, model: PyTorchModel, views: torch.Tensor, how: str):
    """Prepares.

    Args:
      model: changed in place.
      views: `[B, 2, T, F]`.
      how: "channels_first", "channels_last" or "compiled".
    """
    self._log_mels = views.transpose(0, 1).reshape(-1, 1, *views.shape[2:])
    self._views, self._optimizer = views, model.optimizer()
    if how == "channels_last":
      model.encoder = model.encoder.to(memory_format=torch.channels_last)
    self._model = model
    compiled = how == "compiled"
    self._loss = torch.compile(model) if compiled else model
    self._encoder = torch.compile(model.encoder) if compiled else model.encoder

  def train(self) -> None:
    """Takes a step of the training."""
    self._model.train()
    self._optimizer.zero_grad()
    loss = self._loss(self._views)
    loss.backward()
    self._optimizer.step()
    loss.item()

  def embed(self) -> None:
    """Embeds all views."""
    self._model.eval()
    with torch.inference_mode():
      self._encoder(self._log_mels).sum().item()


def _give(layer, module: nn.Module) -> None:
  """Copies the weights of a Keras layer into a module."""
  for parameter, value in _pairs(layer, module):
    _copy(parameter, value)


def _copy(parameter: torch.Tensor, value: torch.Tensor) -> None:
  assert parameter.shape == value.shape, (parameter.shape, value.shape)
  parameter.data.copy_(value)


def _pairs(layer, module) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
  values = [torch.tensor(weights) for weights in layer.get_weights()]
  kind = type(layer).__name__
  if kind == "BatchNormalization":
    yield from ((getattr(module, name), values[place]) for name, place in _BATCHNORM)
  elif kind == "GRU":
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    kernel, recurrent, biases = values
    for name, value in zip(names, (kernel.T, recurrent.T, *biases)):
      update, reset, new = value.chunk(3)  # PyTorch: reset, update, new
      yield getattr(module, name), torch.cat([reset, update, new])
  else:
    kernel, *bias = values
    yield module.weight, _transposed(kind, kernel)
    yield from ((module.bias, value) for value in bias)


def _transposed(kind: str, kernel: torch.Tensor) -> torch.Tensor:
  """Returns a kernel in PyTorch's order of axes."""
  if kind == "LayerNormalization":
    return kernel
  if kind == "Dense":
    return kernel.T
  return kernel.permute((2, 3, 0, 1) if kind == "DepthwiseConv2D" else (3, 2, 0, 1))
