"""The evaluating commands, end to end, on a tiny run and clips that are easy to tell apart."""

import csv
import json
import re
import signal
from unittest import mock

import numpy as np
import pytest

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream import evaluation
from downstream.cards.opening import open_task
from downstream.choices import Condition, EvaluationRequest, TaskChoice
from downstream.encoders import models
from downstream.evaluation import evaluate
from tests.support import assert_close, command, write_clips


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A folder with 2 classes of 20 clips."""
  folder = tmp_path_factory.mktemp("evaluation")
  write_clips(folder / "clips", clips=20, seconds=1)
  return folder


@pytest.fixture(scope="module")
def data(place):
  location = DataLocation(store_dir=str(place / "stores"))
  return open_task(TaskChoice(f"folder:{place / 'clips'}"), location, 16_000)


@pytest.fixture(scope="module")
def baseline():
  return models.open_model("logmel_stats")


def run(module, place, *options, check=True):
  options = ["--task=folder:clips", "--store_dir=stores", *options]
  return command(f"downstream.{module}", *options, cwd=place, check=check)


def folds_of(data, condition):
  """The clips of each fold that chooses a regularisation, and the training clips."""
  (problem,) = evaluation.pose(data, None, condition, seed=0)
  for train, fold in problem.folds:
    assert sorted([*train, *fold]) == problem.final_train.tolist()
  return [fold.tolist() for _, fold in problem.folds], problem.final_train.tolist()


@pytest.mark.parametrize(("condition", "count"), [(Condition(), 5), (Condition(4), 4)])
def test_the_folds_divide_the_clips_whose_labels_are_seen_and_no_others(data, condition, count):
  folds, train = folds_of(data, condition)
  assert len(train) == (32 if condition.labels_per_class is None else 8)
  assert len(folds) == count
  assert sorted(np.concatenate(folds).tolist()) == train


def test_one_label_per_class_leaves_no_folds_and_many_clips_need_only_one(data, monkeypatch):
  assert folds_of(data, Condition(1))[0] == []
  monkeypatch.setattr(evaluation, "_FOLDED_CLIPS_MAX", 31)
  assert len(folds_of(data, Condition())[0]) == 1
  assert len(folds_of(data, Condition(4))[0]) == 4


def test_validation_clips_of_the_data_set_are_the_only_fold(place):
  rows = [f"clips/{name}/{number}.wav,{name}" for name in ("low", "high") for number in range(20)]
  splits = ["train", "train", "validation", "test"] * 10
  lines = [f"{row},{split}" for row, split in zip(rows, splits)]
  (place / "splits.csv").write_text("\n".join(["file,label,split", *lines]) + "\n")
  location = DataLocation(store_dir=str(place / "stores"))
  data = open_task(TaskChoice(f"folder:{place / 'splits.csv'}"), location, 16_000)
  (problem,) = evaluation.pose(data, None, Condition(), seed=0)
  ((train, fold),) = problem.folds
  assert (train.tolist(), fold.tolist()) == (problem.train.tolist(), problem.validation.tolist())
  assert len(fold) == 10


@pytest.mark.slow
def test_knn_and_linear_evaluate_a_run_and_write_their_results(place, tiny_run):
  for module, name in (("knn", "kNN"), ("linear", "linear, cached")):
    options = [f"--model={tiny_run}", f"--output=out-{module}", "--labels_per_class=2,all"]
    printed = run(module, place, *options).stdout
    assert f"{name}" in printed
    assert "2 per class: accuracy" in printed
    assert "all labels: accuracy" in printed
    folder = place / f"out-{module}"
    result = json.loads((folder / "result.json").read_text())
    assert result["method"] == name
    assert [r["num_train"] for r in result["results"]] == [4, 32]
    with open(folder / "predictions.csv", newline="") as file:
      rows = list(csv.DictReader(file))
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert_close(100 * right, result["results"][0]["score"])
    assert (folder / "plots" / "confusion_matrix.png").exists()
    assert (folder / "plots" / "embedding_map.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_finetune_trains_and_evaluates(place, tiny_run, frozen):
  before = (tiny_run / "encoder.keras").read_bytes()
  options = [f"--model={tiny_run}", "--epochs=3", f"--frozen={frozen}", "--batch_size=8"]
  printed = run("finetune", place, *options, "--label_noise=0.2").stdout
  assert ("frozen" if frozen else "fine-tuning") in printed
  assert "all labels, 20 % flipped: accuracy" in printed
  assert (tiny_run / "encoder.keras").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
  ("protocol", "name"), [("paper", "linear, cola"), ("mixback", "linear, mixback")]
)
def test_a_protocol_of_a_paper_evaluates_and_is_named(place, tiny_run, protocol, name):
  options = [f"--model={tiny_run}", f"--protocol={protocol}", f"--output=out-{protocol}"]
  run("linear", place, *options, "--epochs=2")
  result = json.loads((place / f"out-{protocol}" / "result.json").read_text())
  assert result["method"] == name
  assert result["results"][0]["num_test"] == 8


def test_noise_falls_on_training_labels_and_scores_are_of_true_labels(data, baseline):
  seen = []

  def method(problem):
    seen.append(problem)
    return data.targets()[problem.test]  # knows the truth

  result = evaluate(method, data, baseline, Condition(label_noise=0.5), seed=0)
  assert result.score == 100.0
  (problem,) = seen
  changed = (problem.targets != data.targets()).any(axis=1)
  assert changed.sum() == 16
  assert not changed[problem.test].any()
  assert not set(problem.final_train) & set(problem.test)


def test_a_single_label_per_class_leaves_nothing_to_validate_on(data, baseline):
  sizes = []

  def method(problem):
    sizes.append((len(problem.train), len(problem.validation)))
    return data.targets()[problem.test]

  for count in (1, 5, None):
    evaluate(method, data, baseline, Condition(count), seed=0)
  assert sizes == [(2, 0), (8, 2), (26, 6)]


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--model=nowhere"], "error: --model=nowhere: there is no such folder"),
    (["--model=logmel_stats", "--labels_per_class=0"], "error: --labels_per_class=0: write posi"),
    (["--model=logmel_stats", "--labels_per_class=99"], "error: --labels_per_class=99: the class"),
    (["--model=logmel_stats", "--task=folder:none"], "error: no such folder: 'none'"),
    (["--model=logmel_stats", "--task=folder:flat"], "error: the task folder:flat has no label f"),
  ],
)
def test_a_mistake_is_one_line(options, message, place):
  write_clips(place / "flat", classes=["."], clips=2)
  result = run("linear", place, *options, check=False)
  assert result.returncode == 1
  last = result.stderr.strip().splitlines()[-1]
  assert last.startswith(message)
  assert "Traceback" not in result.stderr


def test_statistics_have_no_weights_to_train(place):
  result = run("finetune", place, "--model=logmel_stats", check=False)
  assert (result.returncode, result.stdout) == (1, "")  # before the task is opened
  assert result.stderr.startswith("error: --model=logmel_stats has no weights to train: use down")
  assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
  ("command", "options", "message"),
  [
    ("finetune", [], "is an exported SavedModel, whose weights cannot be trained: pass the run"),
    ("linear", ["--protocol=cola"], "is an exported SavedModel, whose weights cannot be trained"),
    ("knn", ["--layer=projection"], "has no projection head: choose --layer=embedding"),
  ],
)
def test_what_a_saved_model_lacks_is_said_before_the_task_is_opened(
  place, tiny_run, command, options, message
):
  model = tiny_run / "saved_model"
  result = run(command, place, f"--model={model}", *options, check=False)
  assert (result.returncode, result.stdout) == (1, "")
  assert result.stderr.startswith(f"error: --model={model} {message}")
  assert result.stderr.count("\n") == 1


def test_a_signal_is_answered_at_once_and_ends_an_evaluation(monkeypatch, capsys):
  monkeypatch.setattr(evaluation, "open_model", lambda *_: signal.raise_signal(signal.SIGTERM))
  with pytest.raises(SystemExit) as ended:
    evaluation.run_evaluation(
      EvaluationRequest("runs/mine", TaskChoice("esc50")), "kNN", lambda data, model: None
    )
  assert ended.value.code == 143
  assert capsys.readouterr().out == "stopping   the same command goes on from what is saved\n"


def test_a_condition_that_asks_for_too_many_labels_is_refused_before_any_is_measured(place):
  options = ["--model=logmel_stats", "--output=asked", "--labels_per_class=1,99"]
  done = run("knn", place, *options, check=False)
  assert done.returncode == 1
  assert done.stderr.splitlines()[-1].startswith("error: --labels_per_class=99: the class")
  assert "accuracy" not in done.stdout
  assert not (place / "asked").exists()


def test_the_results_of_finished_conditions_are_kept_if_a_later_one_fails(place, monkeypatch):
  own, seen = evaluation.evaluate, []

  def fail_at_the_second(*arguments):
    seen.append(arguments)
    if len(seen) > 1:
      raise UserError("the disk is full")
    return own(*arguments)

  monkeypatch.setattr(evaluation, "evaluate", fail_at_the_second)
  options = ["--model=logmel_stats", "--output=kept", "--labels_per_class=1,2"]
  assert run("knn", place, *options, check=False).returncode == 1
  (kept,) = json.loads((place / "kept" / "result.json").read_text())["results"]
  assert kept["labels_per_class"] == 1
  assert (place / "kept" / "predictions.csv").exists()


def test_fewer_training_clips_than_neighbours_are_said_once(place):
  done = run("knn", place, "--model=logmel_stats", "--neighbours=999")
  (line,) = [line for line in done.stdout.splitlines() if line.startswith("neighbours")]
  assert re.fullmatch(r"neighbours K = \d+ instead of 999: there are no more training clips", line)
  assert "neighbours" not in run("knn", place, "--model=logmel_stats", "--neighbours=1").stdout


def test_a_class_that_is_never_tested_is_named_and_noted(place, tmp_path):
  rows = [f"clips/{label}/{n}.wav" for label in ("high", "low") for n in range(12)]
  groups = [
    f"{label}-{n // 6}" if label == "low" else "all" for label in ("high", "low") for n in range(12)
  ]
  lines = [f"{place}/{row},{row.split('/')[1]},{group}" for row, group in zip(rows, groups)]
  (tmp_path / "groups.csv").write_text("file,label,group\n" + "\n".join(lines))
  options = ["--model=logmel_stats", "--task=groups.csv", "--output=out", "--store_dir=stores"]
  printed = command("downstream.linear", *options, cwd=tmp_path).stdout
  assert "untested   1 of 2 classes (high): no test clip has them" in printed
  assert json.loads((tmp_path / "out" / "result.json").read_text())["untested"] == ["high"]


def test_each_number_of_labels_has_its_own_predictions(place, tmp_path):
  options = ["--model=logmel_stats", f"--task={place}/clips", "--store_dir=stores"]
  few = [*options, "--output=both", "--labels_per_class=1,all"]
  command("downstream.knn", *few, cwd=tmp_path)
  command("downstream.knn", *options, "--output=all", cwd=tmp_path)
  both, alone = tmp_path / "both", tmp_path / "all"
  for kind in ("predictions{}.csv", "plots/confusion_matrix{}.png", "plots/per_class{}.png"):
    assert (both / kind.format("")).exists()
    assert (both / kind.format("-all_labels")).exists()
  of_all = (both / "predictions-all_labels.csv").read_text()
  assert of_all == (alone / "predictions.csv").read_text() != (both / "predictions.csv").read_text()


def test_nothing_of_an_earlier_call_is_left_beside_its_results(place, monkeypatch):
  options = ["--model=logmel_stats", "--output=again"]
  run("linear", place, *options, "--labels_per_class=1,2")
  assert (place / "again" / "predictions-2_per_class.csv").exists()
  (place / "again" / "predictions-of-mine.csv").touch()
  run("linear", place, *options)
  left = [path.name for path in (place / "again").glob("**/*.*")]
  assert not any("2_per_class" in name for name in left)
  assert {"classifier.npz", "predictions.csv", "confusion_matrix.png"} <= set(left)
  assert "predictions-of-mine.csv" in left
  monkeypatch.setattr(evaluation, "draw_map", mock.Mock(side_effect=UserError("stopped")))
  assert run("linear", place, *options, check=False).returncode == 1
  assert not (place / "again" / "classifier.npz").exists()
