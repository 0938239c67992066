"""Adam is Keras' Adam."""

import functools

import keras
import numpy as np
import tensorflow as tf

from audio.optimizers import Adam
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
