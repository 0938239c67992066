"""Figures: the numbers in them, and that any names and sizes can be drawn."""

import numpy as np
import pytest
from matplotlib import image

from audio.errors import UserError
from downstream import plots
from tests.support import assert_close

LABELS = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "b", "d"]


def size(path):
  """(height, width) of a picture that is not blank."""
  picture = image.imread(path)[..., :3]
  assert picture.std() > 0.01
  return picture.shape[:2]


def test_confusions_are_counted_by_true_class():
  names, counts = plots.confusion(LABELS, PREDICTED)
  assert names == ["a", "b", "c", "d"]
  assert counts.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
  assert_close(plots.shares(counts)[0], [2 / 3, 1 / 3, 0, 0])
  assert not plots.shares(counts)[3].any()


def test_accuracies_are_sorted_and_of_classes_that_have_clips():
  names, accuracies, clips = plots.class_accuracies(LABELS, PREDICTED)
  assert names == ["b", "a", "c"]
  assert_close(accuracies, [1, 2 / 3, 0])
  assert clips.tolist() == [2, 3, 1]


@pytest.mark.parametrize("classes", [1, 3, 25, 300])
def test_any_number_of_classes_with_any_names_can_be_drawn(classes, tmp_path):
  rng = np.random.default_rng(0)
  names = [f"_$class {c} of the $ünusual names" * (1 + c % 3) for c in range(classes)]
  labels, predicted = ([names[c] for c in rng.integers(0, classes, 400)] for _ in range(2))
  for draw in (plots.confusion_matrix, plots.per_class_accuracy):
    path = str(tmp_path / f"{draw.__name__}.png")
    draw(path, labels, predicted, "a task, $")
    assert min(size(path)) > 150
    assert max(size(path)) < 12_000


def test_a_map_is_the_same_for_the_same_seed_and_keeps_classes_together(tmp_path):
  rng = np.random.default_rng(0)
  classes = np.repeat(np.arange(12), 15)
  rows = 5 * rng.normal(size=[12, 20])[classes] + rng.normal(size=[180, 20])
  points = plots.positions(rows, seed=1)
  assert_close(plots.positions(rows, seed=1), points)
  distances = np.linalg.norm(points[:, None] - points, axis=2)
  np.fill_diagonal(distances, np.inf)
  assert np.mean(classes[distances.argmin(axis=1)] == classes) > 0.95
  path = str(tmp_path / "map.png")
  plots.embedding_map(path, rows, [f"class {c}" for c in classes], "map")
  assert min(size(path)) > 300


@pytest.mark.parametrize("rows", [np.ones([6, 4]), np.random.default_rng(0).normal(size=[5, 1])])
def test_collapsed_and_few_embeddings_have_a_map(rows, tmp_path):
  plots.embedding_map(str(tmp_path / "map.png"), rows, ["a"] * len(rows), "map")
  with pytest.raises(UserError, match="a map needs 5 clips at least, there are 4"):
    plots.embedding_map(str(tmp_path / "x.png"), rows[:4], ["a"] * 4, "map")


def test_markers_of_twelve_classes_differ_without_their_colours():
  seen = {(m["marker"], m["facecolors"] == "none") for m in map(plots._marker, range(12))}
  assert len(seen) == 12


def test_bars_leave_out_what_is_missing(tmp_path):
  means = np.array([[50.0, np.nan, 70], [20, 30, np.nan]])
  published = np.array([[np.nan, 60, np.nan], [np.nan] * 3])
  path = str(tmp_path / "bars.png")
  plots.bars(path, ["x", "y $"], ["a", "b", "c"], means, 0.1 * means, published, title="t")
  assert min(size(path)) > 150
