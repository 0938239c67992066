"""BatchNorm statistics measured on clean excerpts, instead of those that training left.

Moving averages lag behind the weights, and are those of augmented views: an encoder that is judged
and exported in inference mode sees clean excerpts.
"""

import keras
import numpy as np
import tensorflow as tf


def reestimate(encoder, batches):
  """Replaces the moving statistics of an encoder by the mean over batches.

  Args:
    encoder: a keras.Model; changed in place.
    batches: an iterable of standardised log-mels `[B, T, F, 1]`.
  """
  found = _layers(encoder)
  variables = [v for layer in found for v in (layer.moving_mean, layer.moving_variance)]
  momenta, sums, count = [layer.momentum for layer in found], None, 0
  for layer in found:
    layer.momentum = 0.0  # the statistics of the last batch, nothing else
  for log_mels in batches:
    encoder(log_mels, training=True)
    values = [variable.numpy().astype(np.float64) for variable in variables]
    sums = values if sums is None else [a + b for a, b in zip(sums, values)]
    count += 1
  for layer, momentum in zip(found, momenta):
    layer.momentum = momentum
  for variable, total in zip(variables, sums or []):
    variable.assign(total / count)


def synchronise(model):
  """Lets BatchNorm see the batch of all replicas.

  Args:
    model: a keras.Model; its layers are changed in place, not what they save.
  """
  for layer in _layers(model):
    layer.synchronized = True


def keep_in_float32(model):
  """Computes BatchNorm in float32, whatever the precision of the rest.

  Args:
    model: a keras.Model; its layers are changed in place.
  """
  for layer in _layers(model):
    layer.dtype_policy = keras.DTypePolicy("float32")


def in_training_mode(encoder, log_mels):
  """Embeds in training mode, and leaves no trace of it.

  Args:
    encoder: a keras.Model.
    log_mels: `[B, T, F, 1]`.

  Returns:
    `[B, D]`.
  """
  kept = [variable.value for variable in encoder.non_trainable_variables]
  kept = [tf.identity(value) for value in kept]
  embeddings = encoder(log_mels, training=True)
  for variable, value in zip(encoder.non_trainable_variables, kept):
    variable.assign(value)
  return embeddings


def _layers(encoder):
  kind = keras.layers.BatchNormalization
  return [layer for layer in encoder.layers if isinstance(layer, kind)]
