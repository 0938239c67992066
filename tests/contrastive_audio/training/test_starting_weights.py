"""Weights of a run as the start of a training, and embeddings that are held near theirs."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from cola.config import Config
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from contrastive_audio.training import building
from contrastive_audio.training.source_distance import SourceDistance
from contrastive_audio.training.source_run import SourceRun
from contrastive_audio.training.starting_weights import StartingWeights
from tests import tiny
from tests.support import assert_close

PAIRS = tf.constant(np.random.default_rng(0).normal(size=[4, 2, 15_600]), tf.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A run folder with the tiny encoder and head of seed 7, and statistics of its own."""
  config = tiny.config(seed=7, mean=-2.0, std=3.0)
  model = tiny.build(config)
  for layer in model.encoder.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.moving_mean.assign([0.1, 0.2, 0.3, 0.4])
      layer.moving_variance.assign([0.5, 1.0, 1.5, 2.0])
  run = Run.start_or_resume(
    str(tmp_path_factory.mktemp("source") / "run"), "cola", dataclasses.asdict(config), {},
    config.front_end(),
  )  # fmt: skip
  run.save_networks(model.encoder, model.head)
  return run.folder


def start(folder, **changes):
  """(model, weights) of a training that starts from a run."""
  weights = StartingWeights(SourceRun.open(str(folder)))
  config = tiny.config(**{"mean": -2.0, "std": 3.0, "init_digest": "any"} | changes)
  return building.build(tiny.build, config, Hosts(), weights), weights


def test_encoder_and_head_start_from_the_weights_of_the_source_not_of_the_seed(folder):
  model, weights = start(folder)
  for ours, theirs in ((model.encoder, weights.encoder), (model.head, weights.head)):
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
      np.testing.assert_array_equal(one, other)
  random = building.build(tiny.build, tiny.config(), Hosts()).encoder.get_weights()[0]
  assert np.abs(random - model.encoder.get_weights()[0]).max() > 0.01


def test_a_head_of_other_layers_stays_as_the_seed_made_it(folder, tmp_path):
  shutil.copytree(folder, tmp_path / "run")
  other = keras.Sequential([keras.Input([4]), keras.layers.Dense(8), keras.layers.ReLU()])
  Run.open(str(tmp_path / "run")).save_networks(
    StartingWeights(SourceRun.open(folder)).encoder, other
  )
  model, weights = start(tmp_path / "run")
  assert not weights.fits_head(model)
  from_seed = building.build(tiny.build, tiny.config(), Hosts())
  for one, its_own in zip(model.head.get_weights(), from_seed.head.get_weights(), strict=True):
    np.testing.assert_array_equal(one, its_own)
  for one, theirs in zip(model.encoder.get_weights(), weights.encoder.get_weights(), strict=True):
    np.testing.assert_array_equal(one, theirs)


def test_an_encoder_of_other_shapes_is_refused_by_the_layer_that_has_them(folder, tmp_path):
  shutil.copytree(folder, tmp_path / "run")
  wide = keras.Sequential([
    keras.Input([None, 64, 1]), keras.layers.Conv2D(6, 5, 4, name="first"),
    keras.layers.GlobalMaxPooling2D(),
  ])  # fmt: skip
  Run.open(str(tmp_path / "run")).save_networks(wide)
  with pytest.raises(
    UserError, match=r"layer first/kernel .*\[5, 5, 1, 6\] there .* \[5, 5, 1, 4\]"
  ):
    start(tmp_path / "run")
  narrow = keras.Sequential(
    [*wide.layers[:0], keras.Input([None, 64, 1]), keras.layers.Conv2D(4, 5)]
  )
  narrow.add(keras.layers.GlobalMaxPooling2D())
  Run.open(str(tmp_path / "run")).save_networks(narrow)
  with pytest.raises(UserError, match=r"layer .*/gamma, of shape \[4\], is only here"):
    start(tmp_path / "run")


def distance_of(model, views):
  """The distance of what the model would export to its source."""
  log_mels = tf.concat([views[:, 0], views[:, 1]], 0)[..., None]
  source = model._source.embed(log_mels)
  return float(model._source(model.encoder(log_mels, training=False), source))


def test_the_more_it_is_kept_the_nearer_it_stays_and_without_keep_nothing_is_measured(folder):
  reference, _ = start(folder, keep=1.0)
  views, distances = reference.views(PAIRS, tf.constant([0, 0])), []
  assert distance_of(reference, views) == 0.0
  for keep in (0.0, 100.0):
    model, _ = start(folder, keep=keep, learning_rate=1e-2)
    step = tf.function(model.train_step, autograph=False)
    logs = [step(PAIRS) for _ in range(30)][-1]
    assert ("source_distance" in logs) == bool(keep)
    model.keep_near(reference._source, keep)
    distances.append(distance_of(model, views))
  assert 0 < distances[1] < distances[0] / 4, distances


