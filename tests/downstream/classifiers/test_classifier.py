"""A classifier scores clips by the windows that cover them; its options are checked."""

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.classifiers import excerpt_training
from downstream.classifiers.classifier import Classifier, Options
from tests import support
from tests.downstream.classifiers.tiny_training import (
  ALL,
  FRONT_END,
  options,
)
from tests.support import assert_close


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


def test_scores_of_no_clips_have_no_rows(model, clip_store):
  classifier = Classifier(FRONT_END, model.encoder, 3)
  assert classifier.scores(clip_store, []).shape == (0, 3)


@pytest.mark.parametrize("field", ["start", "batchnorm"])
def test_an_unknown_way_to_start_is_refused(field):
  with pytest.raises(UserError, match=f"{field}='x': allowed are"):
    options(**{field: "x"})


@pytest.mark.parametrize(
  ("name", "value"), [("epochs", 0), ("batch_size", 0), ("patience", 0), ("learning_rate", 0.0)]
)
def test_options_that_make_no_sense_are_refused(name, value):
  with pytest.raises(UserError, match=f"^{name}={value}: it has to be"):
    Options(frozen=True, **{name: value})
