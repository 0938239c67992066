"""Curves: the evaluations of the runs behind a table, against steps."""

import json

import numpy as np
import pytest
from matplotlib import image

from downstream.papers import curves
from downstream.papers.cells import Cell
from downstream.papers.curves import Point
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice
from downstream.papers.pretrainings import Pretrainings
from tests.downstream.cards import fake_pool

pytestmark = pytest.mark.figures

MODEL = PretrainingChoice("cola", (("recipe", "quick"), ("steps", 40)), dataset="synthetic")


def cell(variant, model, task, seed):
  return Cell((0, 0, 0), variant, Measurement(model, "linear", task), seed)


@pytest.mark.usefixtures("answers_in_this_process")
def test_each_run_gives_its_evaluations_once_for_all_of_its_rows_and_random_weights_give_none(
  tmp_path,
):
  pretrainings = Pretrainings(LaboratoryRequest(str(tmp_path)))
  for seed in (0, 1):
    folder, _ = pretrainings.locate(MODEL, seed)
    rows = [{"step": 0, "knn_accuracy": 0.1 + seed / 10}, {"step": 20, "loss": 1.0}]
    rows.append({"step": 40, "knn_accuracy": 0.5, "linear_accuracy": 0.625})
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "metrics.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in rows))
  random = PretrainingChoice(MODEL.system, MODEL.options, random=True, dataset=MODEL.dataset)
  frozen, tuned = "COLA, frozen", "COLA, fine-tuned"
  cells = [cell(name, MODEL, task, seed) for name in (frozen, tuned) for seed in (0, 1)
           for task in ("digit", "esc10")]  # fmt: skip
  cells += [cell("random", random, "digit", 0), cell("log-mel", "logmel_stats", "digit", 0)]
  points = curves.points_of(cells, pretrainings)
  assert {point.variant for point in points} == {f"{frozen}; {tuned}"}
  assert [point[1:3] for point in points] == [(0, 0), (0, 40), (1, 0), (1, 40)]
  assert [point.scores[0] for point in points] == [10, 50, 20, 50]
  assert points[1].scores[1] == 62.5
  assert np.isnan(points[0].scores[1])


def test_curves_are_written_as_numbers_and_drawn(tmp_path):
  points = [Point(name, seed, step, (50.0 + seed, 60.0)) for name in "ab" for seed in (0, 1)
            for step in (0, 250)]  # fmt: skip
  curves.write_curves(points, str(tmp_path / "c"))
  rows = fake_pool.read(tmp_path / "c.csv")
  assert len(rows) == 8
  assert rows[3] == {"variant": "a", "seed": "1", "step": "250", "knn_accuracy": "51.00",
                     "linear_accuracy": "60.00"}  # fmt: skip
  assert image.imread(tmp_path / "c.png")[..., :3].std() > 0.01  # not blank


@pytest.mark.parametrize(("num_seeds", "unit"), [(1, "1 seed"), (2, "bands: worst to best")])
def test_panels_share_their_axis_which_says_what_a_band_is(num_seeds, unit, monkeypatch, tmp_path):
  drawn = []
  monkeypatch.setattr(curves.figures, "save", lambda figure, path: drawn.append(figure))
  points = [Point("a", seed, 0, (50.0 + 10 * seed, 90.0)) for seed in range(num_seeds)]
  curves.write_curves(points, str(tmp_path / "c"))
  left, right = drawn[0].axes
  assert left.get_ylim() == right.get_ylim()
  assert "accuracy (%)" in left.get_ylabel()
  assert unit in left.get_ylabel()


def test_without_evaluations_nothing_is_written(tmp_path):
  curves.write_curves([], str(tmp_path / "c"))
  assert list(tmp_path.iterdir()) == []
