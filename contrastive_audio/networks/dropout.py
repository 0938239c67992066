"""Dropout that does not depend on how many replicas share a batch, nor on its parts."""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.networks.nesting import layers_of

# (number of the part of this replica's batch that a model gets, count of equal parts)
_PART: contextvars.ContextVar[tuple[int | tf.Tensor, int]] = contextvars.ContextVar(
  "part", default=(0, 1)
)


@contextlib.contextmanager
def part_of_batch(number: int | tf.Tensor, count: int) -> Iterator[None]:
  """Says that a model gets a part of the batch of this replica.

  Args:
    number: of the part, from 0.
    count: how many parts there are, all of the same size.

  Example:
    >>> model = keras.Sequential([keras.Input([8]), keras.layers.Dropout(0.5, seed=0)])
    >>> (state,) = draw_dropout_by_rows(model, num_views=1)
    >>> start, rows = state.numpy(), tf.ones([4, 8])
    >>> whole = model(rows, training=True)
    >>> _ = state.assign(start)
    >>> with part_of_batch(1, 2):
    ...   second_half = model(rows[2:], training=True)
    >>> bool(tf.reduce_all(second_half == whole[2:]))
    True
  """
  token = _PART.set((number, count))
  try:
    yield
  finally:
    _PART.reset(token)


def draw_dropout_by_rows(model: keras.Model, num_views: int) -> list[keras.Variable]:
  """Makes each replica and part drop what a single device with the whole batch would drop there.

  Args:
    model: its Dropout layers, drop-connect among them, are changed in place.
    num_views: number of views that one input of the model holds, one after the other: 2 if both
      views of a batch share a pass, otherwise 1.

  Returns:
    The variables that these layers draw from.

  Example:
    >>> model = keras.Sequential([keras.Input([8]), keras.layers.Dropout(0.5, seed=0)])
    >>> len(draw_dropout_by_rows(model, num_views=1))
    1
    >>> sorted(set(model(tf.ones([4, 8]), training=True).numpy().ravel().tolist()))
    [0.0, 2.0]
  """
  changed = [layer for layer in layers_of(model) if type(layer) is keras.layers.Dropout]
  for layer in changed:
    layer.call = functools.partial(_drop_by_rows, layer, num_views)
  return [layer.seed_generator.state for layer in changed if layer.rate]


def draw_apart(model: keras.Model) -> None:
  """Makes each replica draw other noise in layers that do not drop by rows.

  What they draw then depends on the number of replicas.

  Args:
    model: its layers with a seed generator are changed in place, Dropout excepted.

  Example:
    >>> model = keras.Sequential([keras.Input([8]), keras.layers.GaussianNoise(0.5, seed=0)])
    >>> draw_apart(model)
    >>> model(tf.ones([4, 8]), training=True).shape
    TensorShape([4, 8])
  """
  for layer in layers_of(model):
    if type(layer) is keras.layers.Dropout:
      continue
    for value in vars(layer).values():
      if isinstance(value, keras.random.SeedGenerator):
        value.next = functools.partial(_next_of_replica, value.next)


def _next_of_replica(draw: Callable[..., tf.Tensor], *arguments: Any, **options: Any) -> tf.Tensor:
  """Returns the next seed of a generator, folded with the number of the replica."""
  seed = draw(*arguments, **options)
  folded = tf.random.fold_in(tf.bitcast(tf.cast(seed, tf.uint32), tf.int32), replicas.number())
  return tf.cast(tf.bitcast(folded, tf.uint32), seed.dtype)


def _drop_by_rows(
  layer: keras.layers.Dropout, num_views: int, inputs: tf.Tensor, training: bool = False
) -> tf.Tensor:
  if not training or not layer.rate:
    return inputs
  part, num_parts = _PART.get()
  num_rows, num_clips = tf.shape(inputs)[0], tf.shape(inputs)[0] // num_views
  num_all_rows = num_rows * num_parts * replicas.count()
  shape = [num_all_rows, *(layer.noise_shape or inputs.shape)[1:]]
  seed = tf.cast(layer.seed_generator.next() % (tf.int32.max - 1), tf.int32)  # as Keras does
  # The operation of Keras' own layer, on a batch of ones: the same random numbers.
  factors = tf.nn.experimental.stateless_dropout(tf.ones(shape, inputs.dtype), layer.rate, seed)
  factors = tf.reshape(factors, tf.concat([[num_views, -1], tf.shape(factors)[1:]], 0))
  first_clip = replicas.first_row(inputs) // num_views * num_parts + part * num_clips
  own = tf.gather(factors, first_clip + tf.range(num_clips), axis=1)
  return inputs * tf.reshape(own, tf.concat([[num_rows], tf.shape(own)[2:]], 0))
