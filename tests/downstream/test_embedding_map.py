"""The map of embeddings: what is close in it, and how its marks differ."""

import numpy as np
import pytest
from matplotlib import image

from contrastive_audio.errors import UserError
from downstream import embedding_map
from tests.support import assert_close

pytestmark = pytest.mark.figures


def test_a_map_is_the_same_for_the_same_seed_and_keeps_classes_together(tmp_path):
  rng = np.random.default_rng(0)
  classes = np.repeat(np.arange(12), 15)
  rows = 5 * rng.normal(size=[12, 20])[classes] + rng.normal(size=[180, 20])
  points = embedding_map.positions(rows, seed=1)
  assert_close(embedding_map.positions(rows, seed=1), points)
  starts_at_random = rows[:9, :1]
  once, again = (embedding_map.positions(starts_at_random) for _ in range(2))
  assert_close(once, again)
  distances = np.linalg.norm(points[:, None] - points, axis=2)
  np.fill_diagonal(distances, np.inf)
  assert np.mean(classes[distances.argmin(axis=1)] == classes) > 0.95
  path = str(tmp_path / "map.png")
  embedding_map.embedding_map(path, rows, [f"class {c}" for c in classes], "map")
  assert min(image.imread(path).shape[:2]) > 300


@pytest.mark.parametrize("rows", [np.ones([6, 4]), np.random.default_rng(0).normal(size=[5, 1])])
def test_collapsed_and_few_embeddings_have_a_map(rows, tmp_path):
  embedding_map.embedding_map(str(tmp_path / "map.png"), rows, ["a"] * len(rows), "map")
  with pytest.raises(UserError, match="a map needs at least 5 clips, there are 4"):
    embedding_map.embedding_map(str(tmp_path / "x.png"), rows[:4], ["a"] * 4, "map")


def test_markers_of_twelve_classes_differ_without_their_colours():
  seen = {(m["marker"], m["facecolors"] == "none") for m in map(embedding_map._marker, range(12))}
  assert len(seen) == 12


def test_no_two_of_ten_classes_have_the_same_colour_and_no_two_of_all_the_same_mark():
  marks = [embedding_map._marker(number) for number in range(embedding_map._MAP_CLASSES)]
  colours = [m["facecolors"] if m["facecolors"] != "none" else m["edgecolors"] for m in marks]
  assert len(set(colours[:10])) == 10
  assert len({tuple(mark.items()) for mark in marks}) == len(marks)


def test_a_map_of_many_clips_shows_some_and_of_many_classes_the_frequent_ones(axis, monkeypatch):
  seen = []
  monkeypatch.setattr(embedding_map, "positions", lambda rows, seed: seen.append(rows) or rows)
  rows = np.arange(5000.0).reshape(2500, 2)
  labels = np.minimum(np.arange(2500) // 50, 45)  # the last class has 250 clips, others 50
  embedding_map.embedding_map("", rows, labels, "t", seed=3)
  assert len(np.unique(seen[0][:, 0])) == 2000
  legend = [text.get_text() for text in axis().get_legend().texts]
  assert len(legend) == 37
  assert {"45", "10 other classes"} <= set(legend)
  assert sum(len(drawn.get_offsets()) for drawn in axis().collections) == 2000
  assert "2,000 of 2,500 clips" in axis().get_xlabel()
