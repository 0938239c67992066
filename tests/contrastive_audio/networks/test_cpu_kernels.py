"""Fused BatchNorm changes the rounding and nothing else; one switch turns it off."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.networks import cpu_kernels, encoders
from tests.support import assert_close


def gradients_of(model, batch):
  """The outputs in training, and the gradients of their mean square."""
  with tf.GradientTape() as tape:
    outputs = model(batch, training=True)
    loss = tf.reduce_mean(outputs**2)
  return [outputs, *tape.gradient(loss, model.trainable_variables)]


def replaced(model):
  """The layers that do not compute as Keras has them."""
  return [layer for layer in model.layers if "call" in vars(layer)]


def plain_copy(model):
  copy = keras.models.clone_model(model)
  copy.set_weights(model.get_weights())
  return copy


def without_kinks(model):
  """A copy in which rounding cannot choose another winner of a maximum, and with it a gradient."""

  def copy(layer):
    if isinstance(layer, keras.layers.ReLU):
      return keras.layers.Activation("softplus")
    if isinstance(layer, keras.layers.GlobalMaxPooling2D):
      return keras.layers.GlobalAveragePooling2D()
    if isinstance(layer, keras.layers.GlobalMaxPooling1D):
      return keras.layers.GlobalAveragePooling1D()
    if isinstance(layer, keras.layers.MaxPooling2D):
      return keras.layers.AveragePooling2D(layer.pool_size, layer.strides, layer.padding)
    return type(layer).from_config(layer.get_config())

  smooth = keras.models.clone_model(model, clone_function=copy)
  smooth.set_weights(model.get_weights())
  return smooth


@pytest.fixture(params=cpu_kernels.FUSED_ENCODERS)
def encoder(request):
  keras.utils.set_random_seed(0)  # how far rounding goes depends on the weights
  return getattr(encoders, request.param)(96)


@pytest.fixture
def batch():
  return np.random.default_rng(0).normal(0, 1, [3, 101, 96, 1]).astype("f")


def test_fused_normalisation_changes_only_the_rounding(encoder, batch):
  plain, fused = without_kinks(encoder), cpu_kernels.use_cpu_kernels(without_kinks(encoder))
  assert replaced(fused)
  assert not replaced(plain)
  for ours, theirs in zip(gradients_of(fused, batch), gradients_of(plain, batch), strict=True):
    assert_close(ours, theirs, atol=2e-3 * float(tf.reduce_max(tf.abs(theirs))) + 1e-9)
  for ours, theirs in zip(fused.get_weights(), plain.get_weights(), strict=True):
    assert_close(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))  # moving statistics


def test_an_encoder_is_built_with_it_and_gives_the_same_embeddings(encoder, batch):
  assert replaced(encoder)
  theirs = plain_copy(encoder)(batch, training=True)
  assert_close(
    encoder(batch, training=True), theirs, atol=2e-3 * float(tf.reduce_max(tf.abs(theirs)))
  )


def test_fused_normalisation_leaves_a_frozen_encoder_as_it_is(encoder, batch):
  encoder.trainable = False
  before = encoder.get_weights()
  encoder(batch, training=True)
  assert all((a == b).all() for a, b in zip(before, encoder.get_weights(), strict=True))


def test_one_switch_turns_it_off(monkeypatch):
  monkeypatch.setattr(cpu_kernels, "FUSED_ENCODERS", ())
  assert not replaced(encoders.vgg_like(96))


def test_with_a_gpu_nothing_changes(monkeypatch):
  monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
  assert not replaced(encoders.crnn(96))


def test_networks_that_do_not_gain_are_left_alone():
  assert not replaced(encoders.resnet18(96))
  assert not replaced(encoders.efficientnet_b0(64))
