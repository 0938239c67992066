"""A classifier scores clips by the windows that cover them; its options are checked."""

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from downstream.classifiers import excerpt_training
from downstream.classifiers.classifier import Classifier
from downstream.protocols import Options
from mixback.config import Config
from tests import support
from tests.downstream.classifiers.tiny_training import (
  ALL,
  FRONT_END,
  options,
  tiny_encoder,
)
from tests.support import assert_close


def whole_log_mel(front_end, wave):
  """The standardised log-mel `[T, F]` of a whole clip."""
  centred = wave - wave.mean()
  centred /= np.abs(centred).max() + 0.005
  return front_end.standardise(front_end.log_mel(centred[None]))[0].numpy()


def test_scores_are_the_softmax_of_logits_averaged_over_the_windows(model, clip_store, targets):
  classifier = excerpt_training.train(model, clip_store, ALL, targets, options())
  kernel, bias = classifier.dense.get_weights()
  expected = []
  for clip in (4, 9):
    logits = []
    for log_mel in support.cut_log_mels(FRONT_END, clip_store.wave(clip)):
      embedding = classifier.encoder(log_mel[None, ..., None], training=False)[0].numpy()
      logits.append(embedding @ kernel + bias)
    assert len(logits) == 2
    exponentials = np.exp(np.mean(logits, axis=0))
    expected.append(exponentials / exponentials.sum())
  scores = classifier.scores(clip_store, [4, 9])
  assert scores.dtype == np.float32
  assert_close(scores, expected, atol=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_probabilities_are_averaged_over_windows_that_hop(clip_folder, tmp_path, multi_label):
  """As mix-back's published code does: patches hop by 50 frames, and the rest is dropped."""
  front_end = Config(mean=-4.0, std=2.0).front_end()
  store = preparation.prepare(datasets.open_source(f"folder:{clip_folder}"), 22_050, str(tmp_path))
  encoder = tiny_encoder(num_mels=96)
  chosen = options(
    windows="hopping", average="probabilities", metric="mAP" if multi_label else "accuracy"
  )
  classifier = Classifier(front_end, encoder, 3, chosen)
  kernel, bias = classifier.dense.get_weights()
  (scores,) = classifier.scores(store, [4])
  whole = whole_log_mel(front_end, store.wave(4))
  patches = [whole[start : start + 101] for start in range(0, len(whole) - 100, 50)]
  assert len(patches) == 2  # 1.5 s: 151 frames
  logits = encoder(np.stack(patches)[..., None], training=False).numpy() @ kernel + bias
  exponentials = np.exp(logits)
  probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
  if multi_label:
    probabilities = exponentials / (1 + exponentials)
  assert_close(scores, probabilities.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_windows_that_disagree_are_averaged_as_the_protocol_says(model, average):
  classifier = Classifier(FRONT_END, model.encoder, 3, options(average=average))
  kernel, bias = classifier.dense.get_weights()
  windows = 10 * np.random.default_rng(0).normal(size=[4, 240]).astype("f")
  exponentials = np.exp(windows @ kernel + bias)
  if average == "logits":
    exponentials = np.exp(np.log(exponentials).mean(axis=0, keepdims=True))
  probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
  assert_close(classifier.score_windows([windows])[0], probabilities.mean(axis=0), atol=1e-4)


def test_padded_windows_do_not_overlap_and_the_last_is_filled_up_with_zeros(model, clip_store):
  """As in COLA's published code, `tf.signal.frame(..., pad_end=True)`."""
  classifier = Classifier(FRONT_END, model.encoder, 3, options(windows="padded"))
  wave = clip_store.wave(4)
  (embeddings,) = classifier.embed_windows(clip_store, [4])
  segments = tf.signal.frame(wave, 15_600, 15_600, pad_end=True)
  assert len(segments) == 2
  desired = model.encoder(FRONT_END(segments)[..., None], training=False)
  assert_close(embeddings, desired, atol=1e-5)


def test_scores_of_no_clips_have_no_rows(model, clip_store):
  classifier = Classifier(FRONT_END, model.encoder, 3, options())
  assert classifier.scores(clip_store, []).shape == (0, 3)


FIELDS = ["start", "batchnorm", "optimizer", "selection", "windows", "average", "metric"]


@pytest.mark.parametrize("field", FIELDS)
def test_an_unknown_way_to_start_is_refused(field):
  with pytest.raises(UserError, match=f"{field}='x': allowed are"):
    options(**{field: "x"})


@pytest.mark.parametrize(
  ("name", "value"), [("epochs", 0), ("batch_size", 0), ("patience", 0), ("learning_rate", 0.0)]
)
def test_options_that_make_no_sense_are_refused(name, value):
  with pytest.raises(UserError, match=f"^{name}={value}: it has to be"):
    Options(frozen=True, selection="best", **{name: value})


def test_patience_without_validation_is_refused():
  with pytest.raises(UserError, match="patience needs validation clips"):
    Options(frozen=True, patience=3)
