"""One step: the loss, what is dropped, and numbers that are not finite."""

import re

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio import datasets
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
from contrastive_audio.store import preparation
from downstream import protocols
from downstream.classifiers import excerpt_training
from downstream.classifiers.classifier import Classifier
from downstream.classifiers.gradient_step import GradientStep
from tests import support
from tests.downstream.classifiers.tiny_training import (
  ALL,
  FRONT_END,
  NO_UPDATE,
  assert_same,
  model_of,
  options,
  state,
  tiny_encoder,
)
from tests.support import assert_close


@pytest.mark.parametrize(
  ("multi_label", "targets", "expected"),
  [
    (False, [1, 0], np.log1p(np.exp(-2.5))),
    (False, [0, 1], np.log1p(np.exp(2.5))),
    (True, [1, 1], np.mean(np.log1p(np.exp([-0.5, 2.0])))),
    (True, [0, 1], np.mean(np.log1p(np.exp([0.5, 2.0])))),
  ],
)
def test_the_loss_is_the_cross_entropy_of_softmax_or_sigmoid(model, multi_label, targets, expected):
  chosen = options(metric="mAP" if multi_label else "accuracy", frozen=True)
  classifier = Classifier(FRONT_END, model.encoder, 2, chosen)
  step = GradientStep(classifier, FRONT_END, chosen, Hosts(), steps_per_epoch=1)
  logits = np.array([[0.5, -2.0]] * 3, "f")
  assert_close(step._loss(np.array([targets] * 3, "f"), logits), expected, atol=1e-6)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_loss_that_is_not_finite_ends_the_training(
  model, clip_store, targets, tmp_path, monkeypatch, frozen
):
  loss, steps = GradientStep._loss, tf.Variable(0)

  def not_finite(self, *arguments):
    return loss(self, *arguments) / tf.cast(steps.assign_add(1) < 5, tf.float32)

  monkeypatch.setattr(GradientStep, "_loss", not_finite)
  with pytest.raises(UserError) as raised:
    excerpt_training.train(model, clip_store, ALL, targets, options(frozen=frozen), folder=tmp_path)
  message = str(raised.value)
  assert re.match(r"epoch 2, step 2: loss inf, .*learning rate 0.001\. Lower", message)
  assert "\n" not in message
  assert (tmp_path / "epoch-1.index").exists()


@pytest.mark.parametrize("measured", [(0.5, float("nan")), (float("inf"), 0.5)])
def test_either_of_loss_and_gradient_is_enough_to_end_it(
  model, clip_store, targets, monkeypatch, measured
):
  monkeypatch.setattr(GradientStep, "run", lambda *_: measured)
  message = "epoch 1, step 1: loss {:g}, gradient norm {:g}".format(*measured)
  with pytest.raises(UserError, match=message):
    excerpt_training.train(model, clip_store, ALL, targets, options())


def test_an_exploding_learning_rate_is_told(model, clip_store, targets):
  with pytest.raises(UserError, match=r"^epoch \d+, step \d+: .*learning rate 1e\+38"):
    excerpt_training.train(model, clip_store, ALL, targets, options(learning_rate=1e38, epochs=5))


def test_sgd_drops_its_rate_after_two_and_four_fifths_of_the_epochs(model):
  """mix-back, released configuration: of 200 epochs after 80 and after 160."""
  chosen = protocols.LINEAR["mixback"]
  classifier = Classifier(FRONT_END, model.encoder, 2, chosen)
  step = GradientStep(classifier, FRONT_END, chosen, Hosts(), steps_per_epoch=10)
  rates = []
  for number in (0, 799, 800, 1599, 1600, 1999):
    step.optimizer.iterations.assign(number)
    rates.append(float(step.optimizer.learning_rate))
  assert_close(rates, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001], rtol=1e-6)


@pytest.fixture(scope="module")
def short_store(tmp_path_factory):
  """Clips of one window: there is only one excerpt to draw."""
  seconds = FRONT_END.num_samples / FRONT_END.sample_rate_hz
  folder = support.write_clips(tmp_path_factory.mktemp("short"), clips=2, seconds=seconds)
  source = datasets.open_source(f"folder:{folder}")
  store = preparation.prepare(source, 16_000, str(tmp_path_factory.mktemp("stores")))
  assert set(store.num_samples) == {FRONT_END.num_samples}
  return store


def losses(model, store, **changes):
  """The losses of epochs that differ in what is dropped, and in nothing else."""
  changes = {"learning_rate": NO_UPDATE, "batch_size": 4} | changes
  targets = np.eye(2, dtype="f")[[0, 0, 1, 1]]
  same = [0, 0, 0, 0]  # four times one clip: not even their order differs
  classifier = excerpt_training.train(model, store, same, targets, options(**changes))
  return [row["loss"] for row in classifier.history]


def test_dropout_draws_anew_in_every_step_of_fine_tuning_only(short_store):
  first, second = losses(model_of(tiny_encoder()), short_store)
  assert abs(first - second) > 1e-3
  for model, frozen in ((tiny_encoder(), True), (tiny_encoder(dropout=0.0), False)):
    first, second = losses(model_of(model), short_store, frozen=frozen)
    assert_close(first, second, atol=1e-5)


@pytest.mark.slow
def test_efficientnet_is_fine_tuned_with_drop_connect(short_store):
  """Two epochs of one step."""
  encoder = encoders.efficientnet_b0(FRONT_END.num_mels, batchnorm_momentum=0.5)
  model = model_of(encoder)
  before = state(encoder)
  first, second = losses(model, short_store)
  assert abs(first - second) > 1e-3
  assert_same(state(encoder), before)
