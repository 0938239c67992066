"""Weights that start as PyTorch's do, in the networks whose published code is PyTorch's."""

import keras


def uniform_by_inputs(inputs: int) -> keras.initializers.Initializer:
  """Returns PyTorch's default for kernels and biases: uniform in +-1 / sqrt(inputs).

  Args:
    inputs: of each unit; of a convolution: the size of its kernel times the channels.

  Example:
    >>> weights = uniform_by_inputs(4)([1000])
    >>> bool(0.45 < keras.ops.max(abs(weights)) <= 0.5)
    True
  """
  limit = inputs**-0.5
  return keras.initializers.RandomUniform(-limit, limit)


def pytorch_dense(inputs: int, units: int, name: str | None = None) -> keras.layers.Dense:
  """Builds a dense layer that starts as PyTorch's nn.Linear: its bias is random, too.

  Args:
    inputs: size of the vectors it takes.
    units: size of those it returns.
    name: of the layer.

  Example:
    >>> layer = pytorch_dense(inputs=512, units=128)
    >>> layer(keras.ops.zeros([1, 512])).shape, bool(keras.ops.max(abs(layer.bias)) > 0)
    (TensorShape([1, 128]), True)
  """
  return keras.layers.Dense(
    units,
    kernel_initializer=uniform_by_inputs(inputs),
    bias_initializer=uniform_by_inputs(inputs),
    name=name,
  )
