"""Encoders by name: what is built, and what is refused in one line."""

import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.networks.named_encoders import named_encoder
from tests.support import assert_close

MODULE = """
import keras

layers = keras.layers


def model(*parts, shape=(None, 64, 1)):
  return keras.Sequential([keras.Input(shape), *parts])


def pooled(num_mels):
  pool = layers.GlobalAveragePooling2D()
  return model(layers.Conv2D(5, 3), layers.BatchNormalization(), pool, shape=(None, num_mels, 1))


class Scale(layers.Layer):
  def call(self, inputs):
    return 2 * inputs


@keras.saving.register_keras_serializable("mine")
class KnownScale(Scale):
  pass


class Costly(layers.Layer):
  def call(self, inputs, training=False):
    if training:
      self.add_loss(keras.ops.mean(inputs))
    return inputs


class Subclassed(keras.Model):
  def call(self, inputs):
    return inputs[:, 0, :, 0]


KINDS = {
  "a_number": lambda: 3,
  "unbuilt": lambda: keras.Sequential([layers.GlobalAveragePooling2D()]),
  "subclassed": Subclassed,
  "of_three_channels": lambda: model(layers.GlobalAveragePooling2D(), shape=(None, 64, 3)),
  "of_other_bands": lambda: model(layers.GlobalAveragePooling2D(), shape=(None, 80, 1)),
  "of_other_frames": lambda: model(layers.GlobalAveragePooling2D(), shape=(50, 64, 1)),
  "of_vectors": lambda: model(layers.Dense(3), shape=(64,)),
  "with_frames_left": lambda: model(layers.Conv2D(5, 3)),
  "too_deep": lambda: model(layers.MaxPooling2D((128, 1)), layers.GlobalAveragePooling2D()),
  "with_code": lambda: model(layers.Lambda(lambda x: x + 1), layers.GlobalAveragePooling2D()),
  "with_own_layer": lambda: model(Scale(), layers.GlobalAveragePooling2D()),
  "with_regularizer": lambda: model(
    layers.Conv2D(5, 3, name="large"),
    model(layers.Conv2D(5, 3, kernel_regularizer="l2", name="small"), shape=(None, 62, 5)),
    layers.GlobalAveragePooling2D(),
  ),
  "with_activity": lambda: model(
    layers.GlobalAveragePooling2D(), layers.Dense(3, activity_regularizer="l1", name="few")
  ),
  "with_add_loss": lambda: model(Costly(name="costly"), layers.GlobalAveragePooling2D()),
  "with_known_layer": lambda: model(KnownScale(), layers.GlobalAveragePooling2D()),
  "that_fails": lambda: 1 / 0,
}


def __getattr__(name):
  if name not in KINDS:
    raise AttributeError(name)
  return lambda num_mels: KINDS[name]()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
  """Writes `mine.py` into the working folder."""
  for name in ("mine", "broken"):  # those of other tests
    sys.modules.pop(name, None)
  (tmp_path / "mine.py").write_text(MODULE)
  (tmp_path / "broken.py").write_text("import not_there_at_all\n")
  monkeypatch.chdir(tmp_path)
  others = [path for path in sys.path if path and not os.path.exists(f"{path}/mine.py")]
  monkeypatch.setattr(sys, "path", others)  # without the folders of other tests
  yield
  for name in ("mine", "broken"):
    sys.modules.pop(name, None)


def test_a_function_of_the_working_folder_builds_an_encoder(module):
  encoder = named_encoder("mine:pooled", num_mels=64, frames=96)
  assert (encoder.input_shape, encoder.output_shape) == ((None, None, 64, 1), (None, 5))
  assert encoder.name == "mine_pooled"  # never that of one of ours
  assert encoder.layers[2].momentum == 0.99  # as the function has it


def test_looking_for_losses_changes_no_variable(module):
  encoder = named_encoder("mine:pooled", num_mels=64, frames=96)
  mean, variance = encoder.layers[2].moving_mean, encoder.layers[2].moving_variance
  assert_close(mean, np.zeros(5))
  assert_close(variance, np.ones(5))


def test_layers_of_others_may_be_used_if_keras_knows_them(module):
  encoder = named_encoder("mine:with_known_layer", num_mels=64, frames=96)
  assert_close(encoder(tf.ones([1, 96, 64, 1])), [[2.0]])


MISTAKES = {
  "nowhere:build": "cannot import nowhere (No module named 'nowhere'): run the command in the",
  "broken:build": "cannot import broken (No module named 'not_there_at_all')",
  "mine:builds": "mine has no function 'builds'",
  "mine:KINDS": "mine has no function 'KINDS'",
  "mine:that_fails": "the call with num_mels=64 fails (ZeroDivisionError: division by zero)",
  "mine:a_number": "gives int, and no model whose layers are known",
  "mine:unbuilt": "gives Sequential, and no model whose layers are known",
  "mine:subclassed": "gives Subclassed, and no model whose layers are known",
  "mine:of_three_channels": "takes (None, None, 64, 3), and log-mels are (None, None, 64, 1)",
  "mine:of_other_bands": "takes (None, None, 80, 1), and log-mels are (None, None, 64, 1)",
  "mine:of_other_frames": "takes (None, 50, 64, 1), and log-mels are",
  "mine:of_vectors": "takes (None, 64), and log-mels are",
  "mine:with_frames_left": "gives (None, None, 62, 5), and an embedding is a vector",
  "mine:too_deep": "does not take 96 frames of 64 mel bands",
  "mine:with_code": "could not be opened from its file: it holds code (Lambda)",
  "mine:with_own_layer": "could not be opened from its file: it holds Scale of mine",
  "mine:with_regularizer": "its layer small has a loss of its own (a regularizer, or what add_loss",
  "mine:with_activity": "its layer few has a loss of its own",
  "mine:with_add_loss": "its layer costly has a loss of its own",
  "keras:MobileNetV4Small": "keras.applications has no 'MobileNetV4Small'; did you mean MobileNetV",
  "keras:resnet": "keras.applications has no 'resnet'",
  "keras:InceptionV3": "does not take 64 mel bands (Input size must be at least 75x75",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_does_not_fit_is_one_line(name, module):
  with pytest.raises(UserError) as refusal:
    named_encoder(name, num_mels=64, frames=96)
  (line,) = str(refusal.value).splitlines()
  assert line.startswith(f"encoder={name}")
  assert MISTAKES[name] in line


def test_a_network_of_keras_has_random_weights_our_momentum_and_no_preprocessing_of_images():
  encoder = named_encoder("keras:MobileNetV3Small", 64, 96, "max", batchnorm_momentum=0.9)
  kinds = [type(layer).__name__ for layer in encoder.layers]
  assert kinds[:2] == ["InputLayer", "Conv2D"]  # not Rescaling, which images need
  assert kinds[-1] == "GlobalMaxPooling2D"
  normalisations = [x for x in encoder.layers if isinstance(x, keras.layers.BatchNormalization)]
  assert {layer.momentum for layer in normalisations} == {0.9}
  assert "." not in "".join(layer.name for layer in encoder.layers)
  for frames in (96, 151):
    assert encoder(tf.ones([1, frames, 64, 1])).shape == (1, 576)


@pytest.mark.slow
def test_the_first_efficientnets_get_what_undoes_their_division():
  encoder = named_encoder("keras:EfficientNetB0", 64, 96)
  log_mels = np.random.default_rng(0).normal(size=[1, 96, 64, 1]).astype("f")
  normalisation = encoder.get_layer(index=3)  # the last of what prepares images
  assert type(normalisation).__name__ == "Normalization"
  prepared = keras.Model(encoder.inputs[0], normalisation.output)(log_mels)
  assert_close(prepared, log_mels, rtol=1e-5)
