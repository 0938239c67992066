"""Stateless random numbers: a function of a seed `[2]`, the same on every device.

Plain and XLA code draw the same integers from the same seed, once the algorithm is named, but other
floats. So floats are made of integers here.

Where several devices share a batch, each draws the rows it holds of what one device would draw:
`for_rows` makes a seed `[4]` that says which they are, and every function here takes it, too.
"""

import functools
import math

import tensorflow as tf

_PHILOX = "philox"


def fold(seed, number):
  """Returns a new seed for a number: a step, a stream, a part."""
  if _is_for_all(seed):
    return tf.random.experimental.stateless_fold_in(seed, number, alg=_PHILOX)
  return tf.concat([fold(seed[:2], number), seed[2:]], 0)


def for_rows(seed, first, total):
  """Returns a seed `[4]` that draws only some rows, the first axis, of what `seed` draws.

  Args:
    seed: int32 `[2]`.
    first: number of the first row; how many there are is in the shapes that are drawn.
    total: rows that one device would draw.
  """
  rows = tf.cast(tf.stack([first, total]), tf.int32)
  return tf.concat([tf.cast(seed, tf.int32), rows], 0)


def uniform(shape, seed, low=0.0, high=1.0):
  """Returns float32 numbers in [low, high)."""
  steps = tf.bitwise.right_shift(words(shape, seed), tf.constant(8, tf.uint32))
  return low + (high - low) * tf.cast(tf.cast(steps, tf.int32), tf.float32) * 2.0**-24


def integers(shape, seed, low, high):
  """Returns int32 numbers from low to high - 1."""
  draw = functools.partial(tf.random.stateless_uniform, alg=_PHILOX)
  return _rows(draw, shape, seed, low, high, tf.int32)


def below(counts, seed):
  """Returns int32 numbers from 0 to `counts` - 1, each with its own bound."""
  draws = uniform(tf.shape(counts), seed) * tf.cast(counts, tf.float32)
  return tf.minimum(tf.cast(draws, tf.int32), counts - 1)


def words(shape, seed):
  """Returns uint32 numbers, all equally likely."""
  draw = functools.partial(tf.random.stateless_uniform, alg=_PHILOX)
  return _rows(draw, shape, seed, None, None, tf.uint32)


def normal(shape, seed):
  """Returns float32 numbers of mean 0 and standard deviation 1."""
  return _rows(_box_muller, shape, seed)


def _rows(draw, shape, seed, *arguments):
  """Calls `draw(shape, seed [2], *arguments)`, for the rows that the seed is for."""
  if _is_for_all(seed):
    return draw(shape, seed, *arguments)
  shape = tf.cast(shape, tf.int32)
  everything = draw(tf.concat([seed[3:], shape[1:]], 0), seed[:2], *arguments)
  return everything[seed[2] : seed[2] + shape[0]]


def _is_for_all(seed):
  return tf.convert_to_tensor(seed).shape[-1] == 2


def _box_muller(shape, seed):
  """Two independent normal numbers from two uniform ones."""
  size = tf.reduce_prod(shape)
  half = [(size + 1) // 2]
  radius = tf.sqrt(-2.0 * tf.math.log(1.0 - uniform(half, fold(seed, 0))))
  angle = 2.0 * math.pi * uniform(half, fold(seed, 1))
  both = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 0)
  return tf.reshape(both[:size], shape)
