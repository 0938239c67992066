"""The train_step: its randomness, its measurements, its gradient over replicas."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.lib import systems
from contrastive_audio.monitoring.health import spread
from contrastive_audio.training.contrastive import ContrastiveModel, step_seed
from tests import tiny
from tests.support import assert_close, run_apart

PAIRS = np.random.default_rng(0).normal(0, 0.1, [4, 2, 15_600]).astype("f")


def one_step(model, batch=PAIRS):
  return {
    name: float(value)
    for name, value in tf.function(model.train_step, autograph=False)(batch).items()
  }


def test_spread_is_one_for_isotropic_embeddings_and_zero_for_collapsed_ones():
  isotropic = np.random.default_rng(0).normal(size=[4096, 64]).astype("f")
  assert_close(spread(isotropic), 1.0, atol=0.02)
  assert_close(spread(np.ones([10, 64], "f")), 0.0, atol=1e-6)


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_xla_compiles_the_step_only_if_it_is_asked_for(system, monkeypatch):
  seen = []
  monkeypatch.setattr(
    ContrastiveModel, "compile", lambda self, optimizer, jit_compile: seen.append(jit_compile)
  )
  for asked in (False, True):
    systems.model_builder(system)(
      systems.recipe_config(system, "small", mean=0.0, std=1.0, xla=asked)
    )
  assert seen == [False, True]


def test_step_seeds_differ_by_seed_and_step():
  keys = {(s, t): tuple(step_seed(s, t).numpy()) for s in (0, 1) for t in (0, 1)}
  assert len(set(keys.values())) == len(keys)
  assert keys[1, 1] == tuple(step_seed(1, tf.constant(1, tf.int64)).numpy())


def test_a_step_depends_on_seed_and_step_alone():
  """Also its dropout: a model that is new in step 3 draws what an old one draws."""
  old, new = tiny.build(tiny.config(), noise=0.1), tiny.build(tiny.config(), noise=0.1)
  step = tf.function(old.train_step, autograph=False)
  for _ in range(3):
    step(PAIRS)
  new.optimizer.build(new.trainable_variables)
  random_states = [v for v in new.variables if "seed_generator" in v.path]
  assert random_states
  for target, source in zip(tiny_variables(new), tiny_variables(old), strict=True):
    if not any(target is state for state in random_states):
      target.assign(source)
  assert one_step(old) == one_step(new)
  for ours, theirs in zip(tiny.weights(old), tiny.weights(new), strict=True):
    np.testing.assert_array_equal(ours, theirs)


def tiny_variables(model):
  return [*model.variables, *model.optimizer.variables]


def test_dropout_differs_from_step_to_step():
  model = tiny.build(tiny.config(learning_rate=0.0))
  assert one_step(model)["loss"] != one_step(model)["loss"]


def test_views_made_before_give_the_same_step():
  on_device, on_host = tiny.build(tiny.config(), noise=0.1), tiny.build(tiny.config(), noise=0.1)
  views = on_host.views(PAIRS, step_seed(0, 0))
  direct, prepared = one_step(on_device), one_step(on_host, views.numpy())
  assert_close(list(prepared.values()), list(direct.values()), rtol=1e-5)


def test_training_lowers_the_loss():
  model = tiny.build(tiny.config(learning_rate=1e-2))
  step = tf.function(model.train_step, autograph=False)
  losses = [float(step(PAIRS)["loss"]) for _ in range(60)]
  assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


REPLICAS = """
import contextlib
import contrastive_audio
import numpy as np, tensorflow as tf
from tests import tiny
from tests.contrastive_audio.training.test_contrastive import PAIRS
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.source_distance import SourceDistance
from cola.model import BilinearSimilarity, ColaObjective
projections = np.random.default_rng(0).normal(size=[2, 4, 8]).astype("f")
objective = ColaObjective(BilinearSimilarity())
whole, _ = objective(tf.constant(projections[0]), tf.constant(projections[1]))
weight = objective.similarity.w.value
with tf.GradientTape() as tape:
  loss, _ = objective(tf.constant(projections[0]), tf.constant(projections[1]))
desired = tape.gradient(loss, weight)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
def local(replica_rows):
  with tf.GradientTape() as tape:
    tape.watch(weight)
    loss, _ = objective(replica_rows[:, 0], replica_rows[:, 1])
    share = loss / 2
  return loss, tape.gradient(share, weight)
rows = np.moveaxis(projections, 0, 1)
data = strategy.experimental_distribute_values_from_function(
  lambda context: tf.constant(rows[2 * context.replica_id_in_sync_group :][:2]))
losses, gradients = tf.function(lambda: strategy.run(local, args=(data,)))()
total = strategy.reduce("SUM", gradients, axis=None)
assert abs(float(strategy.reduce("MEAN", losses, axis=None)) - float(whole)) < 1e-6
assert np.abs(total - desired).max() < 1e-6, np.abs(total - desired).max()

def one_step(scope, rows, run):
  with scope:
    tf.keras.utils.set_random_seed(0)
    encoder, frozen = (
      tf.keras.Sequential(
        [tf.keras.Input([6, 5, 1]), tf.keras.layers.Flatten(), tf.keras.layers.Dense(5)])
      for _ in range(2))
    head = tf.keras.Sequential([tf.keras.Input([5]), tf.keras.layers.Dense(8)])
    objective = ColaObjective(BilinearSimilarity())
    objective(tf.zeros([2, 8]), tf.zeros([2, 8]))
    model = ContrastiveModel(None, encoder, head, objective)
    model.keep_near(SourceDistance(frozen), 0.5)
    model.build((None, 6, 5, 1))
    model.compile(tf.keras.optimizers.SGD(0.1))
    model.optimizer.build(model.trainable_variables)
  run(model, rows)
  return [weight.numpy() for weight in model.weights]

views = np.random.default_rng(1).normal(size=[4, 2, 6, 5]).astype("f")
shares = strategy.experimental_distribute_values_from_function(
  lambda context: tf.constant(views[2 * context.replica_id_in_sync_group :][:2]))
by_one = one_step(contextlib.nullcontext(), tf.constant(views), lambda m, r: m.train_step(r))
by_two = one_step(strategy.scope(), shares,
                  lambda m, r: tf.function(lambda: strategy.run(m.train_step, args=(r,)))())
for one, two in zip(by_one, by_two, strict=True):
  assert np.abs(one - two).max() < 1e-6, np.abs(one - two).max()

alone, _ = objective(tf.constant(projections[0, :2]), tf.constant(projections[1, :2]))
assert abs(float(alone) - float(losses.values[0])) > 1e-3  # local negatives would show
"""


@pytest.mark.slow
def test_two_replicas_do_the_step_of_one_with_the_whole_batch(tmp_path):
  run_apart(REPLICAS, tmp_path, logical_devices=2)
