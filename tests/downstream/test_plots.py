"""Figures: the numbers in them, and that any names and sizes can be drawn."""

import importlib

import matplotlib
import numpy as np
import pytest
from matplotlib import image
from matplotlib import pyplot as plt

from contrastive_audio.errors import UserError
from contrastive_audio.utils import figures
from downstream import plots
from tests.support import assert_close

LABELS = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "b", "d"]


def size(path):
  """(height, width) of a picture that is not blank."""
  picture = image.imread(path)[..., :3]
  assert picture.std() > 0.01
  return picture.shape[:2]


@pytest.mark.parametrize("classes", [1, 3, 25, 300])
def test_any_number_of_classes_with_any_names_can_be_drawn(classes, tmp_path):
  rng = np.random.default_rng(0)
  names = [f"_$\\class {c} of the $ünusual names" * (1 + c % 3) for c in range(classes)]
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
  assert_close(plots.positions(rows[:9, :1]), plots.positions(rows[:9, :1]))  # starts at random
  distances = np.linalg.norm(points[:, None] - points, axis=2)
  np.fill_diagonal(distances, np.inf)
  assert np.mean(classes[distances.argmin(axis=1)] == classes) > 0.95
  path = str(tmp_path / "map.png")
  plots.embedding_map(path, rows, [f"class {c}" for c in classes], "map")
  assert min(size(path)) > 300


@pytest.mark.parametrize("rows", [np.ones([6, 4]), np.random.default_rng(0).normal(size=[5, 1])])
def test_collapsed_and_few_embeddings_have_a_map(rows, tmp_path):
  plots.embedding_map(str(tmp_path / "map.png"), rows, ["a"] * len(rows), "map")
  with pytest.raises(UserError, match="a map needs at least 5 clips, there are 4"):
    plots.embedding_map(str(tmp_path / "x.png"), rows[:4], ["a"] * 4, "map")


def test_markers_of_twelve_classes_differ_without_their_colours():
  seen = {(m["marker"], m["facecolors"] == "none") for m in map(plots._marker, range(12))}
  assert len(seen) == 12


@pytest.fixture
def axis(monkeypatch):
  """Returns the axis of the figure that a function draws."""
  drawn = []
  monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
  return lambda: drawn[0].axes[0]


def test_counts_are_written_in_white_on_dark_and_only_where_there_is_room(axis):
  plots.confusion_matrix("", LABELS, PREDICTED, "t")
  written = {text.get_position(): (text.get_text(), text.get_color()) for text in axis().texts}
  dark = {(0, 0): ("2", "white"), (1, 1): ("2", "white"), (3, 2): ("1", "white")}
  assert written == dark | {(1, 0): ("1", "black")}


def test_counts_of_many_classes_are_left_out_and_so_are_names_that_do_not_fit(axis):
  names = [f"{number:03}" for number in range(600)]
  plots.confusion_matrix("", names, names, "t")
  assert not axis().texts
  assert [text.get_text() for text in axis().get_yticklabels()] == names[::5]


def test_classes_are_drawn_from_the_best_with_their_clips_and_the_mean(axis):
  plots.per_class_accuracy("", LABELS, PREDICTED, "t")
  drawn = axis()
  assert [text.get_text() for text in drawn.get_yticklabels()] == ["b (2)", "a (3)", "c (1)"]
  assert_close([bar.get_width() for bar in drawn.patches], [100, 200 / 3, 0], atol=1e-9)
  assert drawn.get_ylim()[0] > drawn.get_ylim()[1]
  assert_close(drawn.lines[0].get_xdata(), [500 / 9] * 2, atol=1e-9)
  assert "55.6 %" in drawn.get_xlabel()


def test_a_map_of_many_clips_shows_some_and_of_many_classes_the_frequent_ones(axis, monkeypatch):
  seen = []
  monkeypatch.setattr(plots, "positions", lambda rows, seed: seen.append(rows) or rows)
  rows = np.arange(5000.0).reshape(2500, 2)
  labels = np.minimum(np.arange(2500) // 50, 45)  # the last class has 250 clips, others 50
  plots.embedding_map("", rows, labels, "t", seed=3)
  assert len(np.unique(seen[0][:, 0])) == 2000
  legend = [text.get_text() for text in axis().get_legend().texts]
  assert len(legend) == 37
  assert {"45", "10 other classes"} <= set(legend)
  assert sum(len(drawn.get_offsets()) for drawn in axis().collections) == 2000
  assert "2,000 of 2,500 clips" in axis().get_xlabel()


def test_importing_and_drawing_leave_the_back_end_and_the_figures_of_a_notebook_alone(tmp_path):
  before = matplotlib.get_backend()
  matplotlib.use("svg")
  try:
    mine = plt.figure()
    for module in (figures, plots):
      importlib.reload(module)
    plots.per_class_accuracy(str(tmp_path / "x.png"), LABELS, PREDICTED, "t")
    assert matplotlib.get_backend() == "svg"
    assert plt.gcf() is mine
    assert plt.get_fignums() == [mine.number]
  finally:
    plt.close("all")
    matplotlib.use(before)
