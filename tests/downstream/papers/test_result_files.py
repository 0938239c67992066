"""What a table keeps: each number once, until what it was measured on is another."""

import json
import os

import pytest

from downstream import protocols
from downstream.choices import Condition
from downstream.papers.cells import Cell
from downstream.papers.measurement import LaboratoryRequest, Measurement
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.result_files import ResultFiles, file_name
from downstream.papers.stages import Stages
from tests.downstream.papers.table_work import cell, cells, run
from tests.support import write_clips

pytestmark = pytest.mark.usefixtures("answers_in_this_process")


def test_what_was_measured_is_not_measured_again_and_what_is_damaged_is(tmp_path, log, capsys):
  request = LaboratoryRequest(str(tmp_path), epochs=2)
  assert run(request, cells("digit"))[0] == [10.0, 20.0]
  assert run(request, cells("digit"))[0] == [10.0, 20.0]
  assert len(log) == 2
  assert run(request, [cell("digit", condition=Condition(5))])[0] == [30.0]
  capsys.readouterr()
  for path in (tmp_path / "results").iterdir():
    path.write_text(path.read_text()[:40])
  assert run(request, [cell("digit")])[0] == [40.0]
  printed = capsys.readouterr().out.splitlines()
  assert len([line for line in printed if line.startswith("damaged    ")]) == 1


@pytest.mark.parametrize(
  ("prefix", "weights", "mark"),
  [
    ("", "encoder.keras", "config.json"),
    ("random:", "encoder.keras", "config.json"),
    ("", "variables", "saved_model.pb"),
  ],
)
def test_a_run_or_saved_model_that_is_another_now_is_measured_again(
  tmp_path, log, prefix, weights, mark
):
  (tmp_path / "run").mkdir()
  (tmp_path / "run" / mark).write_text(
    json.dumps({"system": "cola", "config": {}, "data": {}, "input": {}})
  )
  for content in (b"one", b"two", b"two"):
    (tmp_path / "run" / weights).write_bytes(content)
    wanted = [cell("digit", model=f"{prefix}{tmp_path / 'run'}")]
    run(LaboratoryRequest(str(tmp_path / "l")), wanted)
  assert len(log) == 2


def test_another_head_is_measured_again_where_projections_are(tmp_path, log):
  (tmp_path / "run").mkdir()
  content = {"system": "mixback", "config": {}, "data": {}, "input": {}}
  (tmp_path / "run" / "config.json").write_text(json.dumps(content))
  (tmp_path / "run" / "encoder.keras").write_bytes(b"encoder")
  for head in (b"one", b"two", b"two"):
    (tmp_path / "run" / "head.keras").write_bytes(head)
    model = str(tmp_path / "run")
    wanted = [
      Cell((0, row, 0), "mine", Measurement(model, method, "digit"), seed=0)
      for row, method in enumerate(("knn_patches", "knn"))
    ]
    run(LaboratoryRequest(str(tmp_path / "l")), wanted)
  assert len(log) == 3


def test_a_result_of_a_task_with_a_long_path_has_a_name_that_file_systems_allow():
  settings = {"method": "linear", "task": f"folder:/{'päth/' * 60}x.csv", "model": "m", "seed": 0}
  names = {file_name(settings), file_name(settings | {"task": settings["task"].upper()})}
  assert len(names) == 2
  assert all(len(name.encode()) < 255 for name in names)


def test_results_know_the_weights_of_a_preset(tmp_path):
  request = LaboratoryRequest(str(tmp_path))
  results = ResultFiles(request, Pretrainings(request))
  for model in ("preset:general", "random:preset:general"):
    assert results.locate(Measurement(model, "linear", "digit"), 0)[1]["weights"] is not None
  for model in ("logmel_stats", "random:efficientnet_b0"):
    assert results.locate(Measurement(model, "linear", "digit"), 0)[1]["weights"] is None


def test_a_task_with_other_clips_labels_or_splits_is_measured_again(tmp_path, log, capsys):
  folder = write_clips(tmp_path / "clips", clips=4, seconds=0.1)
  names = [f"{label}/{n}.wav" for label in ("high", "low") for n in range(4)]

  def write(splits, labels):
    rows = [f"clips/{name},{label},{split}" for name, split, label in zip(names, splits, labels)]
    (tmp_path / "list.csv").write_text("\n".join(["file,label,split", *rows]))

  splits, labels = ["train", "test"] * 4, list("aaaabbbb")
  wanted = [cell(f"folder:{tmp_path / 'list.csv'}")]
  request = LaboratoryRequest(str(tmp_path / "l"))
  for change in (
    lambda: write(splits, labels),
    lambda: write(splits[::-1], labels),
    lambda: write(splits, list("abababab")),
    lambda: os.utime(folder / "low" / "0.wav", (1, 1)),  # as if it had been recorded again
  ):
    change()
    assert run(request, wanted)[0] == run(request, wanted)[0]
  assert len(log) == 4
  assert capsys.readouterr().out.count("changed    folder:") == 3
  os.utime(tmp_path / "list.csv", (1, 1))  # a list that is written again says the same
  run(request, wanted)
  assert len(log) == 4
  (tmp_path / "list.csv").unlink()  # what was measured stands
  assert Stages(request).score(*wanted) == 40.0


def test_results_of_versions_that_did_not_know_the_clips_stand(tmp_path, log):
  folder = write_clips(tmp_path / "clips", clips=4, seconds=0.1)
  request, wanted = LaboratoryRequest(str(tmp_path / "l")), [cell(f"folder:{folder}")]
  run(request, wanted)
  (path,) = (tmp_path / "l" / "results").iterdir()
  content = json.loads(path.read_text())
  assert content.pop("listing")
  path.write_text(json.dumps(content))
  assert run(request, wanted)[0] == [10.0]


def test_what_another_version_evaluated_otherwise_is_measured_again(tmp_path, log, monkeypatch):
  request = LaboratoryRequest(str(tmp_path))
  for version in (1, 2, 2):
    monkeypatch.setitem(protocols.EVALUATION_VERSIONS, "logistic", version)
    run(request, [cell("digit")])
  assert len(log) == 2
  monkeypatch.setitem(protocols.EVALUATION_VERSIONS, "knn", 9)  # logistic regression stays the same
  run(request, [cell("digit")])
  assert len(log) == 2
  monkeypatch.setattr(protocols, "EMBEDDINGS_VERSION", protocols.EMBEDDINGS_VERSION + 1)
  run(request, [cell("digit")])
  assert len(log) == 3
