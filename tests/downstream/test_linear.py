"""Linear evaluation on arrays: scikit-learn's numbers, chosen on training clips only."""

import types

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from downstream import judging, linear
from downstream.classifiers import logistic, scores
from tests.support import assert_close

CLASSES = 4


def arrays(count=200, size=12, seed=0):
  """(rows, one-hot targets) of overlapping classes."""
  rng = np.random.default_rng(seed)
  classes = rng.integers(0, CLASSES, count)
  centres = np.random.default_rng(9).normal(size=[CLASSES, size])
  rows = rng.normal(size=[count, size]) * np.linspace(0.1, 30, size) + centres[classes]
  return rows.astype("f"), np.eye(CLASSES, dtype="f")[classes]


def problem(targets, **parts):
  task = types.SimpleNamespace(metric="accuracy", name="x")
  ids = {"train": range(100), "validation": range(100, 130), "test": range(130, 200)} | parts
  ids = {name: np.array(part, int) for name, part in ids.items()}
  data = types.SimpleNamespace(task=task)
  return judging.Problem(data=data, model=None, targets=targets, seed=0, folder=None, **ids)


def test_the_classifier_is_scikit_learns_on_rows_standardised_by_the_training_rows():
  rows, targets = arrays()
  mean, std = rows[:100].mean(0), rows[:100].std(0)
  reference = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8)
  reference.fit((rows[:100] - mean) / std, targets[:100].argmax(1))
  desired = reference.predict_proba((rows[100:] - mean) / std)
  assert_close(logistic.fit(rows[:100], targets[:100], 0.1)(rows[100:]), desired, atol=1e-2)


def test_several_labels_have_a_classifier_each():
  rows, targets = arrays()
  targets[:, 0] = targets[:, 1:3].max(axis=1)  # always together with another
  standard = (rows - rows[:100].mean(0)) / rows[:100].std(0)
  reference = OneVsRestClassifier(LogisticRegression(C=0.1)).fit(standard[:100], targets[:100])
  desired = reference.predict_proba(standard[100:])
  assert_close(logistic.fit(rows[:100], targets[:100], 0.1)(rows[100:]), desired, atol=1e-2)


def test_a_class_without_training_clips_gets_nothing():
  rows, targets = arrays()
  known = targets[:, 3] == 0
  predicted = logistic.fit(rows[known], targets[known], 0.1)(rows)
  assert not predicted[:, 3].any()
  assert_close(predicted.sum(axis=1), np.ones(len(rows)), atol=1e-6)


def test_the_regularisation_is_chosen_on_validation_and_all_training_clips_are_fitted(monkeypatch):
  rows, targets = arrays()
  fitted = []
  original = logistic.fit

  def spy(some, wanted, strength):
    fitted.append((len(some), strength))
    return original(some, wanted, strength)

  monkeypatch.setattr(logistic, "fit", spy)
  linear._fit_and_score(problem(targets), np.arange(200), rows)
  assert fitted[:-1] == [(100, strength) for strength in logistic.STRENGTHS]
  assert fitted[-1][0] == 130
  by_hand = [
    scores.score(
      "accuracy", targets[100:130], original(rows[:100], targets[:100], c)(rows[100:130])
    )
    for c in logistic.STRENGTHS
  ]
  assert fitted[-1][1] == logistic.STRENGTHS[int(np.argmax(by_hand))]


@pytest.mark.parametrize("validation", [[], range(100, 130)])
def test_labels_and_rows_of_test_clips_choose_nothing(validation):
  rows, targets = arrays()
  changed_rows, changed_targets = rows.copy(), targets.copy()
  changed_targets[130:] = np.roll(targets[130:], 1, axis=1)
  changed_rows[131:] = 1e3
  given = problem(targets, validation=validation)
  other = problem(changed_targets, validation=validation)
  first = linear._fit_and_score(given, np.arange(200), rows)
  second = linear._fit_and_score(other, np.arange(200), changed_rows)
  assert_close(first[0], second[0])


def test_probabilities_of_windows_are_averaged_over_their_clip():
  rows, targets = arrays(400)
  clips = np.repeat(np.arange(200), 2)
  by_clip = targets[::2]
  rows = rows[np.argsort(np.repeat(np.arange(200), 2), kind="stable")]
  given = problem(by_clip, validation=[])
  predicted = linear._fit_and_score(given, clips, rows)
  chosen = clips < 100
  classifier = logistic.fit(rows[chosen], by_clip[clips[chosen]], logistic.WITHOUT_VALIDATION)
  desired = classifier(rows[clips >= 130]).reshape(70, 2, CLASSES).mean(axis=1)
  assert_close(predicted, desired, atol=1e-9)


def test_metrics_are_those_of_their_definition():
  targets = np.eye(3)[[0, 0, 0, 1]]
  predicted = np.eye(3)[[0, 0, 1, 1]]
  assert scores.score("accuracy", targets, predicted) == 0.75
  assert_close(scores.score("macro_accuracy", targets, predicted), (2 / 3 + 1) / 2)
  # Ranked: right, wrong, right -> average precision (1 + 2/3) / 2; the class without clips is out.
  several = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]])
  ranked = np.array([[0.9, 0.1, 0.5], [0.8, 0.9, 0.5], [0.7, 0.8, 0.5]])
  assert_close(scores.score("mAP", several, ranked), ((1 + 2 / 3) / 2 + 1) / 2, atol=1e-9)
