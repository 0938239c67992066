"""Few labels, and flipped ones: of training clips only, and as many as asked for."""

import collections

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.cards.training_labels import draw_few_labels, flip_labels
from tests.downstream.cards.made_up_clips import make_clips


def test_few_labels_are_as_many_of_each_class_from_training_clips_only():
  given, train = make_clips(), np.arange(45)
  classes = [[label] for label in given.labels]
  few = draw_few_labels(train, classes, 5, seed=0)
  assert collections.Counter(given.labels[i] for i in few) == {f"class{c}": 5 for c in range(3)}
  assert set(few) <= set(train)
  assert few.tolist() != draw_few_labels(train, classes, 5, seed=1).tolist()
  with pytest.raises(UserError, match="the class 'class0' has 15 training clips"):
    draw_few_labels(train, classes, 16, seed=0)


def test_of_clips_with_several_labels_each_class_has_as_many_and_few_have_more():
  rng = np.random.default_rng(0)
  shares = {"rare": 0.05, "some": 0.2, "often": 0.6}
  classes = [[name for name, share in shares.items() if rng.random() < share] for _ in range(300)]
  for seed in range(3):
    few = draw_few_labels(np.arange(200), classes, 4, seed)
    counts = collections.Counter(name for clip_id in few for name in classes[clip_id])
    assert set(counts) == set(shares)
    assert min(counts.values()) == 4
    assert len(few) <= 8  # the clips of the rarest class have others, too
    assert max(few) < 200
  assert few.tolist() == draw_few_labels(np.arange(200), classes, 4, seed).tolist()
  with pytest.raises(UserError, match="the class 'rare' has 6 training clips"):
    draw_few_labels(np.arange(200), classes, 20, seed=0)


def test_flipped_labels_are_exactly_the_share_and_of_training_clips_only():
  given, train = make_clips(), np.arange(50)
  flipped = flip_labels(train, given.labels, 0.4, seed=0)
  changed = [i for i in range(60) if flipped[i] != given.labels[i]]
  assert len(changed) == 20
  assert max(changed) < 50
  assert set(flipped) == set(given.labels)
  assert flipped == flip_labels(train, given.labels, 0.4, seed=0)
  assert flipped != flip_labels(train, given.labels, 0.4, seed=1)


def test_flipping_none_of_too_few_labels_is_refused():
  with pytest.raises(UserError, match="--label_noise=0.1: of 3 training labels it would flip none"):
    flip_labels(np.arange(3), list("abc"), 0.1, seed=0)
