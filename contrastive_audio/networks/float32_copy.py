"""The encoder and head as they are judged and exported: float32, on one device.

Where a model trains so, these are its own. Otherwise they are copies, which get the weights of the
moment when they are asked for.
"""

import keras
import tensorflow as tf

from contrastive_audio.networks import encoders


class Float32Networks:
  """Plain copies of a model's networks, or, where they are plain, the networks themselves.

  Attributes:
    encoder: keras.Model `[B, T, F, 1] -> [B, D]`.
    head: keras.Model `[B, D] -> [B, P]`.
  """

  def __init__(self, model):
    """Takes a contrastive.ContrastiveModel; call it outside the scope of a strategy."""
    self._sources = [model.encoder, model.head]
    self._are_plain = all(map(_is_plain, self._sources))
    copies = self._sources if self._are_plain else [_plain_copy(m) for m in self._sources]
    self.encoder, self.head = copies

  def refresh(self):
    """Gives the copies the weights that the model has now."""
    if self._are_plain:
      return
    for source, copy in zip(self._sources, (self.encoder, self.head)):
      copy.set_weights([_value_of(variable) for variable in source.variables])


def _value_of(variable):
  """Returns the value of a Keras variable, a NumPy array, also of one that replicas share."""
  value = variable.value
  if isinstance(value, tf.distribute.DistributedValues):
    value = value.values[0]
  return value.numpy()


def _is_plain(network):
  shared = any(
    isinstance(variable.value, tf.distribute.DistributedValues) for variable in network.variables
  )
  policies = {layer.dtype_policy.name for layer in network.layers}
  return not shared and policies <= {"float32"}


def _plain_copy(network):
  def copy(layer):
    dtype = {"dtype": "float32"} if isinstance(layer, keras.Layer) else {}  # not of an operation
    return type(layer).from_config(layer.get_config() | dtype)

  return encoders.use_fast_kernels(keras.models.clone_model(network, clone_function=copy))
