"""Other operations change the rounding and nothing else; one switch turns them off."""

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


@pytest.fixture(params=cpu_kernels.ENCODERS)
def encoder(request):
  keras.utils.set_random_seed(0)  # how far rounding goes depends on the weights
  network = getattr(encoders, request.param)(96)
  for layer in network.layers:
    if isinstance(layer, keras.layers.Dropout):
      layer.rate = 0.0  # chance would hide what is compared
  return network


@pytest.fixture
def batch():
  return np.random.default_rng(0).normal(0, 1, [3, 101, 96, 1]).astype("f")


@pytest.mark.slow
def test_fused_normalisation_changes_only_the_rounding(encoder, batch):
  plain, fused = without_kinks(encoder), cpu_kernels.use_cpu_kernels(without_kinks(encoder))
  assert replaced(fused)
  assert not replaced(plain)
  desired = gradients_of(plain, batch)
  # Before another BatchNorm the gradient of an offset is zero, and what is left is rounding.
  zero = 1e-6 * max(float(tf.reduce_max(tf.abs(gradient))) for gradient in desired[1:])
  for ours, theirs in zip(gradients_of(fused, batch), desired, strict=True):
    assert_close(ours, theirs, atol=2e-3 * float(tf.reduce_max(tf.abs(theirs))) + zero)
  for ours, theirs in zip(fused.get_weights(), plain.get_weights(), strict=True):
    assert_close(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))  # moving statistics


@pytest.mark.slow
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
  monkeypatch.setattr(cpu_kernels, "ENCODERS", ())
  assert not replaced(encoders.vgg_like(96))


def test_with_a_gpu_nothing_changes(monkeypatch):
  monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
  assert not replaced(encoders.crnn(96))


def test_a_network_that_does_not_gain_is_left_alone():
  assert not replaced(encoders.resnet18(96))


def test_networks_of_others_are_left_alone():
  layer = keras.layers.BatchNormalization()
  cpu_kernels.use_cpu_kernels(keras.Sequential([keras.Input([4, 4, 2]), layer], name="theirs"))
  assert "call" not in vars(layer)


def with_and_without(layer, inputs):
  """Outputs and gradients of a layer, and of the same as Keras computes it."""
  network = keras.Sequential([keras.Input(inputs.shape[1:]), layer], name="efficientnet_b0")
  inputs = tf.constant(inputs)
  results = []
  for model in (plain_copy(network), cpu_kernels.use_cpu_kernels(network)):
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      outputs = model(inputs)
      loss = tf.reduce_mean(outputs**2)
    gradients = tape.gradient(loss, [inputs, *model.trainable_variables])
    results.append([outputs, *gradients])
  assert replaced(network)
  return zip(*results, strict=True)


@pytest.mark.parametrize(
  ("shape", "options"),
  [
    ((3, 2), {"kernel_size": 5, "padding": "same"}),
    ((6, 4), {"kernel_size": (5, 7), "padding": "same"}),
    ((9, 7), {"kernel_size": 5, "strides": 2}),
    ((8, 5), {"kernel_size": 5, "strides": 2, "padding": "same"}),
    ((6, 4), {"kernel_size": 5, "use_bias": False, "strides": 3, "padding": "same"}),
  ],
)
def test_a_depthwise_convolution_has_the_outputs_and_gradients_of_keras(shape, options):
  inputs = np.random.default_rng(0).normal(1, 1, [5, *shape, 6]).astype("f")
  layer = keras.layers.DepthwiseConv2D(**({"use_bias": False} | options))
  for theirs, ours in with_and_without(layer, inputs):
    assert_close(ours, theirs, atol=1e-5 * float(tf.reduce_max(tf.abs(theirs))))


def test_a_1x1_convolution_has_the_outputs_and_gradients_of_keras():
  inputs = np.random.default_rng(0).normal(1, 1, [5, 6, 4, 7]).astype("f")
  for theirs, ours in with_and_without(keras.layers.Conv2D(9, 1, use_bias=False), inputs):
    assert_close(ours, theirs, atol=1e-5 * float(tf.reduce_max(tf.abs(theirs))))


@pytest.mark.parametrize(
  "layer",
  [
    keras.layers.Conv2D(4, 1),
    keras.layers.Conv2D(4, 1, strides=2, use_bias=False),
    keras.layers.Conv2D(4, 1, activation="relu", use_bias=False),
    keras.layers.Conv2D(4, 1, groups=2, use_bias=False),
    keras.layers.Conv2D(4, 3, use_bias=False),
    keras.layers.DepthwiseConv2D(3, use_bias=False),
    keras.layers.DepthwiseConv2D(5, use_bias=False, dilation_rate=2),
    keras.layers.DepthwiseConv2D(5, use_bias=False, depth_multiplier=2),
  ],
)
def test_a_convolution_that_does_more_stays_that_of_keras(layer):
  network = keras.Sequential([keras.Input([12, 12, 4]), layer], name="efficientnet_b0")
  assert not replaced(cpu_kernels.use_cpu_kernels(network))


@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D"])
def test_in_half_precision_convolutions_stay_those_of_keras(kind):
  sizes = [4, 1] if kind == "Conv2D" else [5]
  build = getattr(keras.layers, kind)
  layer = build(*sizes, padding="same", use_bias=False, dtype="bfloat16")
  for theirs, ours in with_and_without(layer, np.ones([2, 6, 4, 4], "f")):
    assert_close(tf.cast(ours, tf.float32), tf.cast(theirs, tf.float32))
