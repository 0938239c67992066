"""Thresholds do on held-out clips what they are asked for."""

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.choices import ThresholdChoice
from downstream.detection.scorers import HeldOut, Scorer, example_scorer
from downstream.detection.thresholds import choose_thresholds
from tests.support import assert_close

NAMES = ("cat", "dog")


def scorer_of(scores, targets, names=NAMES, are_similarities=False):
  held_out = HeldOut(np.asarray(scores), np.asarray(targets) > 0, "held-out clips")
  return Scorer(names, False, None, "", held_out, are_similarities)


def drawn(seed):
  rng = np.random.default_rng(seed)
  targets = rng.integers(0, 2, [60, 2])
  return np.round(rng.normal(targets, 1.0), 1), targets  # with ties


def outcome(scores, targets, threshold):
  """(precision, recall) of what is at least as large as a threshold."""
  above = scores >= threshold
  hits = (above & (targets > 0)).sum()
  return hits / above.sum(), hits / (targets > 0).sum()


@pytest.mark.parametrize("seed", range(5))
def test_of_all_thresholds_with_the_precision_it_is_the_one_with_the_largest_recall(seed):
  scores, targets = drawn(seed)
  chosen, text = choose_thresholds(scorer_of(scores, targets), ThresholdChoice(precision=0.8))
  for column in range(2):
    s, t = scores[:, column], targets[:, column]
    candidates = {value: outcome(s, t, value) for value in np.unique(s)}
    allowed = [recall for precision, recall in candidates.values() if precision >= 0.8]
    precision, recall = outcome(s, t, chosen[column])
    assert precision >= 0.8
    assert recall == max(allowed)
  assert text.endswith("(precision 0.8 on 60 held-out clips)")
  assert text.startswith(f"cat {chosen[0]:.2g}, dog {chosen[1]:.2g} (")


@pytest.mark.parametrize("seed", range(5))
def test_of_all_thresholds_with_the_recall_it_is_the_largest(seed):
  scores, targets = drawn(seed)
  chosen, _ = choose_thresholds(scorer_of(scores, targets), ThresholdChoice(recall=0.7))
  for column in range(2):
    s, t = scores[:, column], targets[:, column]
    allowed = [value for value in np.unique(s) if outcome(s, t, value)[1] >= 0.7]
    assert chosen[column] == max(allowed)


def test_a_precision_that_nothing_reaches_is_said_and_the_best_is_taken():
  scores = [[0.9, 0.9], [0.8, 0.1], [0.7, 0.2], [0.1, 0.3]]
  targets = [[0, 1], [1, 0], [1, 0], [0, 0]]
  chosen, text = choose_thresholds(scorer_of(scores, targets), ThresholdChoice(precision=0.9))
  assert_close(chosen, [0.7, 0.9])  # two of three
  assert text == "cat 0.7, dog 0.9 (precision 0.9 on 4 held-out clips; cat reaches 0.67)"


def test_without_a_wish_probabilities_have_a_half_and_similarities_a_precision():
  scores, targets = drawn(0)
  assert_close(choose_thresholds(scorer_of(scores, targets), ThresholdChoice())[0], [0.5, 0.5])
  assert choose_thresholds(Scorer(NAMES, True, None, ""), ThresholdChoice())[1] == "0.5"
  assert_close(choose_thresholds(Scorer(NAMES, True, None, ""), ThresholdChoice(0.0))[0], [0, 0])
  examples = scorer_of(scores, targets, are_similarities=True)
  assert_close(
    choose_thresholds(examples, ThresholdChoice())[0],
    choose_thresholds(scorer_of(scores, targets), ThresholdChoice(precision=0.9))[0],
  )


def test_many_classes_are_a_range():
  names = tuple("abcdefghij")
  scores = np.linspace(0.1, 1, 10) * np.ones([10, 1])
  scores = np.where(np.eye(10) > 0, scores, 0.0)
  chosen, text = choose_thresholds(
    scorer_of(scores, np.eye(10), names=names), ThresholdChoice(recall=1.0)
  )
  assert_close(chosen, np.linspace(0.1, 1, 10))
  assert text == "0.1 to 1, by class (recall 1 on 10 held-out clips)"


def test_nothing_has_to_be_known_about_a_class_that_is_not_reported():
  scores, targets = drawn(0)
  alone, _ = choose_thresholds(scorer_of(scores, targets), ThresholdChoice(precision=0.8))
  targets[:, 1] = 0
  chosen, text = choose_thresholds(
    scorer_of(scores, targets), ThresholdChoice(precision=0.8), ignored=["dog"]
  )
  assert chosen.tolist() == [alone[0], np.inf]
  assert text == f"cat {alone[0]:.2g} (precision 0.8 on 60 held-out clips)"


def test_what_cannot_be_judged_is_refused():
  with pytest.raises(UserError, match="no scores of held-out clips .* or pass --threshold"):
    choose_thresholds(Scorer(NAMES, True, None, ""), ThresholdChoice(precision=0.9))
  scores, targets = drawn(0)
  targets[:, 1] = 0
  with pytest.raises(UserError, match="the class dog has too few held-out clips to choose"):
    choose_thresholds(scorer_of(scores, targets), ThresholdChoice(recall=0.5))
  rows = np.random.default_rng(0).normal(size=[3, 4])
  with pytest.raises(UserError, match="the class dog has too few examples to choose"):
    choose_thresholds(example_scorer(rows, ["cat", "dog", "cat"]), ThresholdChoice())
