"""Adam is Keras' Adam, SGD is PyTorch's."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.training.optimizers import SGD, Adam, decoupled_adam, warm_up_and_cosine
from tests.support import assert_close


def apply(optimizer, weights, *gradients):
  optimizer.apply(list(gradients), weights)


def test_updates_equal_those_of_keras():
  results = []
  for make in (Adam, keras.optimizers.Adam):
    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.normal(size=[5, 3]).astype("f")) for _ in range(2)]
    optimizer = make(1e-2)
    optimizer.build(weights)
    step = tf.function(functools.partial(apply, optimizer, weights))
    for _ in range(20):
      step(*[tf.constant(rng.normal(size=[5, 3]), tf.float32) for _ in weights])
    results.append([w.numpy() for w in [*weights, *optimizer.variables]])
  for ours, theirs in zip(*results, strict=True):
    assert_close(ours, theirs, atol=2e-6)


def test_its_config_comes_back():
  optimizer = Adam(3e-4, beta_1=0.8)
  again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
  assert type(again) is Adam
  assert again.get_config() == optimizer.get_config()


def torch_like(values, gradients, rates, momentum, weight_decay):
  """The update as PyTorch documents it."""
  velocity = np.zeros_like(values)
  for gradient, rate in zip(gradients, rates):
    velocity = momentum * velocity + gradient + weight_decay * values
    values = values - rate * velocity
  return values


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_pytorchs_also_where_the_rate_drops(momentum):
  rng = np.random.default_rng(0)
  start, gradients = rng.normal(size=[3]), rng.normal(size=[6, 3])
  variable = tf.Variable(start, dtype=tf.float32)
  schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.01])
  optimizer = SGD(schedule, momentum, weight_decay=0.05)
  for gradient in gradients:
    optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
  desired = torch_like(start, gradients, [0.1] * 3 + [0.01] * 3, momentum, 0.05)
  assert_close(variable, desired, atol=1e-6)


def test_sgd_comes_back_from_its_config():
  again = SGD.from_config(SGD(0.1, 0.9, weight_decay=0.05).get_config())
  assert (again.momentum, again.decay_in_gradient, again.weight_decay) == (0.9, 0.05, None)


def test_the_rate_rises_evenly_and_falls_along_a_cosine():
  schedule = warm_up_and_cosine(2.0, steps=100, warm_up=0.2)
  rates = [float(schedule(step)) for step in (0, 10, 20, 60, 80, 100)]
  assert_close(rates, [0, 1, 2, 1, 1 - np.cos(np.pi / 4), 0], atol=1e-6)


def test_weight_decay_spares_what_shifts_and_scales():
  layers = [keras.layers.Dense(3), keras.layers.BatchNormalization()]
  model = keras.Sequential([keras.Input([2]), *layers])
  for weight in model.trainable_variables:
    weight.assign(np.ones(weight.shape))
  optimizer = decoupled_adam(0.1, weight_decay=0.5)
  optimizer.build(model.trainable_variables)
  zeros = [tf.zeros(v.shape) for v in model.trainable_variables]
  optimizer.apply(zeros, model.trainable_variables)
  kernel, *others = [v.numpy() for v in model.trainable_variables]
  assert_close(kernel, np.full([2, 3], 1 - 0.1 * 0.5), rtol=1e-6)
  assert all((values == 1).all() for values in others)


@pytest.mark.parametrize(
  ("name", "decays"),
  [
    ("debias_dense/kernel", True),
    ("gamma_block/conv/kernel", True),
    ("bias/kernel", True),
    ("beta/kernel/replica_1", True),
    ("dense/bias", False),
    ("bias", False),
    ("gamma_block/normalisation/gamma", False),
    ("normalisation/beta/replica_1", False),
  ],
)
def test_the_name_of_a_layer_does_not_decide_whether_its_weights_decay(name, decays):
  weight = tf.Variable(1.0, name=name)
  decoupled_adam(0.1, weight_decay=0.5).apply([tf.constant(0.0)], [weight])
  assert float(weight) == pytest.approx(0.95 if decays else 1.0)
