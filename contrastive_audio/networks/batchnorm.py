"""BatchNorm: statistics re-estimated on clean excerpts, shared by replicas, kept in float32.

Moving averages lag behind the weights and describe augmented views. An encoder is evaluated and
exported in inference mode, and sees clean excerpts there.
"""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.networks.nesting import layers_of


def reestimate(encoder: keras.Model, batches: Iterable[tf.Tensor]) -> None:
  """Replaces the moving statistics of an encoder with their mean over some batches.

  Args:
    encoder: the model; changed in place.
    batches: standardised log-mels, each `[B, T, F, 1]`. Without any, nothing changes.

  Example:
    >>> layer = keras.layers.BatchNormalization()
    >>> encoder = keras.Sequential([keras.Input([None, 3, 1]), layer])
    >>> reestimate(encoder, [tf.fill([2, 4, 3, 1], value) for value in (5.0, 7.0)])
    >>> float(layer.moving_mean[0])
    6.0
  """
  layers = _layers(encoder)
  variables = [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
  totals, num_batches = [np.zeros(variable.shape) for variable in variables], 0
  momenta = [layer.momentum for layer in layers]
  for layer in layers:
    layer.momentum = 0.0  # each batch leaves its own statistics
  for log_mels in batches:
    encoder(log_mels, training=True)
    totals = [total + variable.numpy() for total, variable in zip(totals, variables)]
    num_batches += 1
  for layer, momentum in zip(layers, momenta):
    layer.momentum = momentum
  if num_batches:
    for variable, total in zip(variables, totals):
      variable.assign(total / num_batches)


def synchronise(model: keras.Model) -> None:
  """Makes BatchNorm take its statistics from the batch of all replicas.

  Args:
    model: its layers are changed in place, but not what they save.

  Example:
    >>> model = keras.Sequential([keras.layers.BatchNormalization()])
    >>> synchronise(model)
    >>> model.layers[0].synchronized
    True
  """
  for layer in _layers(model):
    layer.synchronized = True


def keep_in_float32(model: keras.Model) -> None:
  """Makes BatchNorm compute in float32, whatever the precision of the other layers.

  Args:
    model: its layers are changed in place.

  Example:
    >>> model = keras.Sequential([keras.layers.BatchNormalization(dtype="mixed_float16")])
    >>> keep_in_float32(model)
    >>> model.layers[0].compute_dtype
    'float32'
  """
  for layer in _layers(model):
    layer.dtype_policy = keras.DTypePolicy("float32")


def embed_in_training_mode(encoder: keras.Model, log_mels: tf.Tensor) -> tf.Tensor:
  """Embeds in training mode without changing the encoder.

  Args:
    encoder: the model.
    log_mels: `[B, T, F, 1]`.

  Returns:
    Embeddings `[B, D]`.

  Example:
    >>> layer = keras.layers.BatchNormalization()
    >>> encoder = keras.Sequential([keras.Input([3]), layer])
    >>> float(tf.reduce_mean(embed_in_training_mode(encoder, tf.fill([2, 3], 7.0))))
    0.0
    >>> float(layer.moving_mean[0])  # as before
    0.0
  """
  variables = encoder.non_trainable_variables
  values = [tf.identity(variable.value) for variable in variables]
  embeddings = encoder(log_mels, training=True)
  for variable, value in zip(variables, values):
    variable.assign(value)
  return embeddings


def _layers(model: keras.Model) -> list[keras.layers.BatchNormalization]:
  kind = keras.layers.BatchNormalization
  return [layer for layer in layers_of(model) if isinstance(layer, kind)]
