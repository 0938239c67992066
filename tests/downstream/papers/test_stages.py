"""The work on a table: what is missing is named first, then all is trained, then measured."""

import contextlib
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.distributed import hosts
from contrastive_audio.errors import UserError
from downstream.papers import laboratory
from downstream.papers.dry_run import print_plan
from downstream.papers.laboratory import Laboratory
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice
from downstream.papers.methods import METHODS
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.result_files import ResultFiles
from downstream.papers.stages import Stages
from tests.downstream.cards import fake_corpora
from tests.downstream.papers.table_work import cell, cells, run
from tests.support import write_clips

pytestmark = pytest.mark.usefixtures("answers_in_this_process")


@pytest.mark.parametrize(
  ("model", "protocol", "message"),
  [
    ("runs/typo", "cached", "--model=runs/typo: there is no such folder"),
    ("exported", "paper", "--model=exported is an exported SavedModel, whose weights cannot be"),
  ],
)
def test_a_given_model_that_cannot_be_measured_is_refused_before_anything_is(
  tmp_path, log, monkeypatch, model, protocol, message
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "exported").mkdir()
  (tmp_path / "exported" / "saved_model.pb").write_bytes(b"")
  wanted = [cell("digit"), cell("digit", model=model)]
  if protocol == "paper":
    wanted = wanted[1:]
  request = LaboratoryRequest("l", protocol=protocol)
  for work in (lambda: run(request, wanted), lambda: print_plan(wanted, request)):
    with pytest.raises(UserError, match=f"^{message}"):
      work()
  assert log == []


def test_every_method_can_be_made_and_fine_tuning_uses_all_devices_that_can_share_a_batch(
  tmp_path, monkeypatch
):
  request = LaboratoryRequest(str(tmp_path))
  used = []
  monkeypatch.setattr(
    laboratory, "excerpt_method", lambda options, hosts: used.append(hosts) or print
  )
  for replicas, is_shared in ((1, True), (4, True), (3, False)):
    devices = hosts.Hosts(type("Strategy", (), {"num_replicas_in_sync": replicas})())
    results = ResultFiles(request, Pretrainings(request))
    made = Laboratory(request, results, devices)
    for method in METHODS:
      assert callable(
        made._make_method(Measurement(PretrainingChoice("cola"), method, "x"), "runs/x", 0)
      )
    assert used == [devices if is_shared else None] * 3
    used.clear()


def test_measuring_joins_the_devices_as_the_command_finetune_does(tmp_path, monkeypatch):
  joined, seen = [], []

  @contextlib.contextmanager
  def join_hosts(strategy):
    joined.append(strategy)
    yield "the devices"

  monkeypatch.setattr(hosts, "join_hosts", join_hosts)
  monkeypatch.setattr(Laboratory, "measure", lambda self, *_: seen.append(self._hosts) or 1 / 0)
  with pytest.raises(ZeroDivisionError):
    run(LaboratoryRequest(str(tmp_path)), [cell("digit")])
  assert (joined, seen) == (["auto"], ["the devices"])


@pytest.fixture
def corpora(tmp_path):
  """A folder with FSDnoisy18k and nothing else."""
  fake_corpora.fsdnoisy18k(tmp_path / "corpora")
  return tmp_path / "corpora"


def request_of(corpora, tmp_path, **changes):
  location = DataLocation(data_dir=str(corpora), store_dir=str(tmp_path / "stores"))
  folder = str(tmp_path / "papers")
  return LaboratoryRequest(folder, suite="papers", location=location, epochs=2, **changes)


def similarity(name, dataset):
  return PretrainingChoice("cola", (("similarity", name),), dataset=dataset)


def test_all_that_is_missing_is_named_before_anything_is_done(corpora, tmp_path, log, capsys):
  wanted = cells("musan", "fsdnoisy18k", "esc50")
  wanted += cells("fsdnoisy18k", model=similarity("bilinear", "voxceleb"))
  wanted += cells("fsdnoisy18k", model=similarity("bilinear", "fsdnoisy18k"))
  stages = Stages(request_of(corpora, tmp_path))
  stages.look(wanted)
  printed = capsys.readouterr().out.splitlines()
  assert [line.split(":")[0] for line in printed] == [
    "no data    musan", "no data    esc50", "no data    pre-training of cola",
  ]  # fmt: skip
  assert "get it from https://www.openslr.org/17" in printed[0]
  assert not log


def test_what_is_there_is_measured_and_later_needs_no_data(corpora, tmp_path, log, capsys):
  request, wanted = request_of(corpora, tmp_path), cells("musan", "fsdnoisy18k")
  scores, stages = run(request, wanted)
  assert np.isnan(scores[:2]).all()
  assert scores[2:] == [10.0, 20.0]
  stages.conclude()  # that data is missing is no failure
  lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert len(lines) == 1
  shutil.rmtree(corpora)
  assert run(request, wanted)[0][2:] == [10.0, 20.0]


