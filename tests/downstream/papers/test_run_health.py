"""Which runs of a table are marked: those whose last recorded check complains."""

import json

import pytest

from downstream.papers.cells import Cell
from downstream.papers.measurement import LaboratoryRequest, Measurement
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.run_health import remarks_on

HEALTHY, LAGGING, COLLAPSED = (0.9, 0.8), (0.1, 0.8), (float("nan"), float("nan"))


@pytest.mark.parametrize(
  ("checks", "count"),
  [
    ([HEALTHY, COLLAPSED, HEALTHY], 0),  # it has recovered
    ([COLLAPSED], 0),  # random weights are no reason to warn
    ([HEALTHY, LAGGING], 1),
    ([HEALTHY, COLLAPSED], 2),
  ],
)
def test_the_last_check_of_a_run_decides(tmp_path, checks, count):
  for seed in (0, 1):
    run = tmp_path / f"run-{seed}"
    run.mkdir()
    rows = [
      {"step": 10 * number, "mode_agreement": agreement, "exported_spread": spread}
      for number, (agreement, spread) in enumerate(checks if seed else [HEALTHY, HEALTHY])
    ]
    rows.append({"step": 99, "loss": 1.0})
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
  model = str(tmp_path / "run-{seed}")
  names = {"mine": model, "random": f"random:{model}", "log-mel": "logmel_stats"}
  cells = [
    Cell((0, 0, 0), name, Measurement(value, "linear", task), seed)
    for name, value in names.items()
    for task in ("digit", "speaker")
    for seed in (0, 1)
  ]
  remarks = remarks_on(cells, Pretrainings(LaboratoryRequest(str(tmp_path))))
  assert [(remark.variant, remark.seed) for remark in remarks] == [("mine", 1)] * count
  assert all("learning_rate" not in remark.text for remark in remarks)


@pytest.mark.parametrize("order", [("own", "other"), ("other", "own")])
def test_each_run_behind_a_row_counts_also_if_its_tasks_have_runs_of_their_own(tmp_path, order):
  for name, spread in (("own", COLLAPSED[1]), ("other", 0.8)):
    (tmp_path / name).mkdir()
    row = {"step": 9, "mode_agreement": 0.9, "exported_spread": spread}
    (tmp_path / name / "metrics.jsonl").write_text(json.dumps(row) + "\n")
  cells = [
    Cell((0, column, 0), "small", Measurement(str(tmp_path / name), "linear", name), 0)
    for column, name in enumerate(order)
  ]
  remarks = remarks_on(cells, Pretrainings(LaboratoryRequest(str(tmp_path))))
  assert [(remark.variant, remark.seed) for remark in remarks] == [("small", 0)]
