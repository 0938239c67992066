"""What the embedding projector reads."""

import json
import types

import numpy as np
import pytest
import werkzeug.test
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

from downstream.encoders import projector
from tests.support import assert_close


def test_the_files_hold_every_clip_in_order_and_the_config_names_them(tmp_path):
  rng = np.random.default_rng(0)
  rows = rng.normal(size=[5, 3])
  pictures = rng.integers(0, 256, [5, 8, 8]).astype(np.uint8)
  keys = ["a", "b\tc", "d\ne", "f", "g"]
  projector.write(str(tmp_path / "p"), rows, keys, ["x", None, "y", "y", "x"], pictures)
  config = ProjectorConfig()
  text_format.Parse((tmp_path / "p" / "projector_config.pbtxt").read_text(), config)
  (entry,) = config.embeddings
  assert_close(np.loadtxt(tmp_path / "p" / entry.tensor_path, delimiter="\t"), rows, atol=1e-5)
  metadata = (tmp_path / "p" / entry.metadata_path).read_text().splitlines()
  assert metadata == ["key\tlabel", "a\tx", "b c\t", "d e\ty", "f\ty", "g\tx"]
  picture = np.asarray(Image.open(tmp_path / "p" / entry.sprite.image_path))
  assert picture.shape == (24, 24)
  assert list(entry.sprite.single_image_dim) == [8, 8]
  for number in range(5):
    row, column = divmod(number, 3)
    part = picture[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
    assert_close(part, pictures[number])


@pytest.mark.parametrize("keys", [list("abc"), ["müll\u2028", "ab.wav\r\n", "1"]])
def test_tensorboard_serves_what_was_written(tmp_path, keys):
  rows = np.random.default_rng(0).normal(size=[3, 4]).astype("f")
  projector.write(str(tmp_path), rows, keys, [None, "x", None], np.zeros([3, 8, 8], np.uint8))
  no_runs = types.SimpleNamespace(list_runs=lambda *args, **kwargs: [])
  plugin = ProjectorPlugin(base_plugin.TBContext(logdir=str(tmp_path), data_provider=no_runs))
  apps = plugin.get_plugin_apps()

  def served(route):
    response = werkzeug.test.Client(apps[route]).get("/?run=.&name=clips")
    assert response.status_code == 200, response.text
    return response

  (entry,) = json.loads(served("/info").text)["embeddings"]
  assert entry["tensorShape"] == [3, 4]
  assert_close(np.frombuffer(served("/tensor").data, "f").reshape(3, 4), rows, atol=1e-5)
  assert len(served("/metadata").text.split("\n")) == 1 + 3 + 1
  assert served("/sprite_image").mimetype == "image/png"


def test_many_pictures_shrink_until_they_fit():
  pictures = np.full([300 * 300, 32, 32], 7, np.uint8)
  picture, side = projector.sprite(pictures)
  assert side == 16
  assert picture.shape == (4800, 4800)
  assert (picture == 7).all()


def test_a_thumbnail_has_time_to_the_right_and_low_frequencies_at_the_bottom():
  log_mel = np.zeros([100, 64])
  log_mel[:10, :6] = 1  # at the beginning, low
  picture = projector.thumbnail(log_mel)
  assert picture.shape == (32, 32)
  assert picture[-1, 0] == 255
  assert picture[0, 0] == picture[-1, -1] == 0
  assert not projector.thumbnail(np.full([3, 64], -11.5)).any()
