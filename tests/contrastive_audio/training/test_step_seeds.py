"""Dropout is a function of the step, and draws of one step are independent of each other."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.training.step_seeds import drop_states, set_drop_states, step_seed


@pytest.fixture(scope="module")
def masks():
  """A function of the step: masks of three layers in each of two passes, `[6, 400]`."""
  layers = [keras.layers.Dropout(0.5) for _ in range(3)]
  log_mels = keras.Input([400])
  model = keras.Model(log_mels, [layer(log_mels) for layer in layers])

  @tf.function
  def draw(step):
    set_drop_states(drop_states(model), step_seed(0, step))
    first, second = (model(tf.ones([1, 400]), training=True) for _ in range(2))
    return tf.concat([*first, *second], axis=0)

  return lambda step: draw(tf.constant(step)).numpy() > 0


def test_no_layer_drops_what_another_one_drops_in_either_pass(masks):
  for step in range(20):
    for one, other in itertools.combinations(masks(step), 2):
      assert 0.35 < np.mean(one == other) < 0.65


def test_the_same_step_drops_the_same_and_another_one_does_not(masks):
  assert (masks(3) == masks(3)).all()
  assert 0.4 < np.mean(masks(3) == masks(4)) < 0.6
