"""Half precision trains the same; log-mels, losses and statistics, and exports, are float32."""

import dataclasses
import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from cola import config as cola_config
from cola import model as cola_model
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.networks.float32_copy import Float32Networks
from contrastive_audio.networks.nesting import layers_of
from contrastive_audio.runs import Run
from contrastive_audio.training import building, callbacks, recording
from contrastive_audio.training.step_seeds import step_seed
from contrastive_audio.utils import progress_bar
from mixback import config as mixback_config
from mixback import model as mixback_model
from tests.support import assert_close, train, write_clips

SYSTEMS = {"cola": (cola_config, cola_model), "mixback": (mixback_config, mixback_model)}
HALVES = ("mixed_bfloat16", "mixed_float16")
EASY = "level,equalise,specaugment"  # the clips differ in pitch, and are learned within 100 steps


def build(system, precision, **changes):
  """(model, configuration) of the recipe `small`."""
  configs, models = SYSTEMS[system]
  fields = {name: change.value for name, change in configs.RECIPES["small"].items()}
  fields |= {"mean": -3.0, "std": 2.0, "batch_size": 4, "steps": 200} | changes
  config = configs.Config(precision=precision, **fields)
  return building.build(models.build_model, config, Hosts()), config


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("system", SYSTEMS)
def test_log_mels_losses_and_batchnorm_are_float32_and_the_networks_are_not(system, precision):
  model, config = build(system, precision)
  half = precision.removeprefix("mixed_")
  assert keras.config.dtype_policy().name == "float32"
  assert model.views(tf.zeros([4, 2, config.front_end().num_samples]), [0, 0]).dtype == tf.float32
  assert model.objective.compute_dtype == "float32"
  layers = [*model.encoder.layers, *model.head.layers]
  by_kind = {type(layer).__name__: layer.compute_dtype for layer in layers}
  assert by_kind["BatchNormalization"] == "float32"
  assert by_kind["Conv2D"] == by_kind["Dense"] == half
  assert all(variable.dtype == "float32" for variable in model.trainable_variables)
  networks = Float32Networks(model)
  assert {layer.compute_dtype for layer in networks.encoder.layers} == {"float32"}


@pytest.mark.slow
def test_bfloat16_has_the_loss_of_float32_within_five_percent_all_along_a_training(clip_store):
  """Each step from the same weights: over many steps any rounding leads to other weights."""
  (whole, config), (half, _) = (
    build("cola", name, augment=EASY) for name in ("float32", "mixed_bfloat16")
  )
  step, half_step = tf.function(whole.train_step, autograph=False), tf.function(half.train_step)
  losses = []
  for batch in config.pairs(clip_store).dataset(0, 100):
    copy_state(whole, half)
    losses.append([float(run(batch)["loss"]) for run in (step, half_step)])
  desired, actual = np.transpose(losses)
  assert_close(actual, desired, rtol=0.05)
  assert np.mean(desired[-20:]) < 0.8 * np.mean(desired[:20])  # it was a training


def copy_state(source, target):
  """Gives a model everything that the next step of another depends on."""
  for network in ("encoder", "head", "optimizer"):
    variables = [getattr(model, network).variables for model in (source, target)]
    for one, other in zip(*variables, strict=True):
      other.assign(tf.cast(one.value, other.dtype))


@pytest.mark.slow
def test_a_training_in_bfloat16_learns(clip_store):
  model, config = build("cola", "mixed_bfloat16", augment=EASY)
  step = tf.function(model.train_step, autograph=False)
  logs = [step(batch) for batch in config.pairs(clip_store).dataset(0, 100)]
  assert all(np.isfinite(row["loss"]) and np.isfinite(row["gradient_norm"]) for row in logs)
  losses = [float(row["loss"]) for row in logs]
  assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])


def test_the_copies_that_are_judged_get_the_weights_of_the_moment(clip_store):
  model, config = build("cola", "mixed_bfloat16")
  networks = Float32Networks(model)
  log_mels = np.random.default_rng(0).normal(size=[4, 96, 64, 1]).astype("f")
  for batch in config.pairs(clip_store).dataset(0, 2):
    model.train_step(batch)
  before = networks.encoder(log_mels).numpy()
  networks.refresh()
  after = networks.encoder(log_mels).numpy()
  assert np.abs(after - before).max() > 1e-3
  assert_close(after, tf.cast(model.encoder(log_mels), tf.float32), atol=0.1, rtol=1e-3)
  assert networks.head(after).dtype == tf.float32


def test_a_float32_model_is_judged_itself():
  model, _ = build("cola", "float32")
  assert Float32Networks(model).encoder is model.encoder


