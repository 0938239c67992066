"""Early stopping, and trainings that are interrupted, resumed or refused."""

import dataclasses
import json
import re

import pytest

from contrastive_audio.errors import UserError
from downstream.classifiers import excerpt_training
from downstream.classifiers.training_state import claimed_folder
from tests import failing_disk
from tests.downstream.classifiers.tiny_training import (
  ALL,
  Crash,
  assert_same,
  crash_at,
  doctored,
  model_of,
  options,
  results,
  tiny_encoder,
)
from tests.support import assert_close


@pytest.mark.parametrize(
  ("patience", "scores", "best", "epochs"),
  [
    (1, [0.2, 0.5, 0.4], 2, 3),
    (2, [0.2, 0.5, 0.5, 0.4], 2, 4),
    (2, [0.2, 0.1, 0.3, 0.3, 0.3], 3, 5),
    (1, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
    (None, [0.6, 0.5, 0.7, 0.3, 0.2, 0.1], 3, 6),
  ],
)
def test_selection_takes_the_weights_of_the_best_epoch(
  model, clip_store, targets, halves, monkeypatch, patience, scores, best, epochs
):
  monkeypatch.setattr(excerpt_training, "score", doctored(scores))
  chosen = options(selection="best", patience=patience, epochs=6)
  classifier = excerpt_training.train(model, clip_store, halves[0], targets, chosen, halves[1])
  assert (classifier.epochs, classifier.best_epoch) == (epochs, best)
  assert [row["validation_score"] for row in classifier.history] == scores
  shorter = excerpt_training.train(model, clip_store, halves[0], targets, options(epochs=best))
  assert_same(results(classifier), results(shorter))


@pytest.mark.parametrize("metric", ["accuracy", "macro_accuracy"])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_validation_score_is_that_of_the_epoch_by_the_metric_of_the_task(
  model, clip_store, targets, halves, monkeypatch, frozen, metric
):
  """It is computed from what the classifier, as it is then, says of the validation clips."""
  seen, score = [], excerpt_training.score
  monkeypatch.setattr(excerpt_training, "score", lambda *call: seen.append(call) or score(*call))
  to_train, held_out = halves
  classifier = excerpt_training.train(
    model, clip_store, to_train, targets, options(frozen=frozen, epochs=3, metric=metric), held_out
  )
  assert len(seen) == 3
  used_metric, labels, scores = seen[-1]
  assert_close(scores, classifier.scores(clip_store, held_out), atol=1e-6)
  assert_close(labels, targets[held_out])
  assert used_metric == metric
  assert [row["validation_score"] for row in classifier.history] == [score(*call) for call in seen]


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_an_interrupted_training_goes_on_and_ends_the_same(
  model, clip_store, targets, halves, tmp_path, monkeypatch, frozen
):
  changes = {"frozen": frozen, "epochs": 4, "selection": "best", "patience": 3, "batch_size": 2}
  call = (model, clip_store, halves[0], targets, options(**changes), halves[1])
  uninterrupted = excerpt_training.train(*call)
  for step in (2, 9):  # of twelve: before anything is saved, and late
    folder = tmp_path / str(step)
    with monkeypatch.context() as patch, pytest.raises(Crash):
      crash_at(step, patch)
      excerpt_training.train(*call, folder)
    resumed = excerpt_training.train(*call, folder)
    assert resumed.history == uninterrupted.history
    assert resumed.best_epoch == uninterrupted.best_epoch
    assert_same(results(resumed), results(uninterrupted))


def test_a_resume_trains_only_the_epochs_that_are_left(
  model, clip_store, targets, tmp_path, monkeypatch
):
  with monkeypatch.context() as patch:
    crash_at(8, patch)  # in the third epoch
    with pytest.raises(Crash):
      excerpt_training.train(model, clip_store, ALL, targets, options(epochs=3), folder=tmp_path)
  crash_at(4, monkeypatch)  # three are left, a fourth would end it
  classifier = excerpt_training.train(
    model, clip_store, ALL, targets, options(epochs=3), folder=tmp_path
  )
  assert classifier.epochs == 3


def test_a_finished_training_is_read_not_repeated(
  model, clip_store, targets, halves, tmp_path, monkeypatch
):
  chosen = options(epochs=3, selection="best", patience=1)
  call = (model, clip_store, halves[0], targets, chosen, halves[1], tmp_path)
  monkeypatch.setattr(excerpt_training, "score", doctored([0.5, 0.4]))
  finished = excerpt_training.train(*call)
  crash_at(1, monkeypatch)
  again = excerpt_training.train(*call)
  assert (again.epochs, again.best_epoch) == (2, 1)
  assert again.history == finished.history
  assert_same(results(again), results(finished))


def test_the_last_two_checkpoints_are_kept(model, clip_store, targets, tmp_path):
  excerpt_training.train(
    model, clip_store, ALL, targets, options(epochs=3), folder=tmp_path / "new" / "x"
  )
  names = {path.name for path in (tmp_path / "new" / "x").iterdir()}
  endings = ("index", "data-00000-of-00001", "seal")
  epochs = {f"epoch-{epoch}.{ending}" for epoch in (2, 3) for ending in endings}
  assert names == {"training.json", "checkpoint", "lock", *epochs}


def other_call(name, call):
  """The call with one thing changed that makes it another training."""
  call = dict(call)
  if name in ("seed", "learning_rate", "frozen"):
    value = {"seed": 4, "learning_rate": 1e-2, "frozen": True}[name]
    call["options"] = dataclasses.replace(call["options"], **{name: value})
  elif name == "model":
    call["model"] = dataclasses.replace(call["model"], identity="another")
  elif name == "training clips":
    call["train_ids"] = call["train_ids"][::-1]
  elif name == "validation clips":
    call["validation_ids"] = None
  elif name == "targets":
    call["targets"] = 1 - call["targets"]
  else:
    call["store"] = call["store"].select(ALL)
  return call


@pytest.fixture(scope="module")
def call_of_folder(clip_store, targets, halves, tmp_path_factory):
  """The arguments of a finished training in a folder."""
  folder = str(tmp_path_factory.mktemp("trainings") / "it")
  call = {"model": model_of(tiny_encoder()), "store": clip_store, "targets": targets}
  call |= {"train_ids": halves[0], "validation_ids": halves[1]}
  call |= {"options": options(epochs=1), "folder": folder}
  excerpt_training.train(**call)
  return call


DIFFERENCES = ["seed", "learning_rate", "frozen", "model", "data set"]
DIFFERENCES += ["training clips", "validation clips", "targets"]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_folder_of_another_training_is_refused_and_the_difference_named(call_of_folder, name):
  with open(f"{call_of_folder['folder']}/training.json") as file:
    saved = json.load(file)
  with pytest.raises(
    UserError, match=rf"it' holds another training: {name} was [^;\n]*$"
  ) as raised:
    excerpt_training.train(**other_call(name, call_of_folder))
  assert f"{name} was {saved[name]!r} and is now " in str(raised.value)
  assert excerpt_training.train(**call_of_folder).epochs == 1


@pytest.mark.slow
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
  model, clip_store, targets, tmp_path, capsys
):
  call = (model, clip_store, ALL, targets, options())
  trained = excerpt_training.train(*call, folder=str(tmp_path))
  (tmp_path / "epoch-2.index").write_text("nothing useful")
  again = excerpt_training.train(*call, folder=str(tmp_path))
  assert "epoch-2 (epoch-2.index is damaged): going on from epoch 1\n" in capsys.readouterr().out
  assert again.history == trained.history
  assert_same(results(again), results(trained))


