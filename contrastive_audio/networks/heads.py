"""Projection heads: embeddings `[B, D]` -> projections `[B, P]`; for pre-training only."""

import keras

from contrastive_audio.networks.encoders import HEAD_UNITS


def mlp(
  encoder: keras.Model, units: int, hidden_units: int, batchnorm_momentum: float
) -> keras.Model:
  """Builds a head of Dense, BatchNorm, ReLU and Dense.

  Its input is the whole embedding, or the last units of it for the encoders in HEAD_UNITS.

  Args:
    encoder: the encoder whose embeddings the head takes.
    units: P.
    hidden_units: units of the first dense layer.
    batchnorm_momentum: momentum of the moving averages.

  Returns:
    The head, `[B, D] -> [B, P]`.

  Example:
    >>> encoder = keras.Sequential([keras.Input([512]), keras.layers.Identity()])
    >>> head = mlp(encoder, units=128, hidden_units=512, batchnorm_momentum=0.9)
    >>> head.input_shape, head.output_shape
    ((None, 512), (None, 128))
  """
  size = encoder.output_shape[-1]
  embedding = x = keras.Input([size])
  if (visible_units := HEAD_UNITS.get(encoder.name, size)) < size:
    x = embedding[:, size - visible_units :]
  x = keras.layers.Dense(hidden_units)(x)
  x = keras.layers.BatchNormalization(momentum=batchnorm_momentum, epsilon=1e-5)(x)
  x = keras.layers.Dense(units)(keras.layers.ReLU()(x))
  return keras.Model(embedding, x, name="projection")
