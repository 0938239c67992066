"""The layers of a network, wherever they stand in it."""

import keras


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
  """Returns all layers of a model, those inside of other layers and models as well.

  Args:
    model: any.

  Example:
    >>> stem = keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization()])
    >>> [type(layer).__name__ for layer in layers_of(keras.Sequential([stem]))]
    ['Sequential', 'Dense', 'BatchNormalization']
  """
  return list(model._flatten_layers(include_self=False))