def test_a_damaged_folder_is_one_line(tmp_path):
  with claimed_folder(tmp_path, {"seed": 0}):
    pass
  for content in (b"", b"[]", b"\xff"):  # nothing is trained yet: the same call goes on
    (tmp_path / "training.json").write_bytes(content)
    with claimed_folder(tmp_path, {"seed": 0}):
      assert json.loads((tmp_path / "training.json").read_text()) == {"seed": 0}
  (tmp_path / "epoch-2.index").touch()
  (tmp_path / "training.json").write_text("{")
  line = rf"^cannot read {re.escape(str(tmp_path))}/training.json, which [^\n]*to train again$"
  with pytest.raises(UserError, match=line), claimed_folder(tmp_path, {"seed": 0}):
    pass


def test_a_folder_is_claimed_after_a_kill_or_a_full_disk_at_any_moment(tmp_path):
  def claim():
    with claimed_folder(tmp_path / "state", {"seed": 0}):
      return json.loads((tmp_path / "state" / "training.json").read_text())

  def check(identity):
    assert identity == {"seed": 0}

  assert failing_disk.check_that_it_goes_on(tmp_path / "state", claim, check) > 4


def test_two_processes_never_train_in_one_folder(tmp_path):
  with (
    claimed_folder(tmp_path, {"seed": 0}),
    pytest.raises(UserError, match=r"another process is training here \(pid \d+, host"),
    claimed_folder(tmp_path, {"seed": 0}),
  ):
    pass
