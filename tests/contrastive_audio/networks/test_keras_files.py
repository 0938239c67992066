"""Networks are written so that the digest of their file says whether they have changed."""

import zipfile

import keras
import numpy as np
import pytest

from contrastive_audio.networks import keras_files
from contrastive_audio.networks.keras_files import load_network, save_network
from contrastive_audio.utils.files import digest_of_file


@pytest.fixture
def network():
  return keras.Sequential([keras.Input([2]), keras.layers.Dense(1, name="only")])


def test_a_network_that_is_saved_again_later_is_the_same_file(network, tmp_path):
  path = tmp_path / "encoder.keras"
  save_network(network, path)
  before = digest_of_file(path)
  _rewrite(path, lambda name, content: content.replace(b"20", b"19"))  # in another century
  dated = digest_of_file(path)
  assert dated != before
  save_network(network, path)
  assert digest_of_file(path) == dated
  assert list(tmp_path.iterdir()) == [path]


def _rewrite(path, change):
  """Rewrites the metadata of an archive."""
  with zipfile.ZipFile(path) as archive:
    parts = {name: archive.read(name) for name in archive.namelist()}
  with zipfile.ZipFile(path, "w") as archive:
    for name, content in parts.items():
      archive.writestr(name, change(name, content) if name == "metadata.json" else content)


@pytest.mark.parametrize("damage", [b"", b"no archive"])
def test_other_weights_and_damaged_files_are_replaced(network, tmp_path, damage):
  path = tmp_path / "encoder.keras"
  save_network(network, path)
  network.get_layer("only").set_weights([np.ones([2, 1]), np.zeros([1])])
  save_network(network, path)
  rows = np.array([[1.0, 2.0]], np.float32)
  np.testing.assert_array_equal(load_network(path, "", rank=2)(rows), [[3.0]])
  path.write_bytes(damage)
  save_network(network, path)
  np.testing.assert_array_equal(load_network(path, "", rank=2)(rows), [[3.0]])


def test_a_network_of_another_version_of_keras_is_written_anew(network, tmp_path):
  path = tmp_path / "encoder.keras"
  save_network(network, path)
  version = keras.__version__.encode()
  _rewrite(path, lambda name, content: content.replace(version, b"3.0.0"))
  save_network(network, path)
  with zipfile.ZipFile(path) as archive:
    assert version in archive.read(keras_files._METADATA)
