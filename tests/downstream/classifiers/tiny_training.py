"""What the tests of training on excerpts share: a tiny encoder, options, and looks inside."""

import dataclasses

import keras
import numpy as np

from downstream.classifiers.gradient_step import GradientStep
from downstream.encoders import models
from downstream.protocols import Options

NO_UPDATE = 1e-12  # a learning rate
FRONT_END = models.cola_front_end()
ALL = np.arange(12)


def tiny_encoder(seed=0, dropout=0.2, num_mels=FRONT_END.num_mels):
  """Convolution, BatchNorm, dropout: whatever a training can change; D = 240 for 64 bands."""
  keras.utils.set_random_seed(seed)
  layers = [
    keras.Input([None, num_mels, 1]),
    keras.layers.Conv2D(16, 5, 4),
    keras.layers.BatchNormalization(momentum=0.5),
    keras.layers.ReLU(),
    keras.layers.Dropout(dropout),
    # The mean over time only: tones differ in their frequencies.
    keras.layers.Reshape([-1, (num_mels - 1) // 4 * 16]),
    keras.layers.GlobalAveragePooling1D(),
  ]
  return keras.Sequential(layers, name="tiny")


def model_of(encoder):
  """A Model with the front end of COLA."""
  return models.keras_model("tiny", "", FRONT_END, encoder)


def options(**changes):
  """Two epochs of three steps, fine-tuning."""
  return dataclasses.replace(Options(frozen=False, batch_size=4, epochs=2, seed=3), **changes)


def before_each_step(monkeypatch, action):
  """Calls `action(excerpts, targets)` before each step of a training."""
  run = GradientStep.__dict__["run"]

  def act_and_run(self, *batch):
    action(*batch)
    return run.__get__(self, GradientStep)(*batch)

  monkeypatch.setattr(GradientStep, "run", act_and_run)


def state(encoder):
  """Copies of all variables but those that dropout draws from."""
  return [variable.numpy().copy() for variable in encoder.weights]


def results(classifier):
  """All trained weights."""
  return [*state(classifier.encoder), *classifier.dense.get_weights()]


def assert_same(one, other):
  """Bit-identical arrays."""
  for ours, theirs in zip(one, other, strict=True):
    np.testing.assert_array_equal(ours, theirs)


def differ(one, other):
  """Which arrays differ."""
  return [not np.array_equal(ours, theirs) for ours, theirs in zip(one, other, strict=True)]


class Numbered:
  """A store whose clip i is the number i, over and over."""

  def __init__(self, store, ids=None, sample_rate_hz=16_000):
    self._store, self._ids = store, np.arange(12) if ids is None else ids
    self.sample_rate_hz, self.digest = sample_rate_hz, store.digest
    self.num_clips, self.num_samples = len(self._ids), store.num_samples[self._ids]
    self.recordings = np.arange(self.num_clips)

  def select(self, ids):
    return Numbered(self._store, self._ids[ids], self.sample_rate_hz)

  def read_ahead(self, clip_ids, starts, num_samples):
    pass

  def copy_excerpt(self, clip_id, start, out):
    out[:] = self._ids[clip_id]


def doctored(scores):
  """Validation scores of consecutive epochs, whatever the classifier says."""
  scores = iter(scores)
  return lambda *_: next(scores)


class Crash(Exception):
  """What ends a training in the middle."""


def crash(*_):
  """Stands for what does not survive."""
  raise Crash


def crash_at(step, monkeypatch):
  """Lets the training end in a step, counted over all epochs."""
  steps = []

  def count(*_):
    steps.append(1)
    if len(steps) == step:
      raise Crash

  before_each_step(monkeypatch, count)
