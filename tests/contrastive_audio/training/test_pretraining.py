"""A training in this process: exact resume, monitor, guard, clean stop, plots."""

import dataclasses
import json
import os
import shutil
import signal
import time

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from contrastive_audio.training import callbacks, pretraining, recording
from contrastive_audio.training.checkpoints import Checkpoints
from tests import tiny
from tests.support import assert_close

pytestmark = pytest.mark.slow

FULL = {"steps": 12, "checkpoint_every": 5}


@pytest.fixture(scope="module")
def finished(clip_store, tmp_path_factory, drawing):
  """An uninterrupted training with a monitor."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  with drawing():
    return tiny.train(folder, clip_store, tiny.config(**FULL, monitor_every=6))


def assert_same_weights(one, other):
  for ours, theirs in zip(tiny.weights(one), tiny.weights(other), strict=True):
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_stopped_training_is_saved_and_goes_on_exactly(
  finished, clip_store, tmp_path, monkeypatch, step
):
  config = tiny.config(**FULL, monitor_every=6)
  with monkeypatch.context() as patch:
    patch.setattr(callbacks, "Stopper", tiny.StopAt)
    patch.setattr(tiny.StopAt, "step", step)
    run, _, outcome = tiny.train(tmp_path / "run", clip_store, config)
  assert outcome == pretraining.Outcome(step, finished=False)
  assert os.path.exists(run.path("encoder.keras"))
  assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
  _, model, outcome = tiny.train(tmp_path / "run", clip_store, config)
  assert outcome == pretraining.Outcome(12, finished=True)
  assert_same_weights(model, finished[1])
  assert_same_rows(run, finished[0])


def assert_same_rows(one, other):
  """Every row of every metric of a training, but for how fast it was."""
  for name in ("loss", "contrastive_accuracy", "gradient_norm", "embedding_spread", "knn_accuracy"):
    assert_close(one.metrics(name), other.metrics(name), atol=1e-6)


def test_steps_that_loss_scaling_skipped_count_after_a_resume_too(clip_store, tmp_path):
  run, model, _ = tiny.train(tmp_path / "run", clip_store, tiny.config(steps=2))
  model.optimizer.iterations.assign(1)  # as if one of the two had been skipped
  shutil.rmtree(run.path("checkpoints"))
  Checkpoints(run, model).save(2)
  _, model, _ = tiny.train(tmp_path / "run", clip_store, tiny.config(steps=3))
  assert int(model.optimizer.iterations) == 2
  assert int(model.steps.taken(model.optimizer)) == 3


def test_a_finished_run_is_extended_and_is_then_what_a_longer_one_is(
  finished, clip_store, tmp_path
):
  """Half of an interval of rows, and the last row, of half of one, are made whole."""
  config = tiny.config(**FULL, monitor_every=6)
  tiny.train(tmp_path / "run", clip_store, dataclasses.replace(config, steps=6))
  run, model, outcome = tiny.train(tmp_path / "run", clip_store, config)
  assert outcome == pretraining.Outcome(12, finished=True)
  assert_same_weights(model, finished[1])
  assert_same_rows(run, finished[0])
  assert Run.open(run.folder).config["config"]["steps"] == 12


@pytest.mark.slow
def test_a_crash_goes_back_to_the_last_checkpoint_and_on_exactly(finished, clip_store, tmp_path):
  config = tiny.config(**FULL, monitor_every=6)
  model = tiny.build(config)
  apply, steps = model.optimizer.apply, []

  def crash(gradients, variables):
    steps.append(
      tf.py_function(lambda: 1 / int(model.optimizer.iterations.numpy() < 7), [], "float32")
    )
    with tf.control_dependencies(steps):
      return apply(gradients, variables)

  model.optimizer.apply = crash
  with pytest.raises(tf.errors.OpError):
    tiny.train(tmp_path / "run", clip_store, config, model)
  run, model, _ = tiny.train(tmp_path / "run", clip_store, config)
  assert_same_weights(model, finished[1])
  assert_same_rows(run, finished[0])


@pytest.mark.figures
def test_a_finished_run_is_left_as_it_is(finished, clip_store):
  run, model, _ = finished
  with open(run.path("metrics.jsonl")) as file:
    before = file.read()
  _, again, outcome = tiny.train(run.folder, clip_store, tiny.config(**FULL, monitor_every=6))
  assert outcome == pretraining.Outcome(12, finished=True)
  assert_same_weights(again, model)
  with open(run.path("metrics.jsonl")) as file:
    assert file.read() == before


def test_a_run_folder_holds_all_its_parts(finished):
  run = finished[0]
  names = ["config.json", "metrics.jsonl", "skipped.csv", "encoder.keras", "saved_model"]
  names += ["plots/training.png", "plots/knn.png", "plots/pairs.png", "checkpoints/checkpoint"]
  assert [name for name in names if not os.path.exists(run.path(name))] == []
  assert os.listdir(run.path("tensorboard"))
  assert len([name for name in os.listdir(run.path("checkpoints")) if name.endswith("index")]) == 2


def test_plots_are_not_blank(finished):
  for name in ("training", "knn", "pairs"):
    image = matplotlib.image.imread(finished[0].path("plots", f"{name}.png"))
    assert min(image.shape[:2]) > 300
    assert image[:, :, :3].std() > 0.05


def test_metrics_hold_every_tracker(finished):
  run = finished[0]
  for name in ("loss", "contrastive_accuracy", "embedding_spread", "gradient_norm"):
    steps, values = run.metrics(name)
    assert steps.tolist() == [10, 12]
    assert np.isfinite(values).all()
  assert (run.metrics("pairs_per_s")[1] > 0).all()
  shares = run.metrics("data_wait_share")[1]
  assert ((shares >= 0) & (shares <= 1)).all()
  assert run.metrics("knn_accuracy")[0].tolist() == [0, 6, 12]
  assert_close(run.metrics("knn_chance")[1], [0.5] * 3)
  steps, accuracy = run.metrics("linear_accuracy")
  assert steps.tolist() == [0, 6, 12]
  assert ((accuracy > 0.5) & (accuracy <= 1)).all()
  assert run.metrics("mode_agreement")[0].tolist() == [0, 6, 12]


def test_the_saved_encoder_is_the_trained_one(finished):
  run, model, _ = finished
  batch = np.random.default_rng(0).normal(size=[2, 96, 64, 1]).astype("f")
  assert_close(run.encoder()(batch), model.encoder(batch))


@pytest.mark.slow
def test_views_on_the_host_give_the_same_training_and_none_waits_for_a_tuner_at_its_end(
  clip_store, tmp_path, tunings
):
  results = []
  for place in ("device", "host"):
    config = tiny.config(steps=4, views_on=place)
    model = tiny.build(config, noise=0.1)
    results.append(tiny.train(tmp_path / place, clip_store, config, model)[1])
  for ours, theirs in zip(*map(tiny.weights, results), strict=True):
    assert_close(ours, theirs, atol=1e-5)
  assert len(tunings) >= 2
  assert not any(tunings)


def test_a_loss_that_is_not_finite_ends_the_run_with_step_rate_and_clips(clip_store, tmp_path):
  config = tiny.config(steps=12, checkpoint_every=1)
  model = tiny.build(config)
  objective = model.objective

  def poisoned(anchors, positives):
    loss, accuracy = objective(anchors, positives)
    return tf.where(model.optimizer.iterations >= 3, np.nan, loss), accuracy

  model.objective = poisoned
  with pytest.raises(UserError) as error:
    tiny.train(tmp_path / "run", clip_store, config, model)
  message = str(error.value)
  assert "\n" not in message
  assert message.startswith("step 4: loss nan")
  assert "learning rate 0.0001" in message
  with open(tmp_path / "run" / "not_finite.json") as file:
    report = json.load(file)
  assert f"clip ids {', '.join(map(str, report['clip_ids']))} " in message
  assert report["clips"] == clip_store.keys(report["clip_ids"])
  saved = sorted(name for name in os.listdir(tmp_path / "run/checkpoints") if "index" in name)
  assert saved == ["step-2.index", "step-3.index"]


def test_labels_never_reach_the_training(finished, clip_store, tmp_path, monkeypatch):
  """Without any label the weights are the same, and there is just no monitor."""
  monkeypatch.setattr(type(clip_store), "has_labels", False)
  monkeypatch.setattr(type(clip_store), "labels", lambda *_: pytest.fail("a label was read"))
  run, model, _ = tiny.train(tmp_path / "run", clip_store, tiny.config(**FULL, monitor_every=6))
  assert_same_weights(model, finished[1])
  assert len(run.metrics("knn_accuracy")[0]) == 0
  assert not os.path.exists(run.path("plots", "knn.png"))


def test_damaged_checkpoints_change_nothing_in_the_end(finished, clip_store, tmp_path, capsys):
  """The one before is taken if there is one; if not, nothing is trained, and nothing lost."""
  config = tiny.config(**FULL, monitor_every=6)
  run, whole = finished[0], tmp_path / "run"
  shutil.copytree(run.folder, whole)
  os.truncate(whole / "checkpoints" / "step-12.data-00000-of-00001", 1500)
  resumed, model, _ = tiny.train(whole, clip_store, config)
  assert "00001 is damaged): going on from step 10\n" in capsys.readouterr().out
  assert_same_weights(model, finished[1])
  assert_same_rows(resumed, run)
  for path in (whole / "checkpoints").glob("*.index"):
    path.write_bytes(b"damaged")
  metrics = (whole / "metrics.jsonl").read_bytes()
  for change, message in (
    (lambda: None, "cannot read any checkpoint"),
    (lambda: shutil.rmtree(whole / "checkpoints"), "was trained to step 12 or later, but"),
  ):
    change()
    with pytest.raises(UserError, match=message):
      tiny.train(whole, clip_store, config)
    assert (whole / "metrics.jsonl").read_bytes() == metrics


def test_a_full_disk_at_a_checkpoint_is_one_clear_line(clip_store, tmp_path, monkeypatch):
  def full(*_, **__):
    raise tf.errors.ResourceExhaustedError(None, None, "step-5; No space left on device\nmore")

  monkeypatch.setattr(tf.train.Checkpoint, "write", full)
  with pytest.raises(UserError, match="checkpoint of step 5: no space left on device") as error:
    tiny.train(tmp_path / "run", clip_store, tiny.config(**FULL))
  assert "\n" not in str(error.value)


def test_the_clock_sees_a_slow_input():
  clock = recording.DataClock()

  def slow(number):
    time.sleep(0.2)
    return number

  dataset = tf.data.Dataset.range(2).map(lambda n: tf.numpy_function(slow, [n], tf.int64))
  iterator = iter(clock.stamp(dataset))
  start_s = time.perf_counter()
  next(iterator)
  assert 0.15 < clock.waited_s(start_s) < 2
  time.sleep(0.5)
  assert next(iterator) == 1
