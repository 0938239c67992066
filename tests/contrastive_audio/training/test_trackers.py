"""wandb and MLflow, made up here: a training is one run there, whatever becomes of it."""

import sys
import types

import keras
import pytest

from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from contrastive_audio.training.trackers import tracked
from contrastive_audio.utils.tracking import TensorBoard

BOTH = ["wandb", "mlflow"]


def logger(name):
  """A class of callbacks that takes any options."""
  return type(name, (keras.callbacks.Callback,), {"__init__": lambda self, **options: None})


@pytest.fixture
def told(monkeypatch):
  """What the packages have been told, in order."""
  told = []

  def module(name, **content):
    made = types.ModuleType(name)
    made.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, made)

  def begin(name, run_id, new_id):
    told.append((f"{name} begins", run_id))
    return run_id or new_id

  def init(id, resume, **options):
    return types.SimpleNamespace(
      id=begin("wandb", id, "w1"),
      log=lambda values: told.append(("wandb", values)),
      finish=lambda exit_code: told.append(("wandb ends", exit_code)),
    )

  def start_run(run_id, run_name):
    run = types.SimpleNamespace(run_id=begin("mlflow", run_id, "m1"))
    return types.SimpleNamespace(info=run)

  module("wandb", init=init)
  module("wandb.integration")
  module("wandb.integration.keras", WandbMetricsLogger=logger("WandbMetricsLogger"))
  module(
    "mlflow",
    set_experiment=lambda name: None,
    start_run=start_run,
    log_metrics=lambda values, step: told.append(("mlflow", values, step)),
    end_run=lambda status: told.append(("mlflow ends", status)),
  )
  module("mlflow.tensorflow", MlflowCallback=logger("MlflowCallback"))
  return told


def test_a_training_that_goes_on_is_the_same_run_there_and_one_that_fails_says_so(told, tmp_path):
  with tracked(Run(str(tmp_path), {}), BOTH) as callbacks:
    assert [type(each).__name__ for each in callbacks] == ["Logger", "MlflowCallback"]
  assert told[:2] == [("wandb begins", None), ("mlflow begins", None)]
  assert told[2:] == [("mlflow ends", "FINISHED"), ("wandb ends", 0)]
  told.clear()
  with pytest.raises(OSError, match="full"), tracked(Run(str(tmp_path), {}), BOTH):
    raise OSError("full")
  assert told[:2] == [("wandb begins", "w1"), ("mlflow begins", "m1")]
  assert told[2:] == [("mlflow ends", "FAILED"), ("wandb ends", 1)]


def test_what_their_callbacks_log_by_themselves_is_not_logged_twice(told, tmp_path):
  run = Run(str(tmp_path), {})
  with tracked(run, BOTH):
    del told[:]
    run.log(10, {"loss": 0.5, "knn_accuracy": 0.25, "pairs_per_s": 80.0})
    run.log(20, {"loss": 0.5})
    values = {"monitor/knn_accuracy": 0.25, "speed/pairs_per_s": 80.0}
    assert told == [("wandb", values | {"train_step": 10}), ("mlflow", values, 10)]


def test_one_that_cannot_be_reached_is_one_line_and_the_others_end(told, tmp_path, monkeypatch):
  run = Run(str(tmp_path), {})

  def refused(run_id, run_name):
    raise ConnectionError("no route to host")

  monkeypatch.setattr(sys.modules["mlflow"], "start_run", refused)
  with pytest.raises(UserError, match="--log_to=mlflow: no route to host"), tracked(run, BOTH):
    pass
  assert told == [("wandb begins", None), ("wandb ends", 1)]
  assert [type(each) for each in run.trackers] == [TensorBoard]


@pytest.mark.parametrize(("names", "count"), [(["tensorboard"], 1), (["tensorboard", *BOTH], 3)])
def test_tensorboard_is_one_of_them_if_it_is_named(told, tmp_path, names, count):
  run = Run(str(tmp_path), {})
  with tracked(run, names):
    assert len(run.trackers) == count
    assert type(run.trackers[0]) is TensorBoard
  with tracked(run, BOTH):
    assert TensorBoard not in map(type, run.trackers)
