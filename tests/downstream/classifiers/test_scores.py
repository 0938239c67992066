"""Metrics follow their definitions."""

import numpy as np

from downstream.classifiers import scores
from tests.support import assert_close


def test_metrics_follow_their_definitions():
  targets = np.eye(3)[[0, 0, 0, 1]]
  predicted = np.eye(3)[[0, 0, 1, 1]]
  assert scores.score("accuracy", targets, predicted) == 0.75
  assert_close(scores.score("macro_accuracy", targets, predicted), (2 / 3 + 1) / 2)
  # Ranked: right, wrong, right -> average precision (1 + 2/3) / 2; the class without clips is out.
  several = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]])
  ranked = np.array([[0.9, 0.1, 0.5], [0.8, 0.9, 0.5], [0.7, 0.8, 0.5]])
  assert_close(scores.score("mAP", several, ranked), ((1 + 2 / 3) / 2 + 1) / 2, atol=1e-9)


def test_the_mean_average_precision_is_over_classes_that_occur():
  targets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]], "f")
  logits = np.array([[3, 0, 1], [2, 1, 5], [1, 2, 0], [0, 3, 0]], "f")
  # Class 0: hits at ranks 1 and 3, class 1: at 1, 2 and 3; class 2 does not occur.
  expected = np.mean([(1 / 1 + 2 / 3) / 2, 1])
  assert_close(scores.score("mAP", targets, logits), expected, atol=1e-6)


def test_the_accuracy_is_the_share_of_hits():
  targets, logits = np.eye(3, dtype="f")[[0, 1, 2, 2]], np.eye(3, dtype="f")[[0, 1, 2, 0]]
  assert scores.score("accuracy", targets, logits) == 0.75
