"""Replicas together draw what one device would draw."""

import pytest

from tests.support import run_apart

DROPOUT = """
import numpy as np
import tensorflow as tf
from contrastive_audio.distributed.hosts import join_hosts
from tests import tiny
pairs = np.random.default_rng(0).normal(0, 0.1, [4, 2, 15_600]).astype("f")
found = []
for strategy in ("none", "mirrored"):
  with join_hosts(strategy) as hosts:
    with hosts.strategy.scope():
      model = tiny.build(tiny.config(), noise=0.1)
    model.separate_passes = SEPARATE
    model.synchronise(hosts)
    run = lambda batch: hosts.strategy.run(model.train_step, args=(batch,))
    step = tf.function(run, autograph=False)
    batches = hosts.strategy.experimental_distribute_dataset(
      tf.data.Dataset.from_tensors(pairs).repeat(3))
    for batch in batches:
      logs = step(batch)
    found.append([w.numpy() for w in model.trainable_variables])
    assert [layer.rate for layer in model.encoder.layers if hasattr(layer, "rate")] == [0.2]
for one, two in zip(*found, strict=True):
  assert np.abs(one - two).max() < 1e-5, np.abs(one - two).max()
"""


@pytest.mark.slow
@pytest.mark.parametrize("separate", [False, True])
def test_two_devices_drop_what_one_would_drop(separate, tmp_path):
  """In float32: the network is too small for rounding to grow."""
  run_apart(DROPOUT.replace("SEPARATE", str(separate)), tmp_path, logical_devices=2)


NOISE = """
import keras
import tensorflow as tf
from contrastive_audio.networks.dropout import draw_apart
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
  layers = [keras.layers.SpatialDropout2D(0.5), keras.layers.GaussianNoise(0.5)]
  model = keras.Sequential([keras.Input([5, 4, 30]), *layers])
draw_apart(model)
run = tf.function(lambda: strategy.run(lambda: model(tf.ones([2, 5, 4, 30]), training=True)))
one, other = strategy.experimental_local_results(run())
assert not bool(tf.reduce_all(one == other))
"""


def test_other_noise_than_dropout_differs_from_device_to_device(tmp_path):
  run_apart(NOISE, tmp_path, logical_devices=2)
