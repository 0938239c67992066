"""The classifier is that of `linear`, and what is said about it is not too much."""

import itertools

import numpy as np
import pytest

from downstream.classifiers import logistic
from downstream.labelling.fitting import fit_marks, measure_quality
from tests.downstream.classifiers.rows import draw_rows
from tests.support import assert_close


def marks(count=60, size=12, seed=0):
  rows, targets = draw_rows(count, size, seed)
  return rows, [("abcd"[number],) for number in targets.argmax(axis=1)], targets


def test_the_classifier_is_logistic_regression_with_a_strength_of_the_grid():
  rows, labels, targets = marks()
  fitted = fit_marks(rows, labels, range(60))
  assert fitted.class_names == ("a", "b", "c", "d")
  distances = [
    np.abs(logistic.fit(rows, targets, strength)(rows) - fitted.classifier(rows)).max()
    for strength in logistic.INVERSE_STRENGTHS
  ]
  assert min(distances) == 0


def test_several_labels_have_a_yes_or_no_each_and_the_order_is_that_of_the_keys():
  rows, labels, _ = marks()
  labels = [(*names, "loud") if row[-1] > 0 else names for names, row in zip(labels, rows)]
  fitted = fit_marks(rows, labels, range(60), class_names=["loud", "unused", "d"])
  assert fitted.class_names == ("loud", "d", "a", "b", "c")
  assert fitted.classifier.multi_label
  said = fitted.classifier(rows)[:, 0] > 0.5
  assert np.mean(said == (rows[:, -1] > 0)) > 0.9


def test_marks_without_a_second_class_teach_nothing():
  assert fit_marks(np.eye(3), [("a",)] * 3, [0, 1, 2]) is None


def test_a_classifier_that_knows_recordings_and_no_classes_is_not_called_good():
  """Each recording has a sound of its own; only folds of recordings show that it is no class."""
  rng = np.random.default_rng(0)
  sounds = 10 * rng.normal(size=[8, 40])
  groups = np.repeat(np.arange(8), 10)
  rows = sounds[groups] + rng.normal(size=[80, 40])
  labels = [("ab"[group % 2],) for group in groups]
  quality = fit_marks(rows, labels, groups).quality
  assert (quality.by, quality.num_scored) == ("recordings", 80)
  assert quality.right < 0.75
  alone = fit_marks(rows, labels, np.zeros(80, int)).quality
  assert (alone.by, alone.right) == ("marks", 1.0)  # and the page says: too favourable


@pytest.mark.parametrize("with_c", list(itertools.combinations(range(6), 2)))
def test_marks_of_a_class_that_only_one_fold_has_do_not_make_quality_worse(with_c):
  """Some pairs of recordings are in one fold: what scores them has never heard the class c."""
  labels = [("ab"[i % 2],) for _ in range(6) for i in range(6)]
  groups = np.repeat(np.arange(6), 6)
  for recording in with_c:
    labels[6 * recording] = ("c",)
  rows = 9 * np.array([["abc".index(name) == k for k in range(3)] for (name,) in labels], float)
  fitted = fit_marks(rows, labels, groups)
  assert fitted.class_names == ("a", "b", "c")
  assert (fitted.quality.by, fitted.quality.right) == ("recordings", 1.0)


def test_quality_counts_what_is_right_found_and_taken_for_it():
  targets = np.eye(3)[[0, 0, 0, 1, 1, 2]]
  scores = np.eye(3)[[0, 0, 1, 1, 1, 1]]
  quality = measure_quality(scores, targets, range(6), "marks")
  assert_close([quality.right, quality.constant], [4 / 6, 3 / 6], atol=1e-12)
  assert quality.classes == [(2, 3, 2), (2, 2, 4), (0, 1, 0)]
  several = np.array([[1, 1, 0], [0, 0, 1.0]])
  quality = measure_quality(np.array([[0.9, 0.4, 0], [0, 0.1, 0.6]]), several, range(2), "", True)
  assert (quality.right, quality.classes) == (0.5, [(1, 1, 1), (0, 1, 0), (1, 1, 1)])


def test_the_interval_is_wide_where_recordings_are_few_and_never_empty():
  targets = np.eye(2)[np.zeros(40, int)]
  all_right = measure_quality(targets, targets, np.arange(40), "marks")
  assert all_right.high == 1
  assert_close(all_right.low, 40 / (40 + 1.96**2), atol=1e-12)  # Wilson's, in closed form
  scores = np.eye(2)[np.repeat([0, 1, 0, 1], 10)]
  by_mark, by_recording = (
    measure_quality(scores, targets, units, "")
    for units in (np.arange(40), np.repeat(range(4), 10))
  )
  assert by_mark.right == by_recording.right == 0.5
  assert 0.3 < by_mark.low < by_mark.high < 0.7
  assert (by_recording.low, by_recording.high) == pytest.approx((0, 1))
