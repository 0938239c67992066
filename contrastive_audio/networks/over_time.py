"""An encoder in three parts: what happens along time, what sums up time, what follows.

So the frames of a clip can be encoded in blocks. The result is that of the whole clip if each
output of the first part depends on few frames; means over time inside it, as the squeeze-excite
blocks of EfficientNet-B0 have them, depend on all.

Letters: B clips, T frames, F mel bands, C channels, D embedding, S stride in frames, Z state.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.networks.receptive_field import Reach, reach_of

_KINDS = {
  "GlobalAveragePooling1D": "mean",
  "GlobalAveragePooling2D": "mean",
  "GlobalMaxPooling1D": "max",
  "GlobalMaxPooling2D": "max",
  "Mean": "mean",
  "Max": "max",
  "Var": "variance",
}
_STATE_ROWS = {"mean": 1, "max": 1, "variance": 2}  # vectors that a reduction keeps


@dataclasses.dataclass(frozen=True)
class _Reduction:
  """Sums up time: a tensor `[B, T / S, (F,) C]` becomes `[B, C]`.

  Attributes:
    kind: "mean", "max" or "variance".
    source: the KerasTensor that is summed up.
    result: the KerasTensor that it becomes.
  """

  kind: str
  source: keras.KerasTensor
  result: keras.KerasTensor

  @property
  def size(self) -> int:
    return int(self.result.shape[-1])


class SplitEncoder:
  """An encoder whose frames may come in blocks.

  What is known of the blocks so far is a state `[B, Z]`: `start`, then `add` block after block,
  then `finish`.

  Attributes:
    is_exact: whether blocks with `context_frames` give the embedding of the whole clip.
    stride: S: blocks start at multiples of it.
    context_frames: how many frames before and after a block decide about it, a multiple of S; 0 if
      the encoder is not exact.

  Raises:
    UserError: the encoder does not sum up time by means, maxima or variances.

  Example:
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> encoder = frame_cnn(num_mels=64)
    >>> split = SplitEncoder(encoder)
    >>> split.is_exact, split.stride, split.context_frames
    (True, 8, 16)
    >>> log_mels = tf.random.normal([1, 400, 64])
    >>> state = split.add(split.start(1), log_mels[:, :216], skipped=0, owned=200)
    >>> state = split.add(state, log_mels[:, 184:], skipped=16, owned=-1)
    >>> whole = encoder(log_mels[..., None])
    >>> bool(tf.reduce_max(tf.abs(split.finish(state) - whole)) < 1e-4)
    True
  """

  def __init__(self, encoder: keras.Model):
    """Finds the parts.

    Args:
      encoder: `[B, T, F, 1] -> [B, D]`, a functional model with a free time axis.
    """
    self._reductions = _find_reductions(encoder)
    sources = [reduction.source for reduction in self._reductions]
    self._frames = keras.Model(encoder.inputs[0], sources)
    results = [reduction.result for reduction in self._reductions]
    is_whole = len(results) == 1 and results[0] is encoder.outputs[0]
    self._tail = None if is_whole else keras.Model(results, encoder.outputs[0])
    reaches = [reach_of(source) for source in sources]
    known: list[Reach] = [reach for reach in reaches if reach is not None]
    self.is_exact = len(known) == len(reaches)
    self.stride, self.context_frames = 1, 0
    self._strides = [1] * len(reaches)
    if self.is_exact:
      self._strides = [reach.stride for reach in known]
      self.stride = math.lcm(*self._strides)
      furthest = max(max(reach.before, reach.after) for reach in known)
      self.context_frames = -(-furthest // self.stride) * self.stride
    self._sizes = [1 + _STATE_ROWS[r.kind] * r.size for r in self._reductions]

  def start(self, num_clips: int | tf.Tensor) -> tf.Tensor:
    """Returns the state `[B, Z]` before the first block."""
    parts = []
    for reduction, size in zip(self._reductions, self._sizes):
      parts.append(np.full(size, -np.inf if reduction.kind == "max" else 0.0, np.float32))
      parts[-1][0] = 0.0  # frames so far
    return tf.tile(tf.constant(np.concatenate(parts))[None], tf.stack([num_clips, 1]))

  def add(
    self, state: tf.Tensor, log_mels: tf.Tensor, skipped: int | tf.Tensor, owned: int | tf.Tensor
  ) -> tf.Tensor:
    """Returns the state after another block.

    Args:
      state: `[B, Z]`.
      log_mels: `[B, T, F]`, the block with its context.
      skipped: frames of context before the block.
      owned: frames of the block itself; negative: all that follow.
    """
    outputs = self._frames(tf.expand_dims(log_mels, -1), training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    olds = tf.split(state, self._sizes, axis=1)
    news = []
    for reduction, stride, old, output in zip(self._reductions, self._strides, olds, outputs):
      end = tf.where(owned < 0, tf.shape(output)[1], (skipped + owned) // stride)
      frames = tf.cast(output, tf.float32)[:, skipped // stride : end]
      news.append(_combine(reduction.kind, old, _summary(reduction, frames)))
    return tf.concat(news, axis=1)

  def finish(self, state: tf.Tensor) -> tf.Tensor:
    """Returns the embeddings `[B, D]` of the clips."""
    values = []
    for reduction, part in zip(self._reductions, tf.split(state, self._sizes, axis=1)):
      value = part[:, -reduction.size :]
      value = value / part[:, :1] if reduction.kind == "variance" else value
      values.append(tf.cast(value, reduction.result.dtype))
    return values[0] if self._tail is None else self._tail(values, training=False)


def _summary(reduction: _Reduction, frames: tf.Tensor) -> tf.Tensor:
  """Frames `[B, T, (F,) C]` -> what `_combine` takes: their number, then mean (and sum of squared
  differences from it) or maximum."""
  count = tf.shape(frames)[1]
  flat = tf.reshape(frames, tf.stack([tf.shape(frames)[0], -1, reduction.size]))
  numbers = tf.fill(tf.stack([tf.shape(frames)[0], 1]), tf.cast(count, tf.float32))
  if reduction.kind == "max":
    return tf.concat([numbers, tf.reduce_max(flat, axis=1)], axis=1)
  mean = tf.reduce_mean(flat, axis=1)
  if reduction.kind == "mean":
    return tf.concat([numbers, mean], axis=1)
  squares = tf.reduce_sum(tf.square(flat - tf.expand_dims(mean, 1)), axis=1)
  return tf.concat([numbers, mean, squares], axis=1)


def _combine(kind: str, old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
  """Combines two summaries; variances as Chan, Golub and LeVeque do, without cancellation."""
  count = old[:, :1] + new[:, :1]
  if kind == "max":
    return tf.concat([count, tf.maximum(old[:, 1:], new[:, 1:])], axis=1)
  share = new[:, :1] / count
  if kind == "mean":
    return tf.concat([count, old[:, 1:] + (new[:, 1:] - old[:, 1:]) * share], axis=1)
  (old_mean, old_squares), (new_mean, new_squares) = (
    tf.split(part[:, 1:], 2, axis=1) for part in (old, new)
  )
  difference = new_mean - old_mean
  squares = old_squares + new_squares + tf.square(difference) * (old[:, :1] * share)
  return tf.concat([count, old_mean + difference * share, squares], axis=1)


def _find_reductions(encoder: keras.Model) -> list[_Reduction]:
  """Returns what sums up time, found from the embedding backwards."""
  found: dict[int, _Reduction] = {}
  waiting, seen = [encoder.outputs[0]], set[int]()
  while waiting:
    tensor = waiting.pop()
    if id(tensor) in seen:
      continue
    seen.add(id(tensor))
    operation, inputs = _made_by(tensor)
    timed = [source for source in inputs if has_time(source)]
    if timed:
      found[id(tensor)] = _reduction(encoder, operation, timed, tensor)
    elif has_time(tensor) or not inputs:
      raise _refusal(encoder, "its time axis has a fixed length or is still there")
    else:
      waiting += inputs
  return list(found.values())


def _reduction(
  encoder: keras.Model, operation: Any, timed: Sequence[keras.KerasTensor], result: Any
) -> _Reduction:
  name = type(operation).__name__
  axis = getattr(operation, "axis", 1)
  over = axis if isinstance(axis, (list, tuple)) else [axis]
  sums_up = name in _KINDS and (name.startswith("Global") or list(over) == [1])
  if not sums_up or len(timed) != 1 or len(result.shape) != 2:
    raise _refusal(encoder, f"{name} is no mean, maximum or variance over its frames")
  return _Reduction(_KINDS[name], timed[0], result)


def _refusal(encoder: keras.Model, reason: str) -> UserError:
  return UserError(
    f"clip_pooling=clip: the encoder {encoder.name} cannot be run over a whole clip ({reason}): "
    "use clip_pooling=windows or windows_max"
  )


def _made_by(tensor: keras.KerasTensor) -> tuple[Any, list[keras.KerasTensor]]:
  operation, node, _ = tensor._keras_history
  return operation, list(operation._inbound_nodes[node].input_tensors)


def has_time(tensor: keras.KerasTensor) -> bool:
  """Returns whether a tensor of an encoder still has its time axis.

  Args:
    tensor: of a functional model with a free time axis.

  Example:
    >>> has_time(keras.Input([None, 64, 1])), has_time(keras.Input([64]))
    (True, False)
  """
  return len(tensor.shape) >= 3 and tensor.shape[1] is None
