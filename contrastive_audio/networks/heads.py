"""Projection heads: embeddings [B, D] -> projections [B, P]; pre-training only."""

import keras

from contrastive_audio.networks.encoders import HEAD_UNITS


def mlp(encoder, units, hidden_units, batchnorm_momentum):
  """Dense, BatchNorm, ReLU, Dense, on what the head may see of an embedding (encoders.HEAD_UNITS).

  Args:
    encoder: the keras.Model.
    units: P.
    hidden_units: of the first dense layer.
    batchnorm_momentum: of the moving averages.

  Returns:
    A keras.Model.
  """
  size = encoder.output_shape[-1]
  embedding = x = keras.Input([size])
  if (seen := HEAD_UNITS.get(encoder.name, size)) < size:
    x = embedding[:, size - seen :]
  x = keras.layers.Dense(hidden_units)(x)
  x = keras.layers.BatchNormalization(momentum=batchnorm_momentum, epsilon=1e-5)(x)
  x = keras.layers.Dense(units)(keras.layers.ReLU()(x))
  return keras.Model(embedding, x, name="projection")
