"""Figures of a run: what is drawn, in which unit, and beside which chance."""

import types

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.store.preparation import prepare
from contrastive_audio.training import plots
from tests import tiny
from tests.support import assert_close, tone

pytestmark = pytest.mark.figures

NAMES = ["a" * 120, "m" * 90, r"$\q$", "_under", "plain"]


@pytest.fixture
def figure(tmp_path, monkeypatch):
  """The figure of five clips, drawn."""
  for number, name in enumerate(NAMES):
    (tmp_path / "clips").mkdir(exist_ok=True)
    soundfile.write(tmp_path / "clips" / f"{name}.wav", tone(200 + 100 * number, 1.2), 16_000)
  store = prepare(datasets.open_source(f"folder:{tmp_path / 'clips'}"), 16_000, str(tmp_path / "s"))
  config = tiny.config(batch_size=5)
  front_end, drawn = config.front_end(), []
  monkeypatch.setattr(plots, "save", lambda figure, path: drawn.append(figure))
  views = lambda excerpts, seed: front_end(excerpts)  # noqa: E731
  plots.draw_pairs(str(tmp_path), config.pairs(store), front_end, views, [0, 0])
  drawn[0].canvas.draw()
  return drawn[0]


def test_the_name_of_a_clip_ends_before_the_excerpt_beside_it_begins(figure):
  columns = [axis for axis in figure.axes if axis.images and axis.get_title(loc="left")]
  right = max(axis.get_position().x0 for axis in figure.axes if axis.images)
  for axis in columns:
    if axis.get_position().x0 < right:
      assert axis._left_title.get_window_extent().x1 <= right * figure.bbox.width


def test_the_signs_of_mathematics_in_a_name_are_shown_as_they_are(figure):
  titles = [axis.get_title(loc="left") for axis in figure.axes]
  assert r"\$\q\$.wav" in titles


def test_each_excerpt_is_drawn_beside_its_view_in_seconds_and_hz():
  front_end = tiny.config().front_end()
  excerpts = np.random.default_rng(0).normal(size=[2, 2, front_end.frames, front_end.num_mels])
  drawn = plots.pairs_figure(excerpts, excerpts + 3, ["one", "other"], front_end)
  images = [axis.images[0] for axis in drawn.axes if axis.images and not axis.get_label()]
  for number, image in enumerate(images):  # excerpt, its view, another excerpt, its view
    row, column = divmod(number, 4)
    assert_close(image.get_array().T, excerpts[row, column // 2] + 3 * (column % 2))
  assert len({image.get_clim() for image in images}) == 1
  titles = [text.get_text() for axis in drawn.axes[:4] for text in axis.texts]
  assert titles == ["an excerpt", "its view", "another excerpt", "its view"]
  assert drawn._supxlabel.get_text() == "time (s)"
  assert drawn._supylabel.get_text() == "frequency (Hz)"
  assert drawn.axes[-1].get_ylabel() == "ln of magnitude"


def test_without_augmentation_excerpts_are_drawn_once(figure):
  assert [text.get_text() for axis in figure.axes for text in axis.texts] == [
    "an excerpt",
    "another excerpt",
  ]
  assert "the network sees excerpts as they are" in figure.get_suptitle()


def curves(monkeypatch, chance, settings=None, **values):
  """The axes that are drawn of a run with values at steps 10 and 20; name -> axes."""
  drawn = {}
  monkeypatch.setattr(plots, "save", lambda figure, path: drawn.setdefault(path, figure.axes))
  steps = np.array([10, 20])
  metrics = lambda name: (steps, np.array(values[name])) if name in values else ([], [])  # noqa: E731
  config = {"config": settings or {}}
  run = types.SimpleNamespace(metrics=metrics, path=lambda *names: names[-1], config=config)
  plots.draw_curves(run, chance)
  return drawn


@pytest.mark.parametrize(("chance", "candidates"), [(1 / 64, 64), (1 / 255, 255)])
def test_each_quantity_has_an_axis_and_guessing_is_drawn_in_it(monkeypatch, chance, candidates):
  values = {"loss": [2.0, 1.0], "contrastive_accuracy": [0.5, 0.9], "embedding_spread": [0.6, 0.7]}
  loss, accuracy, spread = curves(monkeypatch, chance, **values)["training.png"]
  desired = {
    loss: ([2, 1], np.log(candidates), "loss (nats)"),
    accuracy: ([50, 90], 100 / candidates, "partners found (%)"),
  }
  for axis, (curve, guess, unit) in desired.items():
    assert_close(axis.lines[0].get_ydata(), curve)
    assert_close(axis.lines[1].get_ydata(), [guess] * 2)
    assert axis.get_ylim()[0] <= guess < axis.get_ylim()[1]
    assert axis.get_ylabel() == unit
  assert len(spread.lines) == 1
  assert spread.get_xlabel() == "training step"
  assert f"ln {candidates}" in loss.get_legend().texts[1].get_text()


def test_accuracies_of_classes_are_drawn_in_percent_above_their_chance(monkeypatch):
  values = {"knn_accuracy": [0.5, 1.0], "knn_chance": [0.1, 0.1]}
  (axis,) = curves(monkeypatch, 0.5, **values)["knn.png"]
  assert_close(axis.lines[0].get_ydata(), [50, 100])
  assert_close(axis.lines[1].get_ydata(), [10, 10])
  assert axis.get_ylim()[1] > 100
  assert axis.get_ylabel() == "accuracy, mean over classes (%)"


@pytest.mark.parametrize(
  ("settings", "start"),
  [
    ({}, "random weights"),
    ({"init_digest": ""}, "random weights"),
    ({"init_digest": "9f86d081"}, "the weights of --init"),
  ],
)
def test_step_0_is_called_what_the_training_starts_from(settings, start, monkeypatch):
  values = {"knn_accuracy": [0.5, 1.0], "knn_chance": [0.1, 0.1]}
  (axis,) = curves(monkeypatch, 0.5, settings, **values)["knn.png"]
  assert axis.get_xlabel() == f"training step (0: {start})"


def test_the_contrastive_loss_is_drawn_without_the_distance_to_the_source(monkeypatch):
  values = {"contrastive_accuracy": [0.5, 0.9], "embedding_spread": [0.6, 0.7]}
  values |= {"loss": [2.5, 1.2], "source_distance": [5.0, 2.0]}
  loss, *_ = curves(monkeypatch, 1 / 64, {"keep": 0.1}, **values)["training.png"]
  assert_close(loss.lines[0].get_ydata(), [2.0, 1.0])