def test_the_loss_has_the_distance_times_its_weight(folder):
  logs = [start(folder, keep=keep)[0].train_step(PAIRS) for keep in (0.0, 0.5)]
  assert float(logs[1]["source_distance"]) > 0
  assert_close(logs[1]["loss"], logs[0]["loss"] + 0.5 * logs[1]["source_distance"], rtol=1e-6)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_every_precision_keeps_and_measures_nearly_the_same(folder, precision):
  whole, other = (
    start(folder, keep=0.5, precision=each)[0].train_step(PAIRS) for each in ("float32", precision)
  )
  assert other["source_distance"].dtype == ("float64" if precision == "float64" else "float32")
  assert_close(float(other["source_distance"]), float(whole["source_distance"]), rtol=0.1)


def test_with_float16_the_loss_scale_soon_fits_the_distance_too(folder):
  model, _ = start(folder, keep=0.5, precision="mixed_float16")
  step = tf.function(model.train_step, autograph=False)
  assert np.isfinite([float(step(PAIRS)["gradient_norm"]) for _ in range(20)][-1])


def test_the_source_is_neither_trained_nor_saved(folder):
  (kept, _), (free, _) = start(folder, keep=1.0, learning_rate=0.1), start(folder)
  assert len(kept.variables) == len(free.variables)
  assert len(kept.trainable_variables) == len(free.trainable_variables)
  before = kept._source._encoder.get_weights()
  for _ in range(2):
    kept.train_step(PAIRS)
  for one, other in zip(before, kept._source._encoder.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)


def test_the_source_hears_log_mels_standardised_by_its_own_statistics(folder):
  embedded = []
  for mean, std in ((-2.0, 3.0), (1.0, 0.5)):
    model, _ = start(folder, keep=1.0, mean=mean, std=std)
    views = model.views(PAIRS, tf.constant([0, 0]))
    embedded.append(model._source.embed(views[:, 0, ..., None]).rows)
  assert_close(embedded[1], embedded[0], atol=1e-4, rtol=1e-4)


def test_the_distance_is_the_formula_and_dimensions_that_hardly_vary_are_not_blown_up():
  rng = np.random.default_rng(0)
  source, own = rng.normal(size=[2, 6, 4]) * [1, 5, 0.2, 1e-9]
  encoder = keras.Sequential([keras.Input([4, 1, 1]), keras.layers.Flatten()])
  distance = SourceDistance(encoder)
  actual = distance(tf.constant(own, tf.float32), distance.embed(source[..., None, None]))
  variances = source.var(axis=0)
  desired = np.mean((own - source) ** 2 / np.maximum(variances, 0.01 * variances.mean()))
  assert_close(actual, desired, rtol=1e-5)
  silence = np.ones([6, 4])
  assert float(distance(silence, distance.embed(silence[..., None, None]))) == 0.0


def test_the_digest_is_of_the_weights_and_not_of_the_file(folder, tmp_path):
  shutil.copytree(folder, tmp_path / "run")
  run = Run.open(str(tmp_path / "run"))
  weights = StartingWeights(SourceRun.open(folder))
  run.save_networks(weights.encoder, weights.head)
  digests = [SourceRun.open(each).digest for each in (folder, run.folder)]
  assert digests[0] == digests[1]
  for network in (weights.encoder, weights.head):
    network.weights[0].assign(network.weights[0] + 1)
    run.save_networks(weights.encoder, weights.head)
    digests.append(SourceRun.open(run.folder).digest)
  assert len(set(digests)) == 3


def test_front_end_encoder_and_head_are_the_sources_and_some_fields_are_free(folder):
  source = SourceRun.open(folder)
  fields = source.fields(Config, {"frames": 198, "projection_units": 64})
  assert (fields["mean"], fields["std"], fields["num_mels"]) == (-2.0, 3.0, 64)
  assert (fields["encoder"], fields["similarity"]) == ("efficientnet_b0", "bilinear")
  assert (fields["frames"], fields["projection_units"]) == (198, 64)
  assert fields["init_digest"] == source.digest
  assert not {"mean", "std"} & source.fields(Config, {}, measured=True).keys()


@pytest.mark.parametrize(
  ("part", "value"),
  [("input", {}), ("input", {"config": {"log_mel": 3}}), ("config", {"encoder": "huge"})],
)
def test_a_damaged_record_is_one_line_that_names_the_file(folder, tmp_path, part, value):
  shutil.copytree(folder, tmp_path / "run")
  path = tmp_path / "run" / "config.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | {part: value}))
  with pytest.raises(UserError, match=r"run/config.json is damaged"):
    SourceRun.open(str(tmp_path / "run")).fields(Config, {})
