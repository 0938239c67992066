"""Dropout that does not depend on how many replicas share a batch."""

import functools

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas


def draw_dropout_by_rows(model: keras.Model, num_views: int) -> None:
  """Makes each replica drop what a single device with the whole batch would drop in its rows.

  Args:
    model: its Dropout layers, drop-connect among them, are changed in place.
    num_views: number of views that one input of the model holds, one after the other: 2 if both
      views of a batch share a pass, otherwise 1.

  Example:
    >>> model = keras.Sequential([keras.Input([8]), keras.layers.Dropout(0.5, seed=0)])
    >>> draw_dropout_by_rows(model, num_views=1)
    >>> sorted(set(model(tf.ones([4, 8]), training=True).numpy().ravel().tolist()))
    [0.0, 2.0]
  """
  for layer in model.layers:
    if type(layer) is keras.layers.Dropout:
      layer.call = functools.partial(_drop_by_rows, layer, num_views)


def _drop_by_rows(
  layer: keras.layers.Dropout, num_views: int, inputs: tf.Tensor, training: bool = False
) -> tf.Tensor:
  if not training or not layer.rate:
    return inputs
  num_rows, num_clips = tf.shape(inputs)[0], tf.shape(inputs)[0] // num_views
  shape = [num_rows * replicas.count(), *(layer.noise_shape or inputs.shape)[1:]]
  seed = tf.cast(layer.seed_generator.next() % (tf.int32.max - 1), tf.int32)  # as Keras does
  # The operation of Keras' own layer, on a batch of ones: the same random numbers.
  factors = tf.nn.experimental.stateless_dropout(tf.ones(shape, inputs.dtype), layer.rate, seed)
  factors = tf.reshape(factors, tf.concat([[num_views, -1], tf.shape(factors)[1:]], 0))
  first_clip = replicas.first_row(inputs) // num_views
  own = factors[:, first_clip : first_clip + num_clips]
  return inputs * tf.reshape(own, tf.concat([[num_rows], tf.shape(own)[2:]], 0))
