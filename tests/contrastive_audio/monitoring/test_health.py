"""Warnings about encoders that train well and export badly."""

import keras
import numpy as np
import pytest

from contrastive_audio.monitoring import complaints, health
from contrastive_audio.networks import batchnorm
from contrastive_audio.runs import Run
from tests import tiny
from tests.support import assert_close


def make_encoder(bias=0.0, dropout=0.0):
  """The mean log-mel, each band standardised, and a bias that makes all embeddings alike."""
  log_mels = keras.Input([None, 64, 1])
  x = keras.layers.BatchNormalization(axis=2, name="bn")(log_mels)
  x = keras.layers.Dropout(dropout, seed=0)(x)
  x = keras.ops.mean(x, axis=[1, 3])
  return keras.Model(log_mels, x + bias)


def make_outgrown_encoder():
  """Its first band has grown loud since BatchNorm's statistics were taken, which are of noise."""
  encoder = make_encoder()
  noise = np.random.default_rng(0).normal(size=[8, 10, 64, 1]).astype("f")
  batchnorm.reestimate(encoder, [noise])
  log_mels = keras.Input([None, 64, 1])
  gains = np.ones([64, 1], "f")
  gains[0] = 1000.0
  return keras.Model(log_mels, encoder(keras.layers.Rescaling(gains)(log_mels)))


def check(encoder, store, folder, capsys, steps=(0, 5), **settings):
  config = tiny.config(batch_size=8)
  front_end = config.front_end()
  run = Run.start_or_resume(str(folder / "run"), "cola", settings, {}, front_end)
  monitor = health.HealthMonitor(run, config.pairs(store), front_end, encoder)
  for step in steps:
    monitor.check(step)
  return run, capsys.readouterr()


def test_agreement_is_one_up_to_scale_and_place_and_zero_without_relation():
  rng = np.random.default_rng(0)
  rows = rng.normal(size=[64, 256])
  assert_close(health.agreement(rows, 3 * rows + 7), 1.0, atol=1e-5)
  assert abs(float(health.agreement(rows, rng.normal(size=[64, 256])))) < 0.1


def test_a_sound_encoder_is_measured_and_not_warned_about(clip_store, tmp_path, capsys):
  run, shown = check(make_encoder(), clip_store, tmp_path, capsys, steps=(0, 5, 5))
  assert run.metrics("mode_agreement")[0].tolist() == [0, 5]
  assert (run.metrics("mode_agreement")[1] > 0.5).all()
  assert "warning" not in shown.out + shown.err


def test_statistics_that_lag_behind_are_warned_about_but_not_in_random_weights(
  clip_store, tmp_path, capsys
):
  encoder = make_outgrown_encoder()
  _, shown = check(encoder, clip_store, tmp_path / "lagging", capsys)
  assert (shown.out + shown.err).count("BatchNorm's moving statistics lag behind") == 1
  assert "step 5" in shown.out + shown.err
  config = tiny.config(batch_size=8)
  (excerpts,) = config.pairs(clip_store).dataset(0, 1)
  log_mels = config.front_end()(np.reshape(excerpts[:, :2], [16, -1]))[..., None]
  batchnorm.reestimate(encoder, [log_mels])  # they are those of the batches again
  _, shown = check(encoder, clip_store, tmp_path / "caught_up", capsys)
  assert "warning" not in shown.out + shown.err


def test_a_collapsed_encoder_is_warned_about(clip_store, tmp_path, capsys):
  _, shown = check(make_encoder(bias=1e4), clip_store, tmp_path, capsys)
  assert (shown.out + shown.err).count("the encoder has collapsed") == 1


def test_weights_that_a_training_starts_from_are_warned_about_before_the_first_step(
  clip_store, tmp_path, capsys
):
  encoder = make_encoder(bias=1e4)
  _, shown = check(encoder, clip_store, tmp_path, capsys, steps=(0,), init_digest="9f86d081")
  assert "warning    step 0" in shown.out + shown.err


@pytest.mark.parametrize("bad", [0.0, float("nan")])
def test_no_number_is_no_excuse(bad):
  assert len(complaints.complaints(bad, bad)) == 2


def test_embedding_in_training_mode_leaves_no_trace():
  encoder = make_encoder(dropout=0.5)
  before = [variable.numpy().copy() for variable in encoder.variables]
  log_mels = np.random.default_rng(0).normal(3, 2, [4, 10, 64, 1]).astype("f")
  embeddings = [batchnorm.embed_in_training_mode(encoder, log_mels) for _ in range(2)]
  assert_close(*embeddings)
  for variable, value in zip(encoder.variables, before, strict=True):
    np.testing.assert_array_equal(variable.numpy(), value)


def test_a_collapsed_training_says_so_at_its_end_without_labels(
  clip_store, tmp_path, capsys, monkeypatch
):
  monkeypatch.setattr(type(clip_store), "has_labels", False)
  config = tiny.config(steps=2)
  model = tiny.build(config)
  monkeypatch.setattr(complaints, "SPREAD_MIN", 2.0)
  tiny.train(tmp_path / "run", clip_store, config, model)
  shown = capsys.readouterr()
  assert "warning    step 2" in shown.out + shown.err