def last_state(folder):
  """All variables of the last checkpoint of a run; name -> value."""
  reader = tf.train.load_checkpoint(str(folder / "checkpoints" / "step-5"))
  names = [name for name in reader.get_variable_to_shape_map() if name.startswith("variables/")]
  return {name: reader.get_tensor(name) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("precision", HALVES)
def test_a_run_in_half_precision_resumes_and_exports_float32(precision, tmp_path, monkeypatch):
  scaling = keras.optimizers.LossScaleOptimizer
  soon = functools.partialmethod(scaling.__init__, dynamic_growth_steps=2)
  monkeypatch.setattr(scaling, "__init__", soon)  # so that the scale changes before the restore
  write_clips(tmp_path / "clips")
  plan = ["--dataset=folder:clips", "--store_dir=stores", "--batch_size=4"]
  plan += [f"--precision={precision}", "--checkpoint_every=2"]
  train(*plan, "--run=whole", "--steps=5", cwd=tmp_path)
  for steps in (3, 5):  # the second call restores, and goes on
    train(*plan, "--run=run", f"--steps={steps}", cwd=tmp_path)
  whole, resumed = (last_state(tmp_path / name) for name in ("whole", "run"))
  assert whole.keys() == resumed.keys()
  for name, value in whole.items():  # weights, slots and, in float16, the scale of the loss
    np.testing.assert_array_equal(resumed[name], value)
  encoder = Run.open(str(tmp_path / "run")).encoder()
  assert {layer.compute_dtype for layer in layers_of(encoder)} == {"float32"}
  exported = tf.saved_model.load(str(tmp_path / "run" / "saved_model"))
  embedding = exported.embed(np.ones([1, 9000], "f"))
  assert embedding["embedding"].dtype == tf.float32


def test_a_step_that_loss_scaling_skips_counts_so_that_the_next_ones_draw_as_the_host_does(
  clip_store,
):
  losses = []
  for views_on in ("device", "host"):
    model, config = build("cola", "mixed_float16", augment=EASY)
    model.optimizer.build(model.trainable_variables)
    for step, batch in enumerate(config.pairs(clip_store).dataset(0, 4)):
      if step == 1:
        scale = float(model.optimizer.dynamic_scale)
        model.optimizer.dynamic_scale.assign(2.0**60)
      views = model.views(batch, step_seed(config.seed, step)) if views_on == "host" else batch
      losses.append(float(model.train_step(views)["loss"] / model.optimizer.scale_loss(1.0)))
      if step == 1:
        model.optimizer.dynamic_scale.assign(scale)
    assert int(model.optimizer.iterations) == 3  # one was skipped
    assert int(model.steps.taken(model.optimizer)) == 4
  assert_close(losses[4:], losses[:4], rtol=5e-3)


@dataclasses.dataclass
class Optimizer:
  """One that scales losses, or, with None, does not."""

  scale: float | None
  learning_rate: float = 1.0

  @property
  def dynamic_scale(self):
    """As Keras' LossScaleOptimizer has it."""
    return None if self.scale is None else keras.Variable(self.scale)


@pytest.mark.parametrize(("scale", "is_left_out"), [(2.0**15, True), (0.5, False), (None, False)])
def test_a_gradient_that_overflows_is_left_out_while_its_scale_can_be_halved(
  scale, is_left_out, tmp_path, clip_store
):
  config = cola_config.Config(batch_size=4, steps=1)
  run = Run(str(tmp_path), {})
  guard = callbacks.FiniteGuard(run, callbacks.StepCounter(1), config.pairs(clip_store))
  guard.set_model(keras.Sequential([keras.Input([1])]))
  guard.model.optimizer = Optimizer(scale)
  logs = {"loss": 1.0, "gradient_norm": np.inf}
  if is_left_out:
    guard.on_train_batch_end(0, logs)
  else:
    with pytest.raises(UserError, match="gradient norm inf"):
      guard.on_train_batch_end(0, logs)
  with pytest.raises(UserError, match="loss nan"):
    guard.on_train_batch_end(0, logs | {"loss": np.nan})


def test_steps_that_are_left_out_are_counted_and_do_not_spoil_the_means(tmp_path):
  run, bar = Run(str(tmp_path), {}), progress_bar.make(4, "training", "step", shown=False)
  clock = types.SimpleNamespace(waited_s=lambda since_s: 0.0)
  counter = callbacks.StepCounter(0)
  recorder = recording.Recorder(run, counter, clock, 4, bar)
  recorder.set_model(types.SimpleNamespace(optimizer=keras.optimizers.SGD(0.1)))
  for norm in (1.0, np.inf, 3.0):
    counter.on_train_batch_end(0)
    recorder.on_train_batch_begin(0)
    logs = {"loss": 2.0, "contrastive_accuracy": 0.5, "embedding_spread": 0.5}
    recorder.on_train_batch_end(0, logs | {"gradient_norm": norm})
  recorder.on_train_end()
  assert run.metrics("gradient_norm")[1].tolist() == [2.0]
  assert run.metrics("steps_left_out")[1].tolist() == [1.0]