def test_only_a_number_that_was_measured_at_a_stretch_says_how_long_that_took(
  corpora, tmp_path, log
):
  request = request_of(corpora, tmp_path)
  wanted = cells("fsdnoisy18k")
  results = ResultFiles(request, Pretrainings(request))
  paths = [pathlib.Path(results.locate(each.measurement, each.seed)[0]) for each in wanted]
  (tmp_path / "papers" / "training" / paths[0].stem).mkdir(parents=True)  # it was interrupted
  run(request, wanted)
  assert ["measured_s" in json.loads(path.read_text()) for path in paths] == [False, True]


def test_data_of_the_small_suite_that_is_missing_is_one_error_before_anything_is_done(
  tmp_path, log
):
  request = LaboratoryRequest(str(tmp_path), location=DataLocation(str(tmp_path)))
  model = PretrainingChoice("cola", (("similarity", "cosine"),))
  with pytest.raises(UserError) as caught:
    run(request, [cell("musan"), cell("digit", model=model)])
  for name in ("no musan in", "'esc10'", "'philharmonia'"):
    assert name in str(caught.value)
  assert not log


def test_a_task_whose_data_is_incomplete_is_one_line_and_the_rest_is_measured(
  corpora, tmp_path, capsys
):
  for path in (corpora / "fsdnoisy18k" / "FSDnoisy18k.audio_test").iterdir():
    path.unlink()
  wanted = cells("fsdnoisy18k", "fsdnoisy18k_validation")
  scores, stages = run(request_of(corpora, tmp_path), wanted)
  assert np.isfinite(scores).tolist() == [False, False, True, True]
  lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert len(lines) == 1
  assert "fsdnoisy18k: no clip of the split test" in lines[0]
  with pytest.raises(UserError, match="1 training or measurement failed"):
    stages.conclude()


@pytest.fixture
def models(tmp_path):
  """Two pre-trainings on a data set of eight clips; `log` lets the one with cosine fail."""
  dataset = f"folder:{write_clips(tmp_path / 'clips', clips=4, seconds=0.1)}"
  return [similarity(name, dataset) for name in ("cosine", "bilinear")]


def test_all_is_trained_before_anything_is_measured_and_a_failure_leaves_a_gap(
  models, tmp_path, log, capsys
):
  wanted = [*cells("digit"), *(c for model in models for c in cells("digit", model=model))]
  scores, stages = run(LaboratoryRequest(str(tmp_path / "l")), wanted)
  kinds = [kind for kind, *_ in log]
  assert kinds == ["train"] * 4 + ["measure"] * 4
  assert np.isfinite(scores).tolist() == [True, True, False, False, True, True]
  with pytest.raises(UserError, match="^2 trainings or measurements failed"):
    stages.conclude()
  printed = capsys.readouterr().out.splitlines()
  labels = [
    line.split(" (")[0]
    for line in printed
    if line[:8] in ("training", "cell    ", "stage 1 ", "stage 2 ")
  ]
  assert labels[:5] == [
    "stage 1    train 4 runs",
    "training   1 of 4: cola, cosine, seed 0",
    "training   2 of 4: cola, cosine, seed 1",
    "training   3 of 4: cola, bilinear, seed 0",
    "training   4 of 4: cola, bilinear, seed 1",
  ]
  assert labels[5:8:2] == [
    "stage 2    measure 4 numbers",
    "cell       2 of 4: logmel_stats, digit, seed 1",
  ]
  assert printed.count("failed     the pre-training with seed 1 failed") == 1
  assert scores[4:] == run(LaboratoryRequest(str(tmp_path / "l")), wanted)[0][4:]


def test_a_measurement_that_fails_leaves_a_gap_and_is_tried_again(tmp_path, log, monkeypatch):
  request, evaluate = LaboratoryRequest(str(tmp_path)), Laboratory._evaluate

  def fail(self, measurement, *rest):
    if measurement.task == "speaker":
      raise UserError("the loss is not finite")
    return evaluate(self, measurement, *rest)

  monkeypatch.setattr(Laboratory, "_evaluate", fail)
  scores, stages = run(request, cells("speaker", "digit"))
  assert np.isfinite(scores).tolist() == [False, False, True, True]
  with pytest.raises(UserError, match="^2 trainings or measurements failed"):
    stages.conclude()
  monkeypatch.setattr(Laboratory, "_evaluate", evaluate)
  scores, stages = run(request, cells("speaker", "digit"))
  assert np.isfinite(scores).all()
  stages.conclude()


def test_a_run_is_trained_once_random_weights_by_a_step_of_their_own_and_none_without_need(
  models, tmp_path, log, capsys
):
  request = LaboratoryRequest(str(tmp_path / "l"))
  random = dataclasses.replace(models[1], random=True)
  untrained = dataclasses.replace(cell("digit", model=random), variant="random weights")
  wanted = [untrained, *[cell("digit", model=models[1])] * 2, untrained]
  run(request, wanted)
  printed = capsys.readouterr().out
  assert "training   1 of 2: cola, random weights, seed 0\n" in printed
  assert "training   2 of 2: cola, bilinear, seed 0\n" in printed
  assert [entry for entry in log if entry[0] == "train"] == [("train", "bilinear", 0)] * 2
  shutil.rmtree(tmp_path / "l" / "runs")
  log.clear()
  run(request, wanted)  # everything has been measured
  assert log == []
