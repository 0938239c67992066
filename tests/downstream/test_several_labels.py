"""Tasks whose clips have several labels, from a table to predictions: linear and knn."""

import csv
import json

import numpy as np
import pytest
import soundfile
from sklearn.metrics import average_precision_score

from contrastive_audio.cli.open_data import DataLocation
from downstream import evaluation
from downstream.cards.card import Task
from downstream.cards.opening import open_task
from downstream.cards.task_data import check_labels
from downstream.choices import Condition, TaskChoice
from tests.support import assert_close, command, refused_command, tone

HZ = {"low": 300, "mid": 900, "high": 2700, "rare": 5500}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A folder with 60 clips, whose table names what sounds in each; three have the class `rare`."""
  folder = tmp_path_factory.mktemp("several_labels")
  rng, rows = np.random.default_rng(1), ["file,label"]
  for number in range(60):
    names = [name for name in ("low", "mid", "high") if rng.random() < 0.45] or ["low"]
    names += ["rare"] if number in (7, 23, 24) else []
    wave = sum(tone(HZ[name] * rng.uniform(0.9, 1.1), 0.3, level=0.2) for name in names)
    soundfile.write(folder / f"{number}.wav", wave + rng.normal(0, 0.01, len(wave)), 16_000)
    rows.append(f"{number}.wav,{';'.join(names)}")
  (folder / "labels.csv").write_text("\n".join(rows))
  return folder


def options(*changes):
  return ["--model=logmel_stats", "--task=labels.csv", "--store_dir=stores", *changes]


@pytest.mark.parametrize("module", ["linear", "knn"])
def test_few_and_all_labels_are_evaluated_and_every_likely_label_is_predicted(place, module):
  printed = command(
    f"downstream.{module}",
    *options("--metric=mAP", "--labels_per_class=all,1", f"--output={module}"),
    cwd=place,
  ).stdout
  assert "labels.csv, 1 per class: mAP " in printed
  folder = place / module
  with open(folder / "predictions.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  names = sorted(HZ)
  scores = np.array([[float(row[name]) for name in names] for row in rows])
  targets = np.array([[name in row["label"].split(";") for name in names] for row in rows])
  everything, few = json.loads((folder / "result.json").read_text())["results"]
  present = targets.any(axis=0)
  desired = 100 * average_precision_score(targets[:, present], scores[:, present])
  assert_close(everything["score"], desired, atol=0.01)
  assert everything["score"] > 70
  assert few["num_train"] <= 4
  low, high = everything["interval"]
  assert low < everything["score"] <= high
  likely = [{names[column] for column in np.flatnonzero(row >= 0.5)} for row in scores]
  assert [set(filter(None, row["predicted"].split(";"))) for row in rows] == likely
  assert 0 <= scores.min() < scores.max() <= 1
  assert (folder / "plots" / "per_class.png").exists()
  assert not (folder / "plots" / "confusion_matrix.png").exists()


def test_every_class_trains_whatever_the_seed(place):
  location = DataLocation(store_dir=str(place / "stores"))
  data = open_task(TaskChoice(str(place / "labels.csv"), "mAP"), location, 16_000)
  targets = data.targets()
  for seed in range(10):
    for condition in (Condition(), Condition(2)):
      (problem,) = evaluation.pose(data, None, condition, seed)
      assert targets[problem.final_train].any(axis=0).all()
      assert not set(problem.final_train) & set(problem.test)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (["--metric=mAP", "--labels_per_class=9"], "--labels_per_class=9: the class 'rare' has 2 tra"),
    (["--metric=mAP", "--label_noise=0.1"], "--label_noise: the clips of labels.csv have several"),
    ([], "the task labels.csv: the class 'high;rare' has one clip, which cannot both train and te"),
  ],
)
def test_what_several_labels_do_not_allow_is_one_line(place, changes, message):
  line = refused_command("downstream.linear", *options(*changes), cwd=place)
  assert line.startswith(f"error: {message}")
  assert ("pass --metric=mAP" in line) == (not changes)


def test_several_labels_are_one_class_whichever_a_data_set_names_first():
  labels = check_labels(Task("mine", "mine"), list("abcd"), ["dog;rain", "rain;dog", "dog", "dog"])
  assert labels == ["dog;rain", "dog;rain", "dog", "dog"]
  several = ["h;c;f;a;g;b;e;d", "e;b;d;h;a;g;c;f", "x", "x"]
  labels = check_labels(Task("mine", "mine"), list("abcd"), several)
  assert labels == ["a;b;c;d;e;f;g;h"] * 2 + ["x", "x"]  # an order that no run of Python changes
