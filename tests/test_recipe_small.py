"""The recipe `small` of both systems hides what gives a recording away."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from cola import config as cola_config
from cola import model as cola_model
from contrastive_audio.configuration import configure
from mixback import config as mixback_config
from mixback import model as mixback_model

SYSTEMS = {"cola": (cola_config, cola_model), "mixback": (mixback_config, mixback_model)}
PAIRS = 32


def loudest_bands(system, **changes):
  """Two views of a note each -> its mel band in both `[B, 2]`; masks would hide some notes."""
  configs, models = SYSTEMS[system]
  config = configure(configs.Config, configs.RECIPES["small"], {}, num_clips=100)
  unmasked = config.augment.replace(",specaugment", "")
  config = dataclasses.replace(config, mean=0.0, std=1.0, **{"augment": unmasked, **changes})
  time_s = np.arange(config.front_end().num_samples) / config.front_end().log_mel.sample_rate_hz
  pitches_hz = np.linspace(500, 2500, PAIRS)
  notes = 0.3 * np.sin(2 * np.pi * pitches_hz[:, None] * time_s)
  pairs = tf.constant(np.repeat(notes[:, None], 2, axis=1), tf.float32)
  views = models.make_views(config)(pairs, tf.constant([0, 1]))
  return tf.argmax(tf.reduce_mean(views, axis=2), axis=-1).numpy()


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_views_of_a_note_differ_in_pitch_so_that_pitch_alone_does_not_tell_notes_apart(system):
  first, second = loudest_bands(system).T
  assert np.mean(first != second) > 0.7  # with shifts of up to 5 bands, 10 of 11 pairs on average
  assert 2 <= np.abs(first - second).max() <= 10
  first, second = loudest_bands(system, augment="none").T
  assert np.mean(first != second) < 0.1
