"""BatchNorm statistics, re-estimated."""

import keras
import numpy as np

from contrastive_audio.networks import batchnorm
from tests.support import assert_close


def make_encoder():
  return keras.Sequential(
    [
      keras.Input([None, 3, 1]),
      keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
      keras.layers.GlobalAveragePooling2D(),
    ]
  )


def test_they_are_the_means_over_batches_and_nothing_of_the_old_ones():
  encoder, rng = make_encoder(), np.random.default_rng(0)
  batches = [rng.normal(number, 1 + number, [5, 7, 3, 1]).astype("f") for number in range(3)]
  layer = encoder.layers[0]
  layer.moving_mean.assign([100.0])
  batchnorm.reestimate(encoder, batches)
  assert_close(layer.moving_mean, [np.mean([batch.mean() for batch in batches])], rtol=1e-5)
  assert_close(layer.moving_variance, [np.mean([batch.var() for batch in batches])], rtol=1e-5)
  assert layer.momentum == 0.9


def test_one_batch_makes_inference_mode_agree_with_training_mode():
  encoder = make_encoder()
  batch = np.random.default_rng(0).normal(3, 2, [5, 7, 3, 1]).astype("f")
  batchnorm.reestimate(encoder, [batch])
  assert_close(encoder(batch, training=False), encoder(batch, training=True), atol=1e-5)


def test_without_batches_nothing_changes():
  encoder = make_encoder()
  batchnorm.reestimate(encoder, [])
  assert_close(encoder.layers[0].moving_mean, [0.0])


def test_layers_inside_of_nested_models_are_found():
  inner = keras.layers.BatchNormalization()
  model = keras.Sequential([keras.Input([4]), keras.Sequential([inner])])
  batchnorm.reestimate(model, [np.full([2, 4], 7.0, "f")])
  batchnorm.synchronise(model)
  assert inner.synchronized
  assert_close(inner.moving_mean, [7.0] * 4)
