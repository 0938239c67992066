"""Networks of others are plain Keras, or they are refused."""

import json
import zipfile

import keras
import pytest

from cola.config import Config
from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
from contrastive_audio.networks.keras_files import load_network
from contrastive_audio.networks.plain_keras import require_plain_keras


def config_of(network, folder):
  network.save(folder / "network.keras")
  with zipfile.ZipFile(folder / "network.keras") as archive:
    return json.loads(archive.read("config.json"))


def changed(config, class_name, **fields):
  """The same network, one layer of it of another class."""
  text = json.dumps(config)
  layers = json.loads(text)
  layers["config"]["layers"][1] |= {"class_name": class_name, **fields}
  return layers


@pytest.mark.parametrize("name", ["frame_cnn", "crnn", "efficientnet_b0", "resnet18", "vgg_like"])
def test_every_encoder_of_ours_is_plain(name, tmp_path):
  require_plain_keras(config_of(getattr(encoders, name)(96), tmp_path), "x.keras")


def test_a_front_end_of_ours_is_known():
  require_plain_keras(keras.saving.serialize_keras_object(Config().front_end()), "config.json")


@pytest.mark.parametrize(
  ("class_name", "module", "message"),
  [
    ("Lambda", "keras.layers", r"x.keras holds code \(Lambda\), which is never run"),
    ("TFSMLayer", "keras.layers", r"x.keras holds code \(TFSMLayer\)"),
    ("__lambda__", None, r"x.keras holds code \(__lambda__\)"),
    ("system", "os", "x.keras holds system of os, which is not known here: import the module"),
    ("Reverb", "of.others", "x.keras holds Reverb of of.others, which is not known here"),
  ],
)
def test_code_and_strangers_are_refused_wherever_they_stand(class_name, module, message, tmp_path):
  config = config_of(encoders.vgg_like(96), tmp_path)
  fields = {"module": module, "registered_name": class_name}
  inner = {"class_name": class_name} | fields
  deep = {"class_name": "Functional", "config": {"x": [[{"y": [inner]}]]}}
  for refused in (changed(config, class_name, **fields), deep):
    with pytest.raises(UserError, match=message) as caught:
      require_plain_keras(refused, "x.keras")
    assert "\n" not in str(caught.value)


def test_a_layer_that_the_program_has_registered_is_known():
  @keras.saving.register_keras_serializable("tests")
  class Own(keras.layers.Layer):
    pass

  require_plain_keras(keras.saving.serialize_keras_object(Own()), "x.keras")


def test_a_file_with_code_in_it_is_refused_before_it_is_built(tmp_path):
  path = tmp_path / "encoder.keras"
  layers = [keras.Input([2]), keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(3)]
  keras.Sequential(layers).save(path)
  with pytest.raises(UserError, match=r"encoder.keras holds code \(Lambda\), which is never run"):
    load_network(path, "train again", rank=2)
