"""How long and how large: what earlier runs and results say, and what a dry run prints of it."""

import dataclasses
import json
import os

import pytest

from downstream.choices import Condition
from downstream.papers.cells import Cell
from downstream.papers.dry_run import print_plan
from downstream.papers.estimates import Estimates
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice
from downstream.papers.pretrainings import Pretrainings
from tests.support import write_clips

pytestmark = pytest.mark.usefixtures("answers_in_this_process")


def settings(encoder="vgg_like", steps=100, batch_size=10):
  return {
    "system": "mixback",
    "config": {"encoder": encoder, "steps": steps, "batch_size": batch_size},
  }


def write_run(folder, name, pairs_per_s, whole_s=None, content=None):
  """Writes what a run records: its settings, its speed and, if it has ended, its export."""
  run = folder / "runs" / name
  (run / "saved_model").mkdir(parents=True)
  (run / "config.json").write_text(json.dumps(content or settings()))
  lines = [
    {"step": 0, "mode_agreement": 1.0},
    *({"step": 10, "pairs_per_s": r} for r in pairs_per_s),
  ]
  (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"st')
  os.utime(run / "config.json", (1000, 1000))
  if whole_s:
    (run / "saved_model" / "saved_model.pb").write_bytes(bytes(3_000_000))
    os.utime(run / "saved_model" / "saved_model.pb", (1000 + whole_s,) * 2)


def test_a_training_takes_its_pairs_at_the_speed_of_its_network_and_the_time_around_them(tmp_path):
  write_run(tmp_path, "one", [40, 50, 90], whole_s=20 + 30)  # 1000 pairs at 50/s, 30 s around
  write_run(tmp_path, "resumed", [50], whole_s=9000)
  write_run(tmp_path, "other", [500], content=settings(encoder="crnn"))
  (tmp_path / "runs" / "damaged").mkdir()
  (tmp_path / "runs" / "damaged" / "config.json").write_text("{")
  estimates = Estimates(str(tmp_path))
  training = estimates.training(settings(steps=400))
  assert training.value == 4000 / 50 + 30
  assert training.basis == "50 pairs/s (2 runs of mixback, vgg_like) and 30 s around each"
  assert estimates.training(settings(encoder="crnn")).value == 1000 / 500 + 30
  unknown = estimates.training(settings(encoder="resnet18"))
  assert unknown.basis.startswith("50 pairs/s (3 runs of other kinds than mixback, resnet18)")
  assert 3e6 < estimates.run_bytes(settings()).value < 3.01e6
  assert Estimates(str(tmp_path / "nowhere")).training(settings()) is None


def write_result(folder, seconds, method="linear", task="digit", encoder="vgg_like", few=None):
  """Writes a result of a run whose network is `encoder`."""
  run = folder / "runs" / encoder
  run.mkdir(parents=True, exist_ok=True)
  (run / "config.json").write_text(json.dumps(settings(encoder=encoder)))
  model = f"random:{run}" if seconds == 90.0 else str(run)  # the same network
  content = {"model": model, "method": method, "task": task, "measured_s": seconds}
  content["condition"] = {"labels_per_class": few, "label_noise": 0.0}
  (folder / "results").mkdir(exist_ok=True)
  (folder / "results" / f"{seconds}.json").write_text(json.dumps(content))


def number(task="digit", encoder="vgg_like", method="linear", **condition):
  model = PretrainingChoice("mixback", (("encoder", encoder),))
  return Measurement(model, method, task, Condition(**condition))


def test_a_number_takes_as_long_as_those_that_share_most_with_it(tmp_path):
  for seconds in (90.0, 110.0):
    write_result(tmp_path, seconds)
  write_result(tmp_path, 10.0, few=10)
  write_result(tmp_path, 4.0, task="esc50")
  write_result(tmp_path, 7.0, task="musan", encoder="crnn")
  write_result(tmp_path, 999.0, method="finetune")
  (tmp_path / "results" / "old.json").write_text(json.dumps({"method": "linear"}))
  estimates = Estimates(str(tmp_path))
  assert estimates.measuring(number()) == (100.0, "what the same took with other seeds")
  assert estimates.measuring(number(labels_per_class=10)).value == 10.0
  own = Measurement(PretrainingChoice("mixback"), "linear", "digit")  # the encoder of its recipe
  assert estimates.measuring(own, settings(encoder="vgg_like")) == estimates.measuring(number())
  known_task = estimates.measuring(number("esc50", "crnn"))
  assert known_task == (4.0, "what the same tasks took with other networks")
  assert estimates.measuring(number("speaker", "crnn")) == (7.0, "what other tasks took")
  unknown = estimates.measuring(number("speaker", "resnet18"))
  assert unknown == (10.0, "what other tasks took with other networks")
  assert estimates.measuring(number(method="finetune")).value == 999.0
  assert estimates.measuring(number(method="knn_patches")).basis == "what other methods took"


@pytest.fixture
def table(tmp_path):
  """(cells of a baseline and of a pre-training with two seeds, request)."""
  dataset = f"folder:{write_clips(tmp_path / 'clips', clips=8, seconds=0.1)}"
  options = (("recipe", "quick"), ("steps", 100), ("batch_size", 10))
  models = ("logmel_stats", PretrainingChoice("mixback", options, dataset=dataset))
  cells = [
    Cell((0, 0, seed), name, Measurement(model, "linear", task), seed)
    for name, model in zip(("log-mel", "other clips"), models)
    for seed in (0, 1)
    for task in ("digit", "speaker")
  ]
  return cells, LaboratoryRequest(str(tmp_path / "l"))


def test_a_dry_run_lists_what_is_missing_with_time_and_space_and_does_nothing(
  table, tmp_path, capsys
):
  cells, request = table
  print_plan(cells, request)
  printed = capsys.readouterr().out
  assert "training   mixback, other clips, seed 0: 100 steps of 10 pairs\n" in printed
  assert "training: none, nothing has been trained in " in printed
  assert not (tmp_path / "l").exists()
  runs = Pretrainings(request)
  name, _ = runs.locate(cells[4].measurement.model, seed=0)
  content = runs.resolved(cells[4].measurement.model, seed=0)
  write_run(tmp_path / "l", os.path.basename(name), [50], whole_s=80, content=content)
  print_plan(cells, request)
  assert capsys.readouterr().out.splitlines() == [
    "stage 1    train 1 run",
    "training   mixback, other clips, seed 1: 100 steps of 10 pairs, about 80 s",
    "estimate   training: about 80 s, from 50 pairs/s (1 run of mixback, vgg_like) and 60 s around "
    "each",
    "estimate   runs on disk: about 3 MB, from 3 MB a run (1 run of mixback, vgg_like)",
    "besides    decoded audio and embeddings are not counted",
    "stage 2    measure 8 of 8 numbers",
    "cells      log-mel, seed 0: digit, speaker",
    "cells      log-mel, seed 1: digit, speaker",
    "cells      mixback, other clips, seed 0: digit, speaker",
    "cells      mixback, other clips, seed 1: digit, speaker",
    f"estimate   measuring: none, nothing has been measured in {request.folder}",
  ]


def test_a_dry_run_before_the_clips_are_counted_shows_the_commands(tmp_path, capsys):
  root = tmp_path / "root"
  for name in ("esc10", "philharmonia"):
    write_clips(root / name, clips=5, seconds=0.1)
  request = LaboratoryRequest(
    str(tmp_path / "l"), audio_root=str(root), pretraining_tasks=("instrument",)
  )
  model = PretrainingChoice("cola", (("steps", 7),))
  rows = {"random weights": dataclasses.replace(model, random=True), "COLA": model}
  cells = [
    Cell((row, 0, 0), name, Measurement(each, "linear", "instrument"), 3)
    for row, (name, each) in enumerate(rows.items())
  ]
  print_plan(cells, request)
  printed = capsys.readouterr().out
  assert "cola, COLA, seed 3: python -m cola.train --steps=7 --seed=3 --monitor_every=0 " in printed
  assert "stage 1    train 2 runs\n" in printed
  assert (
    f"--dataset=folder:{root}/philharmonia --keys={request.folder}/keys-instrument.txt" in printed
  )
