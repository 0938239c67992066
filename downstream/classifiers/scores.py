"""How well the test clips of a split were predicted."""

import numpy as np
from sklearn import metrics

from contrastive_audio.monitoring.knn import macro_accuracy


def score(metric: str, targets: np.ndarray, scores: np.ndarray) -> float:
  """Scores predictions.

  Args:
    metric: "accuracy", "macro_accuracy" (the mean over classes of their accuracies) or "mAP" (the
      mean over classes of their average precision; classes without a test clip do not count).
    targets: float32 `[m, C]`, one-hot or multi-hot.
    scores: float `[m, C]`; the class with the highest score is predicted.

  Returns:
    A number from 0 to 1.

  Example:
    >>> targets = np.eye(2)[[0, 0, 0, 1]]
    >>> always_first = np.tile([1.0, 0.0], [4, 1])
    >>> score("accuracy", targets, always_first), score("macro_accuracy", targets, always_first)
    (0.75, 0.5)
  """
  if metric == "mAP":
    present = targets.any(axis=0)
    return float(metrics.average_precision_score(targets[:, present] > 0, scores[:, present]))
  labels, predicted = targets.argmax(axis=1), scores.argmax(axis=1)
  if metric == "accuracy":
    return float(metrics.accuracy_score(labels, predicted))
  return macro_accuracy(predicted, labels)
