"""A step in parts is the step of the whole batch: loss, gradients, views, dropout, resumes."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.lib import systems
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.networks.nesting import layers_of
from contrastive_audio.training import building
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.source_distance import SourceDistance
from contrastive_audio.views.excerpts import ExcerptPairs
from tests import tiny
from tests.support import assert_close, refused, train

SAMPLES = {"cola": 15_600, "mixback": 24_048}
VARIANTS = {
  "bilinear": ("cola", {"similarity": "bilinear"}),
  "two directions": ("cola", {"similarity": "cosine", "directions": 2, "logits_block": 4}),
  "bilinear, two directions": ("cola", {"similarity": "bilinear", "directions": 2}),
  "mix-back": ("mixback", {}),
  "mix-back, within clips": ("mixback", {"mix": "within_clip"}),
}


def excerpts(system, clips=6, number=2):
  return np.random.default_rng(0).normal(0, 0.1, [clips, number, SAMPLES[system]]).astype("f")


def build(system, microbatch, precision="float64", **changes):
  """A model of the recipe `small` for six pairs, with fixed statistics in BatchNorm."""
  fields = {"mean": -3.0, "std": 2.0, "batch_size": 6, "steps": 10} | changes
  config = systems.recipe_config(
    system, "small", precision=precision, microbatch=microbatch, **fields
  )
  model = building.build(systems.model_builder(system), config, Hosts())
  fix_statistics(model)
  return model


def fix_statistics(model):
  """Makes BatchNorm normalise by its moving averages; its other weights are trained."""
  for layer in layers_of(model):
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.call = functools.partial(use_moving_averages, layer)


def use_moving_averages(layer, inputs, training=None, mask=None):
  return type(layer).call(layer, inputs, training=False)


def gradient_step(model, batch):
  """(measurements, gradients) of a step."""
  model.compile(keras.optimizers.SGD(1.0))
  model.optimizer.build(model.trainable_variables)
  before = [weight.numpy() for weight in model.trainable_weights]
  logs = tf.function(model.train_step, autograph=False)(batch)
  gradients = [old - new.numpy() for old, new in zip(before, model.trainable_weights, strict=True)]
  return {name: float(value) for name, value in logs.items()}, gradients


def assert_same_step(parts, whole, atol=1e-10):
  (logs, gradients), (desired_logs, desired) = parts, whole
  assert logs.keys() == desired_logs.keys()
  for name, value in desired_logs.items():
    assert_close(logs[name], value, rtol=1e-5)  # some are float32
  assert_close(logs["loss"], desired_logs["loss"], rtol=max(atol, 1e-10))
  assert max(np.abs(gradient).max() for gradient in desired) > 1e-3
  for ours, theirs in zip(gradients, desired, strict=True):
    assert_close(ours, theirs, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_and_gradients_in_parts_are_those_of_the_whole_batch(variant):
  system, changes = VARIANTS[variant]
  batch = excerpts(system, number=4 if changes.get("mix") == "within_clip" else 2)
  steps = [gradient_step(build(system, size, **changes), batch) for size in (2, 0)]
  assert_same_step(*steps)


@pytest.mark.slow
def test_the_distance_that_keep_adds_is_over_the_whole_batch_too():
  steps = []
  for size in (3, 6):  # a single part is one pass
    model = build("cola", size)
    frozen = keras.models.clone_model(model.encoder)
    frozen.set_weights([0.9 * weight for weight in model.encoder.get_weights()])
    model.keep_near(SourceDistance(frozen), 0.5)
    steps.append(gradient_step(model, excerpts("cola")))
  assert steps[0][0]["source_distance"] > 1e-3
  assert_same_step(*steps)


def test_views_and_dropout_of_a_part_are_those_of_its_rows_in_the_whole_batch():
  keras.config.set_dtype_policy("float64")
  try:
    steps = []
    for size in (2, 4, 0):
      model = tiny.build(tiny.config(batch_size=8, microbatch=size), noise=0.1)
      fix_statistics(model)
      steps.append(gradient_step(model, excerpts("cola", clips=8)))
  finally:
    keras.config.set_dtype_policy("float32")
  assert_same_step(steps[0], steps[2])
  assert_same_step(steps[1], steps[2])


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision_the_loss_is_scaled_as_in_one_pass(precision):
  norms = []
  for size in (3, 0):
    model = build("cola", size, precision)
    logs = tf.function(model.train_step, autograph=False)(excerpts("cola"))
    norms.append([float(logs["loss"]), float(logs["gradient_norm"])])
  assert_close(norms[0], norms[1], rtol=0.03)


def test_batchnorm_sees_each_part_and_moves_its_averages_once_for_each():
  model = tiny.build(tiny.config(batch_size=8, microbatch=4))
  batch, (convolution, normalisation) = excerpts("cola", clips=8), model.encoder.layers[:2]
  views = model.views(batch, tf.constant([0, 0])).numpy()
  desired = np.zeros(4)
  for part in (views[:4], views[4:]):
    outputs = convolution(part.reshape(8, 96, 64, 1)).numpy()
    desired = 0.5 * desired + 0.5 * outputs.mean((0, 1, 2))
  tf.function(model.train_step, autograph=False)(batch)
  assert_close(normalisation.moving_mean, desired, rtol=1e-4)


class Recorder(keras.layers.Layer):
  """Remembers what it has seen."""

  def __init__(self):
    super().__init__()
    self.seen = []

  def call(self, inputs):
    if tf.executing_eagerly():
      self.seen.append(inputs.numpy())
    return inputs


def test_layers_that_draw_by_parts_draw_the_same_twice_and_other_numbers_for_each_part():
  recorder = Recorder()
  noise = [keras.layers.Flatten(), keras.layers.GaussianNoise(1.0), recorder]
  encoder = keras.Sequential([keras.Input([6, 5, 1]), *noise])
  head = keras.Sequential([keras.Input([30]), keras.layers.Dense(8)])

  def objective(anchors, positives):
    return tf.reduce_mean((anchors - positives) ** 2), tf.constant(0.0)

  model = ContrastiveModel(None, encoder, head, objective, microbatch=2)
  model.compile(keras.optimizers.SGD(0.1))
  model.train_step(tf.zeros([6, 2, 6, 5]))
  first, second = recorder.seen[:3], recorder.seen[3:]
  np.testing.assert_array_equal(first, second)
  assert all(np.abs(part - first[0]).max() > 0.1 for part in first[1:])


@pytest.mark.slow
def test_a_step_in_parts_compiles_with_xla_as_gpus_run_it():
  plain, compiled = (tiny.build(tiny.config(batch_size=4, microbatch=2)) for _ in range(2))
  batch = tf.constant(excerpts("cola", clips=4))
  desired = tf.function(plain.train_step, autograph=False)(batch)
  actual = tf.function(compiled.train_step, autograph=False, jit_compile=True)(batch)
  assert_close(float(actual["loss"]), float(desired["loss"]), rtol=0.2)  # XLA drops other units
  assert np.isfinite(float(actual["gradient_norm"]))


@pytest.mark.slow
def test_a_training_in_parts_goes_on_exactly(clip_store, tmp_path):
  config = tiny.config(steps=4, checkpoint_every=2, microbatch=2)
  _, uncut, _ = tiny.train(tmp_path / "uncut", clip_store, config)
  tiny.train(tmp_path / "cut", clip_store, tiny.config(steps=2, microbatch=2))
  _, cut, outcome = tiny.train(tmp_path / "cut", clip_store, tiny.config(steps=4, microbatch=2))
  assert outcome.finished
  for ours, theirs in zip(tiny.weights(cut), tiny.weights(uncut), strict=True):
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_the_command_trains_in_parts_and_says_which_sizes_fit(clip_folder, tmp_path):
  plan = [f"--dataset={clip_folder}", "--store_dir=stores", "--run=run", "--batch_size=6"]
  plan += ["--recipe=small", "--steps=2", "--set=reestimate_batches=1"]
  line = refused(*plan, "--microbatch=4", cwd=tmp_path, system="mixback")
  assert line == "error: microbatch=4: batch_size=6 is no multiple of it; 3 or 6 would do"
  train(*plan, "--microbatch=3", cwd=tmp_path, system="mixback")
  assert (tmp_path / "run" / "saved_model").exists()


def test_statistics_are_measured_again_in_parts_of_the_same_size(clip_store, tmp_path):
  config = tiny.config(steps=1, microbatch=2, reestimate_batches=1, batch_size=4)
  run, _, _ = tiny.train(tmp_path / "run", clip_store, config)
  convolution, normalisation = run.encoder().layers[:2]
  pairs = ExcerptPairs(clip_store, 4, config.front_end().layout, config.seed)
  (batch,) = pairs.dataset(0, 1)
  parts = config.front_end()(batch).numpy().reshape(2, 4, 96, 64, 1)
  desired = np.mean([convolution(part).numpy().var((0, 1, 2)) for part in parts], axis=0)
  assert_close(normalisation.moving_variance, desired, rtol=1e-4)
