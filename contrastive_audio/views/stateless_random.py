"""Stateless random numbers: functions of a seed `[2]`, the same on every device.

With Philox, plain and XLA code draw the same integers from the same seed, but different floats. So
floats are made of integers here. The integers are those of tf.random.stateless_uniform with
alg="philox", which scrambles each seed in 44 operations, constants included: half of the graph of a
small training. Here eleven do the same.

Where several devices share a batch, each draws only the rows it holds of what one device would
draw. `for_rows` makes a seed `[4]` that says which rows these are, and every function here accepts
it as well.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

_PHILOX = tf.random.Algorithm.PHILOX.value
_SECOND = np.array([0, 1], np.uint64)
_SCRAMBLING_KEY = np.array([0x02461E293EC8F720], np.uint64)  # of TensorFlow

Shape: TypeAlias = Sequence[Any] | tf.Tensor  # of ints and scalar tensors


def fold(seed: tf.Tensor, number: int | tf.Tensor) -> tf.Tensor:
  """Returns a new seed for a number: a step, a stream, a view.

  Args:
    seed: int32 or int64 `[2]`, or `[4]` from `for_rows`.
    number: any integer.

  Example:
    >>> seed = tf.constant([0, 1])
    >>> bool(tf.reduce_all(fold(seed, 1) == fold(seed, 2)))
    False
  """
  return _fold_all(seed, [number])[0]


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
  """Returns several new seeds, for draws that are independent of each other.

  Args:
    seed: `[2]`, or `[4]` from `for_rows`.
    count: how many.

  Example:
    >>> one, other = split(tf.constant([0, 1]), 2)
    >>> bool(tf.reduce_all(one == other))
    False
  """
  return _fold_all(seed, range(count))


def for_rows(seed: tf.Tensor, first: int | tf.Tensor, total: int | tf.Tensor) -> tf.Tensor:
  """Returns a seed `[4]` that draws only some of the rows (the first axis) that `seed` draws.

  How many rows it draws follows from the shapes that are asked for.

  Args:
    seed: `[2]`.
    first: index of the first row.
    total: how many rows one device would draw.

  Example:
    >>> seed = tf.constant([0, 1])
    >>> last_two = uniform([2, 3], for_rows(seed, first=4, total=6))
    >>> bool(tf.reduce_all(last_two == uniform([6, 3], seed)[4:]))
    True
  """
  rows = tf.cast(tf.stack([first, total]), tf.int32)
  return tf.concat([tf.cast(seed, tf.int32), rows], 0)


def uniform(shape: Shape, seed: tf.Tensor, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
  """Returns float32 numbers in [low, high).

  Args:
    shape: of the result.
    seed: `[2]`, or `[4]` from `for_rows`.
    low: smallest value.
    high: exclusive upper end.

  Example:
    >>> numbers = uniform([1000], tf.constant([0, 1]), low=-1.0)
    >>> bool(tf.reduce_all((numbers >= -1) & (numbers < 1)))
    True
  """
  steps = tf.bitwise.right_shift(words(shape, seed), tf.constant(8, tf.uint32))
  return low + (high - low) * tf.cast(tf.cast(steps, tf.int32), tf.float32) * 2.0**-24


def integers(shape: Shape, seed: tf.Tensor, low: int, high: int) -> tf.Tensor:
  """Returns int32 numbers from low to high - 1.

  Args:
    shape: of the result.
    seed: `[2]`, or `[4]` from `for_rows`.
    low: smallest value.
    high: exclusive upper end.

  Example:
    >>> sorted(set(integers([100], tf.constant([0, 1]), 1, 4).numpy().tolist()))
    [1, 2, 3]
  """
  return _draw_rows(_draw_integers, shape, seed, low=low, high=high)


def below(counts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
  """Returns int32 numbers from 0 to `counts` - 1, each with its own bound.

  Args:
    counts: int32 of any shape, at least 1.
    seed: `[2]`, or `[4]` from `for_rows`.

  Example:
    >>> below(tf.constant([1, 1, 1]), tf.constant([0, 1])).numpy().tolist()
    [0, 0, 0]
  """
  draws = uniform(tf.shape(counts), seed) * tf.cast(counts, tf.float32)
  return tf.minimum(tf.cast(draws, tf.int32), counts - 1)


def words(shape: Shape, seed: tf.Tensor) -> tf.Tensor:
  """Returns uint32 numbers, all equally likely.

  Args:
    shape: of the result.
    seed: `[2]`, or `[4]` from `for_rows`.

  Example:
    >>> words([2, 3], tf.constant([0, 1])).dtype
    tf.uint32
  """
  return _draw_rows(_draw_words, shape, seed, dtype=tf.uint32)


def normal(shape: Shape, seed: tf.Tensor) -> tf.Tensor:
  """Returns float32 numbers of mean 0 and standard deviation 1.

  Args:
    shape: of the result.
    seed: `[2]`, or `[4]` from `for_rows`.

  Example:
    >>> numbers = normal([10_000], tf.constant([0, 1]))
    >>> print(f"{tf.math.reduce_std(numbers):.1f}")
    1.0
  """
  return _draw_rows(_box_muller, shape, seed)


def _draw_rows(
  draw: Callable[..., tf.Tensor], shape: Shape, seed: tf.Tensor, **options: Any
) -> tf.Tensor:
  """Calls `draw(shape, seed [2], **options)` and returns the rows that the seed is for."""
  if _draws_all_rows(seed):
    return draw(shape, seed, **options)
  shape = tf.cast(shape, tf.int32)
  all_rows = draw(tf.concat([seed[3:], shape[1:]], 0), seed[:2], **options)
  return all_rows[seed[2] : seed[2] + shape[0]]


def _key_counter(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """Scrambles a seed as TensorFlow does; StatelessRandomGetKeyCounter differs in XLA code."""
  scrambled = tf.raw_ops.StatelessRandomUniformFullIntV2(
    shape=[2], key=_SCRAMBLING_KEY, counter=tf.cast(seed, tf.uint64), alg=_PHILOX, dtype=tf.uint64
  )
  return scrambled[:1], scrambled * _SECOND  # GPUs can do that; not tf.split or tf.pad of uint64


def _draw_words(shape: Shape, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
  """Draws of all numbers that the type has."""
  key, counter = _key_counter(seed)
  return tf.raw_ops.StatelessRandomUniformFullIntV2(
    shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=dtype
  )


def _draw_integers(shape: Shape, seed: tf.Tensor, low: int, high: int) -> tf.Tensor:
  key, counter = _key_counter(seed)
  return tf.raw_ops.StatelessRandomUniformIntV2(
    shape=shape, key=key, counter=counter, alg=_PHILOX, minval=low, maxval=high
  )


def _fold_all(seed: tf.Tensor, numbers: Iterable[int | tf.Tensor]) -> list[tf.Tensor]:
  """Makes a seed of each number, as tf.random.experimental.stateless_fold_in does."""
  if not _draws_all_rows(seed):
    return [tf.concat([folded, seed[2:]], 0) for folded in _fold_all(seed[:2], numbers)]
  tensors = [tf.convert_to_tensor(number) for number in numbers]
  drawn = _draw_words([], seed, tensors[0].dtype)
  return [tf.stack([drawn, tensor]) for tensor in tensors]


def _draws_all_rows(seed: tf.Tensor) -> bool:
  return tf.convert_to_tensor(seed).shape[-1] == 2


def _box_muller(shape: Shape, seed: tf.Tensor) -> tf.Tensor:
  """Makes pairs of independent normal numbers of pairs of uniform ones (Box and Muller)."""
  size = tf.reduce_prod(shape)
  half = [(size + 1) // 2]
  radius = tf.sqrt(-2.0 * tf.math.log(1.0 - uniform(half, fold(seed, 0))))
  angle = 2.0 * math.pi * uniform(half, fold(seed, 1))
  both = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 0)
  return tf.reshape(both[:size], shape)
