"""The encoder and head as they are evaluated and exported: float32, on one device.

They are the networks of the model itself where it trains that way, otherwise copies, which take
over the current weights on request.
"""

from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.networks.cpu_kernels import use_cpu_kernels
from contrastive_audio.networks.nesting import layers_of


class HasNetworks(Protocol):
  """A model with an encoder and a projection head, such as training.contrastive.ContrastiveModel.

  Attributes:
    encoder: `[B, T, F, 1] -> [B, D]`.
    head: `[B, D] -> [B, P]`.

  Example:
    >>> import types
    >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(2)])
    >>> model: HasNetworks = types.SimpleNamespace(encoder=network, head=network)
  """

  encoder: keras.Model
  head: keras.Model


class Float32Networks:
  """Float32 copies of a model's networks; the networks themselves if they are plain float32.

  Attributes:
    encoder: `[B, T, F, 1] -> [B, D]`.
    head: `[B, D] -> [B, P]`.

  Example:
    >>> import types
    >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(2, dtype="mixed_float16")])
    >>> networks = Float32Networks(types.SimpleNamespace(encoder=network, head=network))
    >>> networks.refresh()
    >>> networks.encoder(tf.ones([1, 4])).dtype
    tf.float32
  """

  def __init__(self, model: HasNetworks):
    """Makes the copies; call it outside the scope of a strategy.

    Args:
      model: the model that is trained.
    """
    self._sources = [model.encoder, model.head]
    self._are_plain = all(map(_is_plain, self._sources))
    copies = self._sources if self._are_plain else [_plain_copy(m) for m in self._sources]
    self.encoder, self.head = copies

  def refresh(self) -> None:
    """Gives the copies the current weights of the model."""
    if self._are_plain:
      return
    for source, copy in zip(self._sources, (self.encoder, self.head)):
      _give_weights(source, copy)


def as_float32(network: keras.Model) -> keras.Model:
  """Returns a network of float32 on one device with the same weights; itself if it is one.

  Args:
    network: any; call it outside the scope of a strategy.

  Example:
    >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(2, dtype="mixed_float16")])
    >>> as_float32(network)(tf.ones([1, 4])).dtype
    tf.float32
  """
  if _is_plain(network):
    return network
  copy = _plain_copy(network)
  _give_weights(network, copy)
  return copy


def _give_weights(source: keras.Model, copy: keras.Model) -> None:
  copy.set_weights([_value_of(variable) for variable in source.weights])


def _value_of(variable: keras.Variable) -> np.ndarray:
  """Returns the value of a variable, which replicas may share."""
  value = variable.value
  if isinstance(value, tf.distribute.DistributedValues):
    value = value.values[0]
  return value.numpy()


def _is_plain(network: keras.Model) -> bool:
  is_shared = any(
    isinstance(variable.value, tf.distribute.DistributedValues) for variable in network.variables
  )
  policies = {layer.dtype_policy.name for layer in layers_of(network)}
  return not is_shared and policies <= {"float32"}


def _plain_copy(network: keras.Model) -> keras.Model:
  def copy(layer):
    config = layer.get_config()
    if isinstance(layer, keras.Layer):  # operations have no type
      config = _in_float32(config)
    return type(layer).from_config(config)

  return use_cpu_kernels(keras.models.clone_model(network, clone_function=copy))


def _in_float32(config: Any) -> Any:
  """Returns the description of a layer, and of all that it wraps, whose types are all float32."""
  if isinstance(config, dict):
    return {
      name: "float32" if name == "dtype" else _in_float32(part) for name, part in config.items()
    }
  return [_in_float32(part) for part in config] if isinstance(config, list) else config
