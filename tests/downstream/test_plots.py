"""Figures: the numbers in them, what titles say, and that any names and sizes can be drawn."""

import importlib

import matplotlib
import numpy as np
import pytest
from matplotlib import image
from matplotlib import pyplot as plt
from scipy.stats import binomtest

from contrastive_audio.monitoring.confusion import confusion_matrix
from contrastive_audio.utils import figures
from downstream import embedding_map, plots
from downstream.cards.card import Task
from downstream.cards.task_data import TaskData
from downstream.choices import Condition
from downstream.classifiers.intervals import Predictions
from downstream.encoders.models import open_model
from downstream.evaluation_files import Result, Setup, draw_map, write_results
from tests.support import assert_close

pytestmark = pytest.mark.figures

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
  for draw in (confusion_matrix, plots.per_class_accuracy):
    path = str(tmp_path / f"{draw.__name__}.png")
    draw(path, labels, predicted, "a task, $")
    assert min(size(path)) > 150
    assert max(size(path)) < 12_000


def test_classes_are_points_from_the_best_with_their_clips_and_intervals_and_the_mean(axis):
  plots.per_class_accuracy("", LABELS, PREDICTED, "t")
  drawn = axis()
  assert [text.get_text() for text in drawn.get_yticklabels()] == ["b (2)", "a (3)", "c (1)"]
  points, mean = drawn.lines
  assert_close(points.get_xdata(), [100, 200 / 3, 0], atol=1e-9)
  assert not drawn.patches  # a bar would promise more than a single seed can
  intervals = [line[:, 0] for line in drawn.collections[0].get_segments()]
  desired = [binomtest(k, n).proportion_ci(method="wilson") for k, n in [(2, 2), (2, 3), (0, 1)]]
  assert_close(intervals, 100 * np.array(desired), rtol=1e-5, atol=1e-9)
  assert drawn.get_ylim()[0] > drawn.get_ylim()[1]
  assert_close(mean.get_xdata(), [500 / 9] * 2, atol=1e-9)
  assert "55.6 %" in mean.get_label()
  assert drawn.get_xlabel() == "accuracy (%)"


def test_the_interval_of_the_mean_is_drawn_if_it_is_known(axis):
  plots.per_class_accuracy("", LABELS, PREDICTED, "t", interval=(30.0, 70.0))
  (band,) = axis().patches
  assert (band.get_x(), band.get_width()) == (30, 40)


def test_a_title_names_what_was_found_and_model_and_seed(axis):
  title = plots.heading(
    "/home/me/$sounds/birds/", "runs/mine", 3, "kNN", "accuracy 87.5 %", (72.04, 96.46)
  )
  assert title.splitlines() == [
    "birds: accuracy 87.5 %, 95 % interval 72.0 to 96.5",
    "kNN, runs/mine, seed 3",
  ]
  confusion_matrix("", LABELS, PREDICTED, title)
  assert axis().get_title() == title
  assert max(map(len, plots.heading("esc50", "random:" + "x" * 200, 0).splitlines())) < 60


def test_figures_of_an_evaluation_name_its_accuracy_model_and_seed(
  clip_store, tmp_path, monkeypatch
):
  titles = {}
  monkeypatch.setattr(
    figures, "save", lambda figure, path: titles.setdefault(path, figure.axes[0].get_title())
  )
  data = TaskData(Task("/home/me/birds", "birds"), clip_store)
  scores = np.eye(2)[np.arange(8) % 2]
  tested = [Predictions(np.arange(8), scores, scores)]
  result = Result(62.5, {"seed 7": 62.5}, 4, 8, 0.1, (30.6, 86.3), "8 clips", tested)
  setup = Setup("kNN", "preset:general", identity="3f", seed=7)
  write_results(str(tmp_path), setup, data, [(Condition(), result)])
  assert len(titles) == 2
  assert set(titles.values()) == {
    "birds: accuracy 62.5 %, 95 % interval 30.6 to 86.3\nkNN, all labels, preset:general, seed 7"
  }
  monkeypatch.setattr(embedding_map, "FEWEST_MAP_CLIPS", 2)
  monkeypatch.setattr(embedding_map, "positions", lambda rows, seed: rows[:, :2])
  draw_map(str(tmp_path), data, open_model("logmel_stats"), seed=7)
  assert "logmel_stats, seed 7" in list(titles.values())[-1]


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


def test_of_several_splits_precision_is_a_mean_over_splits_and_the_mean_has_no_interval(
  clip_store, tmp_path, monkeypatch
):
  drawn = {}
  monkeypatch.setattr(plots, "per_class", lambda path, *args, **options: drawn.update(options))
  # Right in each split, but scores of the second classifier are all lower than those of the first.
  scores = np.array([[0.9, 0.8], [0.8, 0.9], [0.2, 0.1], [0.1, 0.2]])
  targets = np.eye(2)[[0, 1, 0, 1]]
  shown = []
  monkeypatch.setattr(
    plots, "per_class", lambda path, names, values, *rest, **_: shown.append(values)
  )
  splits = [(targets[:2], scores[:2]), (targets[2:], scores[2:])]
  plots.per_class_average_precision("", ["a", "b"], splits, "t")
  assert shown[-1].tolist() == [100.0, 100.0]
  data = TaskData(Task("birds", "birds"), clip_store)
  parts = [
    Predictions(np.arange(4 * n, 4 * n + 4), np.eye(2)[[0, 1, 0, 1]], scores) for n in (0, 1)
  ]
  of_mean = []
  monkeypatch.setattr(plots, "per_class_accuracy", lambda *args: of_mean.append(args[-1]))
  for task, tested in (("macro_accuracy", parts), ("macro_accuracy", parts[:1])):
    data.task = Task("birds", "birds", metric=task)
    names = {f"fold {number}": 50.0 for number in range(len(tested))}
    result = Result(50.0, names, 4, 4, 0.1, (30.0, 70.0), "8 clips", tested)
    write_results(
      str(tmp_path), Setup("kNN", "m", identity="3f", seed=0), data, [(Condition(), result)]
    )
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    assert ("split" in lines[0]) == (len(tested) > 1)
  assert lines[0].startswith("file,label,predicted")
  assert of_mean == [None, (30.0, 70.0)]
