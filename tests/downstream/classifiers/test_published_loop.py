"""mix-back's linear evaluation against the loop of its published code, written again in NumPy."""

import dataclasses

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.store import preparation
from contrastive_audio.views.excerpts import ExcerptPairs
from downstream import protocols
from downstream.classifiers import excerpt_training
from downstream.encoders import models
from tests.downstream.classifiers.tiny_training import NO_UPDATE, tiny_encoder
from tests.support import assert_close

EPOCHS, BATCH_SIZE = 5, 2
FRONT_END = FrontEnd(models.cola_front_end().log_mel, 96, "excerpt_l2", hop_frames=20)


def softmax(logits):
  powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
  return powers / powers.sum(axis=-1, keepdims=True)


def embed(model, excerpts):
  """Excerpts `[n, N]` -> float64 `[n, D]`, the frozen encoder in evaluation mode."""
  log_mels = FRONT_END(excerpts)[..., None]
  return model.encoder(log_mels, training=False).numpy().astype(float)


def patches_of(wave):
  """All patches by the hop of the front end; what is left at the end is dropped."""
  hop = FRONT_END.log_mel.hop_samples * FRONT_END.hop_frames
  starts = range(0, len(wave) - FRONT_END.num_samples + 1, hop)
  return np.stack([wave[start : start + FRONT_END.num_samples] for start in starts])


def score_clips(model, store, clip_ids, kernel, bias):
  """Softmax of each patch, then the mean over the patches of a clip."""
  clips = (embed(model, patches_of(store.wave(clip_id))) for clip_id in clip_ids)
  return np.stack([softmax(rows @ kernel + bias).mean(axis=0) for rows in clips])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
  """Twelve noisy sweeps of 1.5 s, up or down: no two patches of a clip are alike."""
  folder, time_s = tmp_path_factory.mktemp("clips"), np.arange(24_000) / 16_000
  for number in range(12):
    rng = np.random.default_rng(number)
    name, slope_hz = (("down", -500), ("up", 500))[number % 2]
    phase = 2 * np.pi * (rng.uniform(900, 1500) * time_s + slope_hz * time_s**2 / 2)
    (folder / name).mkdir(exist_ok=True)
    wave = 0.2 * np.sin(phase) + 0.1 * rng.standard_normal(24_000)
    soundfile.write(folder / name / f"{number}.wav", wave, 16_000)
  source = datasets.open_source(f"folder:{folder}")
  return preparation.prepare(source, 16_000, str(tmp_path_factory.mktemp("stores")))


def published_training(model, store, split, targets, options, kernel):
  """Yields (kernel, bias, validation accuracy) after each epoch.

  torch.optim.SGD, and its rate by MultiStepLR at 0.4 and 0.8 of the epochs.
  """
  train_ids, validation_ids = split
  bias, velocity, step = np.zeros(2), [0.0, 0.0], 0
  pairs = ExcerptPairs(store.select(train_ids), BATCH_SIZE, FRONT_END.layout, options.seed)
  batches = iter(pairs.dataset(0, EPOCHS * pairs.steps_per_epoch))
  for epoch in range(EPOCHS):
    rate = 0.1 * 0.1 ** sum(epoch >= milestone for milestone in (2, 4))
    for _ in range(pairs.steps_per_epoch):
      rows = embed(model, next(batches)[:, 0])
      labels = targets[train_ids[pairs.clip_ids(step, (0, 1)).numpy()]]
      errors = (softmax(rows @ kernel + bias) - labels) / len(rows)
      velocity[0] = 0.9 * velocity[0] + rows.T @ errors + 1e-4 * kernel
      velocity[1] = 0.9 * velocity[1] + errors.sum(axis=0) + 1e-4 * bias
      kernel, bias, step = kernel - rate * velocity[0], bias - rate * velocity[1], step + 1
    predicted = score_clips(model, store, validation_ids, kernel, bias).argmax(axis=1)
    yield kernel, bias, (predicted == targets[validation_ids].argmax(axis=1)).mean()


@pytest.mark.parametrize("selection", ["best", "last"])
def test_linear_evaluation_is_the_published_loop(store, selection):
  model = models.keras_model("tiny", "", FRONT_END, tiny_encoder())
  released = protocols.LINEAR["mixback"]
  options = dataclasses.replace(
    released, batch_size=BATCH_SIZE, epochs=EPOCHS, seed=3, selection=selection
  )
  targets = np.eye(2, dtype="f")[[int(label == "up") for label in store.labels()]]
  split = np.arange(0, 12, 2), np.arange(1, 12, 2)
  arguments = (model, store, split[0], targets)
  untrained = dataclasses.replace(options, epochs=1, learning_rate=NO_UPDATE)
  start = excerpt_training.train(*arguments, untrained, split[1]).dense.kernel.numpy()
  epochs = list(published_training(model, store, split, targets, options, start.astype(float)))
  accuracies = [accuracy for _, _, accuracy in epochs]
  kept = int(np.argmax(accuracies)) if selection == "best" else EPOCHS - 1
  classifier = excerpt_training.train(*arguments, options, split[1])
  assert classifier.best_epoch == kept + 1
  kernel, bias, _ = epochs[kept]
  assert_close(classifier.dense.kernel.numpy(), kernel, atol=1e-5)
  assert_close(classifier.dense.bias.numpy(), bias, atol=1e-5)
  desired = score_clips(model, store, np.arange(12), kernel, bias)
  assert_close(classifier.scores(store, np.arange(12)), desired, atol=1e-5)
