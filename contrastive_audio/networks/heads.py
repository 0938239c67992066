"""Projection heads: embeddings `[B, D]` -> projections `[B, P]`; for pre-training only."""

from collections.abc import Callable

import keras

from contrastive_audio.networks.encoders import HEAD_UNITS


def keras_dense(inputs: int, units: int) -> keras.layers.Dense:
  """Builds a dense layer that starts as Keras' do: Glorot, and a bias of zeros.

  Args:
    inputs: size of the vectors it takes.
    units: size of those it returns.

  Example:
    >>> layer = keras_dense(inputs=512, units=128)
    >>> layer(keras.ops.zeros([1, 512])).shape, bool(keras.ops.max(abs(layer.bias)) > 0)
    (TensorShape([1, 128]), False)
  """
  layer = keras.layers.Dense(units)
  layer.build((None, inputs))
  return layer


def mlp(
  encoder: keras.Model,
  units: int,
  hidden_units: int,
  batchnorm_momentum: float,
  dense: Callable[[int, int], keras.layers.Dense] = keras_dense,
  head_input: str = "last",
) -> keras.Model:
  """Builds a head of Dense, BatchNorm, ReLU and Dense.

  Args:
    encoder: the encoder whose embeddings the head takes.
    units: P.
    hidden_units: units of the first dense layer.
    batchnorm_momentum: momentum of the moving averages.
    dense: `(inputs, units) -> dense layer`; keras_dense, or pytorch_defaults.pytorch_dense.
    head_input: "all" of the embedding; or "last": the last units of it, for encoders in HEAD_UNITS.

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
  if head_input == "last" and (visible_units := HEAD_UNITS.get(encoder.name, size)) < size:
    x = embedding[:, size - visible_units :]
  x = dense(x.shape[-1], hidden_units)(x)
  x = keras.layers.BatchNormalization(momentum=batchnorm_momentum, epsilon=1e-5)(x)
  x = dense(hidden_units, units)(keras.layers.ReLU()(x))
  return keras.Model(embedding, x, name="projection")
