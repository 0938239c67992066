"""Which frames of its input an output of a network depends on, along time."""

import dataclasses
import math
from typing import Any

import keras

# Operations that treat every frame by itself.
_BY_FRAME = (
  *("BatchNormalization", "Normalization", "Rescaling", "Dropout", "Identity", "Cast"),
  *("ReLU", "Relu", "LeakyReLU", "ELU", "Activation", "Sqrt", "Dense"),
  *("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average"),
)
_CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D")
_POOLS = ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")


@dataclasses.dataclass(frozen=True)
class Reach:
  """Output t depends on the frames from `stride * t - before` to `stride * t + after`.

  Attributes:
    stride: frames from one output to the next.
    before: frames; may be negative.
    after: frames; may be negative.

  Example:
    >>> Reach(2, 1, 1).then(size=3, step=1, before=1)  # a convolution of three, padded
    Reach(stride=2, before=3, after=3)
  """

  stride: int
  before: int
  after: int

  def then(self, size: int, step: int, before: int) -> "Reach":
    """Returns the reach after something that looks at `size` outputs of this one.

    Args:
      size: how many.
      step: from one look to the next.
      before: how many of them stand before the place of the result.
    """
    after = size - 1 - before
    return Reach(
      self.stride * step, self.before + self.stride * before, self.after + self.stride * after
    )


def reach_of(tensor: keras.KerasTensor) -> Reach | None:
  """Returns which frames a tensor depends on; None: on all, or it is not known.

  Args:
    tensor: `[B, T, ...]`, of a functional model with a free time axis.

  Example:
    >>> log_mels = keras.Input([None, 64, 1])
    >>> convolved = keras.layers.Conv2D(4, 3, padding="same")(log_mels)
    >>> reach_of(keras.layers.MaxPooling2D(2)(convolved))
    Reach(stride=2, before=1, after=2)
    >>> mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(log_mels)
    >>> reach_of(log_mels * mean) is None
    True
  """
  known: dict[int, Reach | None] = {}

  def find(tensor: keras.KerasTensor) -> Reach | None:
    if id(tensor) not in known:
      operation, node, _ = tensor._keras_history
      inputs = operation._inbound_nodes[node].input_tensors
      if not inputs:
        known[id(tensor)] = Reach(1, 0, 0)
      elif any(len(source.shape) < 3 or source.shape[1] is not None for source in inputs):
        known[id(tensor)] = None  # of a mean over time, for example
      else:
        known[id(tensor)] = _after(operation, [find(source) for source in inputs], inputs[0])
    return known[id(tensor)]

  return find(tensor)


def _after(operation: Any, reaches: list[Reach | None], source: Any) -> Reach | None:
  """Returns the reach of what an operation gives, from those of its inputs."""
  known = [reach for reach in reaches if reach is not None]
  if len(known) < len(reaches) or len({reach.stride for reach in known}) > 1:
    return None
  before, after = (max(getattr(reach, end) for reach in known) for end in ("before", "after"))
  reach, name = Reach(known[0].stride, before, after), type(operation).__name__
  if name in _BY_FRAME or (name == "Concatenate" and operation.axis in (-1, len(source.shape) - 1)):
    return reach
  if name == "Reshape" and _keeps_frames(operation.target_shape, source.shape):
    return reach
  if name == "ZeroPadding2D" and operation.data_format == "channels_last":
    top = operation.padding[0][0]
    return Reach(reach.stride, before + reach.stride * top, after - reach.stride * top)
  if name in _CONVOLUTIONS + _POOLS and operation.data_format == "channels_last":
    return _after_sliding(operation, reach, name in _POOLS)
  return None


def _after_sliding(operation: Any, reach: Reach, is_pool: bool) -> Reach | None:
  """Returns the reach after a convolution or a pooling."""
  size = (operation.pool_size if is_pool else operation.kernel_size)[0]
  step = operation.strides[0]
  dilation = 1 if is_pool else operation.dilation_rate[0]
  width = (size - 1) * dilation + 1
  if operation.padding == "valid":
    return reach.then(width, step, before=0)
  if operation.padding == "same" and step == 1:
    return reach.then(width, step, before=(width - 1) // 2)
  return None  # how it pads depends on the length of the clip


def _keeps_frames(target: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
  return target[0] == -1 and math.prod(target[1:]) == math.prod(map(int, shape[2:]))  # type: ignore
