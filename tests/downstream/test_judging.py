"""The judging commands, end to end, on a tiny run and clips that are easy to tell apart."""

import csv
import json

import numpy as np
import pytest

from contrastive_audio.monitoring import knn
from downstream import judging, tasks
from downstream import knn as downstream_knn
from downstream.encoders import models
from downstream.encoders.embedding_parts import Embeddings
from downstream.judging import Condition
from tests.support import assert_close, command, write_clips

PLACES = {"data_dir": None, "manual_dir": None, "audio_root": None, "max_bad_fraction": 0.05}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A folder with 2 classes of 20 clips."""
  folder = tmp_path_factory.mktemp("judging")
  write_clips(folder / "clips", clips=20, seconds=1)
  return folder


@pytest.fixture(scope="module")
def data(place):
  values = PLACES | {"store_dir": str(place / "stores"), "metric": "accuracy"}
  return tasks.open_task(f"folder:{place / 'clips'}", 16_000, values)


@pytest.fixture(scope="module")
def baseline():
  return models.open_model("logmel_stats")


def run(module, place, *options, check=True):
  options = ["--task=folder:clips", "--store_dir=stores", *options]
  return command(f"downstream.{module}", *options, cwd=place, check=check)


@pytest.mark.slow
def test_knn_and_linear_judge_a_run_and_write_what_they_found(place, tiny_run):
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
def test_finetune_trains_and_judges(place, tiny_run, frozen):
  before = (tiny_run / "encoder.keras").read_bytes()
  options = [f"--model={tiny_run}", "--epochs=3", f"--frozen={frozen}", "--batch_size=8"]
  printed = run("finetune", place, *options, "--label_noise=0.2").stdout
  assert ("frozen" if frozen else "fine-tuning") in printed
  assert "all labels, 20 % flipped: accuracy" in printed
  assert (tiny_run / "encoder.keras").read_bytes() == before


@pytest.mark.slow
def test_both_protocols_learn_classes_that_are_easy(place, tiny_run):
  scores = {}
  for protocol in ("cached", "paper"):
    options = [f"--model={tiny_run}", f"--protocol={protocol}", f"--output=out-{protocol}"]
    run("linear", place, *options, "--learning_rate=0.1", "--epochs=150")
    result = json.loads((place / f"out-{protocol}" / "result.json").read_text())
    scores[protocol] = result["results"][0]["score"]
  assert scores["cached"] >= 87.5
  assert scores["paper"] >= 75  # four features, not standardised; chance is 50


def test_noise_falls_on_training_labels_and_scores_are_of_true_labels(data, baseline):
  seen = []

  def method(problem):
    seen.append(problem)
    return data.targets()[problem.test]  # knows the truth

  result = judging.judge(method, data, baseline, Condition(label_noise=0.5), seed=0)
  assert result["score"] == 100.0
  (problem,) = seen
  changed = (problem.targets != data.targets()).any(axis=1)
  assert changed.sum() == 16
  assert not changed[problem.test].any()
  assert not set(problem.fitted_and_chosen) & set(problem.test)


def test_few_labels_leave_nothing_to_choose_by_where_there_is_one(data, baseline):
  sizes = []

  def method(problem):
    sizes.append((len(problem.train), len(problem.validation)))
    return data.targets()[problem.test]

  for count in (1, 5, None):
    judging.judge(method, data, baseline, Condition(count), seed=0)
  assert sizes == [(2, 0), (8, 2), (26, 6)]


def test_knn_by_split_equals_a_naive_loop(data, baseline, tmp_path):
  cache = str(tmp_path / "cache")
  method = downstream_knn.make_method("split", 3, lambda model, store: cache)(data, baseline)
  rows = Embeddings(baseline, data.store, cache).of_clips()
  seen = []

  def spy(problem):
    seen.append((problem, method(problem)))
    return seen[-1][1]

  judging.judge(spy, data, baseline, Condition(), seed=0)
  ((problem, scores),) = seen
  unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
  for row, clip in enumerate(problem.test):
    gallery = sorted(problem.fitted_and_chosen, key=lambda i: -unit[i] @ unit[clip])[:3]
    votes = np.sum([data.targets()[i] for i in gallery], axis=0)
    assert scores[row].argmax() == votes.argmax()


def test_patches_of_the_test_clips_vote_for_each_other_as_in_a_naive_loop(data, tiny_run, tmp_path):
  model = models.open_model(str(tiny_run))
  cache = lambda model, store: str(tmp_path / store.digest[:8])  # noqa: E731
  method = downstream_knn.make_method("patches", cache=cache)(data, model)
  seen = []

  def spy(problem):
    seen.append((problem, method(problem)))
    return seen[-1][1]

  judging.judge(spy, data, model, Condition(), seed=0)
  ((problem, scores),) = seen
  front_end = list(model.embedder.embed_windows(map(data.store.wave, problem.test)))
  unit = [w / np.linalg.norm(w, axis=1, keepdims=True) for w in front_end]
  classes = data.targets()[problem.test].argmax(axis=1)
  k = knn.patch_neighbours(np.repeat(np.arange(len(unit)), list(map(len, unit))), 2)
  for clip, patches in enumerate(unit):
    others = [(p, classes[i]) for i, ps in enumerate(unit) if i != clip for p in ps]
    votes = []
    for patch in patches:
      nearest = sorted(others, key=lambda other: -(patch @ other[0]))[:k]
      votes.append(np.bincount([c for _, c in nearest], minlength=2).argmax())
    assert scores[clip].argmax() == np.bincount(votes, minlength=2).argmax()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--model=nowhere"], "error: --model=nowhere: there is no such folder"),
    (["--model=logmel_stats", "--labels_per_class=0"], "error: --labels_per_class=0: write numb"),
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
  assert result.returncode == 1
  assert result.stderr.strip().splitlines()[-1].startswith("error: ")
  assert "Traceback" not in result.stderr
