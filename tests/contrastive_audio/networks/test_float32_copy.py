"""Networks as they are evaluated: copies only where the trained ones are not plain float32."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.networks.float32_copy import Float32Networks, as_float32
from contrastive_audio.networks.nesting import layers_of
from tests.support import assert_close


def make(dtype):
  network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, dtype=dtype)])
  return types.SimpleNamespace(encoder=network, head=network)


def test_plain_networks_are_not_copied():
  model = make("float32")
  networks = Float32Networks(model)
  assert networks.encoder is model.encoder


def test_a_copy_of_half_precision_computes_in_float32_with_the_current_weights():
  model = make("mixed_float16")
  networks = Float32Networks(model)
  model.encoder.layers[0].kernel.assign(np.full([4, 3], 1.0001))  # float16 cannot hold it
  networks.refresh()
  assert networks.encoder is not model.encoder
  assert_close(networks.encoder(np.ones([1, 4], "f")), np.full([1, 3], 4.0004), rtol=1e-6)


def test_what_dropout_draws_from_is_no_weight_of_a_copy():
  layers = [keras.layers.Dense(3, dtype="mixed_float16"), keras.layers.Dropout(0.5)]
  network = keras.Sequential([keras.Input([4]), *layers])
  networks = Float32Networks(types.SimpleNamespace(encoder=network, head=network))
  networks.refresh()
  assert_close(networks.encoder.layers[0].kernel, network.layers[0].kernel)


def test_models_inside_of_a_network_are_copied_in_float32_too():
  inner = keras.Sequential(
    [keras.layers.Dense(3, dtype="mixed_float16", kernel_initializer="ones")]
  )
  network = keras.Sequential([keras.Input([4]), inner])
  networks = Float32Networks(types.SimpleNamespace(encoder=network, head=network))
  networks.refresh()
  inputs = np.full([1, 4], 1.0001, "f")  # float16 cannot hold it
  assert_close(network(inputs), [[4.0, 4.0, 4.0]])
  assert_close(networks.encoder(inputs), np.full([1, 3], 4.0004), rtol=1e-6)


def with_wrappers(dtype):
  """A network whose layers that compute are inside of others."""
  keras.config.set_dtype_policy(dtype)
  try:
    layers = keras.layers
    dense = layers.TimeDistributed(layers.Dense(6, activation="tanh"))
    gru = layers.Bidirectional(layers.GRU(5))
    stack = layers.RNN([layers.LSTMCell(4), layers.LSTMCell(3)], return_sequences=True)
    return keras.Sequential([keras.Input([7, 4]), dense, stack, gru])
  finally:
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_layers_inside_of_wrappers_are_copied_in_float32_too(dtype):
  network, plain = with_wrappers(dtype), with_wrappers("float32")
  copy = as_float32(network)
  assert {layer.dtype_policy.name for layer in layers_of(network)} == {dtype}
  assert {layer.dtype_policy.name for layer in layers_of(copy)} == {"float32"}
  plain.set_weights(network.get_weights())
  inputs = np.random.default_rng(0).normal(size=[3, 7, 4]).astype("f")
  assert np.abs(plain(inputs) - tf.cast(network(inputs), tf.float32)).max() > 1e-5
  assert_close(copy(inputs), plain(inputs), atol=1e-7)


@keras.saving.register_keras_serializable("float32_copy")
class Scaled(keras.layers.Layer):
  """A layer of somebody who knows of no data types."""

  def __init__(self, factor):
    super().__init__()
    self.factor = factor

  def call(self, inputs):
    return self.factor * inputs

  def get_config(self):
    return {"factor": self.factor}


def test_layers_that_know_of_no_types_are_copied_too():
  dense = keras.layers.Dense(3, dtype="mixed_float16", kernel_initializer="ones")
  network = keras.Sequential([keras.Input([4]), dense, Scaled(2.0)])
  networks = Float32Networks(types.SimpleNamespace(encoder=network, head=network))
  networks.refresh()
  assert_close(networks.encoder(np.full([1, 4], 1.0001, "f")), np.full([1, 3], 8.0008), rtol=1e-6)
