"""The work on a table: what is missing is named first, then all is trained, then measured."""

import contextlib
import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.distributed import hosts
from contrastive_audio.errors import UserError
from downstream import protocols
from downstream.choices import Condition
from downstream.evaluation_files import Result
from downstream.papers import laboratory
from downstream.papers.cells import Cell
from downstream.papers.dry_run import print_plan
from downstream.papers.laboratory import Laboratory
from downstream.papers.measurement import LaboratoryRequest, Measurement, Pretraining
from downstream.papers.methods import METHODS
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.result_files import ResultFiles
from downstream.papers.stages import Stages
from tests.downstream.cards import fake_corpora
from tests.support import write_clips

pytestmark = pytest.mark.usefixtures("answers_in_this_process")


@pytest.fixture
def log(monkeypatch):
  """Models that are trained and tasks that are measured, in order; each score is ten more."""
  done = []

  def train(self, model, seed):
    done.append(("train", dict(model.options)["similarity"], seed))
    if dict(model.options)["similarity"] == "cosine":
      raise UserError(f"the pre-training with seed {seed} failed")
    folder, _ = self.locate(model, seed)
    os.makedirs(os.path.join(folder, "saved_model"))

  def evaluate(self, measurement, name, seed, state):
    done.append(("measure", measurement.task, seed))
    score = 10.0 * len([w for w in done if w[0] == "measure"])
    return Result(score, {}, 1, 1, seconds=0.1, interval=(0.0, 100.0), drawn="1 clip")

  monkeypatch.setattr(Pretrainings, "train", train)
  monkeypatch.setattr(Laboratory, "_evaluate", evaluate)
  return done


def cell(task, model="logmel_stats", seed=0, **changes):
  variant = model if isinstance(model, str) else dict(model.options)["similarity"]
  return Cell((0, 0, 0), variant, Measurement(model, "linear", task, **changes), seed)


def cells(*tasks, **options):
  return [cell(task, seed=seed, **options) for task in tasks for seed in (0, 1)]


def run(request, cells):
  """Returns the scores, and the Stages that gave them."""
  stages = Stages(request)
  stages.train(cells)
  return stages.measure(cells), stages


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


def test_what_another_version_evaluated_otherwise_is_measured_again(tmp_path, log, monkeypatch):
  request = LaboratoryRequest(str(tmp_path))
  for version in (1, 2, 2):
    monkeypatch.setitem(protocols.EVALUATION_VERSIONS, "logistic", version)
    run(request, [cell("digit")])
  assert len(log) == 2
  monkeypatch.setitem(protocols.EVALUATION_VERSIONS, "knn", 9)  # logistic regression stays the same
  run(request, [cell("digit")])
  assert len(log) == 2


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
      assert callable(made._make_method(Measurement(Pretraining("cola"), method, "x"), "runs/x", 0))
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
  return Pretraining("cola", (("similarity", name),), dataset=dataset)


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


def test_data_of_the_small_suite_that_is_missing_is_one_error_before_anything_is_done(
  tmp_path, log
):
  request = LaboratoryRequest(str(tmp_path), location=DataLocation(str(tmp_path)))
  model = Pretraining("cola", (("similarity", "cosine"),))
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
  scores, _ = run(request_of(corpora, tmp_path), cells("fsdnoisy18k", "fsdnoisy18k_validation"))
  assert np.isfinite(scores).tolist() == [False, False, True, True]
  lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no data")]
  assert len(lines) == 1
  assert "fsdnoisy18k: no clip of the split test" in lines[0]


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
