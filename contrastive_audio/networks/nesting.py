"""The layers of a network, wherever they stand in it."""

import keras


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
  """Returns all layers of a model, those inside of other layers and models as well, in any order.

  Args:
    model: any.

  Example:
    >>> stem = keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization()])
    >>> sorted(type(layer).__name__ for layer in layers_of(keras.Sequential([stem])))
    ['BatchNormalization', 'Dense', 'Sequential']
  """
  return list(model._flatten_layers(include_self=False))
