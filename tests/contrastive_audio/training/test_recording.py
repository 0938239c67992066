"""What is recorded of the steps: the learning rate is that which a step used."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from contrastive_audio.training import callbacks, recording
from contrastive_audio.training.optimizers import (
  SGD,
  dropping,
  rate_of_last_step,
  warm_up_and_cosine,
)
from contrastive_audio.utils import progress_bar
from tests import tiny
from tests.support import assert_close

STEPS = 20
LOGS = {"loss": 2.0, "contrastive_accuracy": 0.5, "embedding_spread": 0.5, "gradient_norm": 1.0}
RATES = {
  "constant": 0.1,
  "cosine": warm_up_and_cosine(1.0, STEPS, warm_up=0.2),
  "drops": dropping(1.0, [10, 19]),  # one row ends before the first drop, one after the last
}


class Training:
  """Updates of a single weight; the learning rate of each is what it takes from the weight."""

  def __init__(self, rate, scale=None):
    self.weight, self.optimizer, self.rates = keras.Variable([0.0]), SGD(rate), []
    if scale:
      self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer, initial_scale=scale)
    self.optimizer.build([self.weight])

  def step(self, gradient=1.0):
    before = float(self.weight[0])
    self.optimizer.apply([self.optimizer.scale_loss(tf.constant([gradient]))], [self.weight])
    self.rates.append(before - float(self.weight[0]))


@pytest.mark.parametrize("scale", [None, 8.0])
@pytest.mark.parametrize("name", RATES)
def test_a_row_has_the_learning_rate_of_its_step_not_of_the_next(name, scale, tmp_path):
  training, run = Training(RATES[name], scale), Run(str(tmp_path), {})
  clock = types.SimpleNamespace(waited_s=lambda since_s: 0.0)
  counter, bar = callbacks.StepCounter(0), progress_bar.make(STEPS, "training", "step", shown=False)
  recorder = recording.Recorder(run, counter, clock, 4, bar)
  recorder.set_model(training)
  for step in range(STEPS):
    training.step()
    counter.on_train_batch_end(step)
    recorder.on_train_batch_end(step, LOGS)
  steps, rates = run.metrics("learning_rate")
  assert steps.tolist() == [10, 20]
  assert_close(rates, [training.rates[step - 1] for step in steps], atol=1e-6)
  assert rates[-1] > 0  # the cosine reaches zero after the last step


def test_before_any_update_the_rate_is_that_of_the_first():
  training = Training(RATES["cosine"], scale=8.0)
  training.step(np.inf)  # is left out
  assert rate_of_last_step(training.optimizer) == 0


@pytest.mark.parametrize("scale", [None, 0.5])  # one that cannot be halved any more
def test_a_step_that_is_not_finite_is_reported_with_its_own_learning_rate(
  scale, clip_store, tmp_path
):
  training, run = Training(RATES["cosine"], scale), Run(str(tmp_path), {})
  counter = callbacks.StepCounter(0)
  guard = callbacks.FiniteGuard(run, counter, tiny.config().pairs(clip_store))
  guard.set_model(training)
  for gradient in (1.0, 1.0, np.nan):
    training.step(gradient)
    counter.on_train_batch_end(0)
  with pytest.raises(UserError, match="step 3: .* learning rate 0.5,"):
    guard.on_train_batch_end(0, LOGS | {"loss": np.nan, "gradient_norm": np.nan})
  report = json.loads((tmp_path / "not_finite.json").read_text())
  assert report["learning_rate"] == 0.5  # in the middle of four steps of warm-up
