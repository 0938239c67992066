"""Stateless random numbers: a function of a seed `[2]`, the same on every device.

Plain and XLA code draw the same integers from the same seed, once the algorithm is named, but other
floats. So floats are made of integers here.
"""

import math

import tensorflow as tf

_PHILOX = "philox"


def fold(seed, number):
  """Returns a new seed `[2]` for a number: a step, a stream, a part."""
  return tf.random.experimental.stateless_fold_in(seed, number, alg=_PHILOX)


def uniform(shape, seed, low=0.0, high=1.0):
  """Returns float32 numbers in [low, high)."""
  steps = tf.bitwise.right_shift(words(shape, seed), tf.constant(8, tf.uint32))
  return low + (high - low) * tf.cast(tf.cast(steps, tf.int32), tf.float32) * 2.0**-24


def integers(shape, seed, low, high):
  """Returns int32 numbers from low to high - 1."""
  return tf.random.stateless_uniform(shape, seed, low, high, tf.int32, alg=_PHILOX)


def below(counts, seed):
  """Returns int32 numbers from 0 to `counts` - 1, each with its own bound."""
  draws = uniform(tf.shape(counts), seed) * tf.cast(counts, tf.float32)
  return tf.minimum(tf.cast(draws, tf.int32), counts - 1)


def words(shape, seed):
  """Returns uint32 numbers, all equally likely."""
  return tf.random.stateless_uniform(
    shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg=_PHILOX
  )


def normal(shape, seed):
  """Returns float32 numbers of mean 0 and standard deviation 1."""
  # Box and Muller: two independent normal numbers from two uniform ones.
  size = tf.reduce_prod(shape)
  half = [(size + 1) // 2]
  radius = tf.sqrt(-2.0 * tf.math.log(1.0 - uniform(half, fold(seed, 0))))
  angle = 2.0 * math.pi * uniform(half, fold(seed, 1))
  both = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 0)
  return tf.reshape(both[:size], shape)
