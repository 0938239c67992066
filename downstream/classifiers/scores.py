"""How well the test clips of a split were predicted."""

from collections.abc import Sequence

import numpy as np
from sklearn import metrics

from contrastive_audio.datasets import LABEL_SEPARATOR
from contrastive_audio.monitoring.knn import macro_accuracy

THRESHOLD = 0.5  # of the probability of a label, where a clip may have several


def predicted_label(scores: np.ndarray, class_names: Sequence[str], multi_label: bool) -> str:
  """Returns the class with the highest score; if there may be several, all above THRESHOLD.

  Args:
    scores: float `[C]`, of one clip.
    class_names: C names.
    multi_label: whether there may be several; they are separated as in a table of labels.

  Example:
    >>> predicted_label(np.array([0.7, 0.1, 0.6]), ["dog", "rain", "wind"], multi_label=True)
    'dog;wind'
    >>> predicted_label(np.array([0.2, 0.4, 0.3]), ["dog", "rain", "wind"], multi_label=False)
    'rain'
  """
  if not multi_label:
    return class_names[int(scores.argmax())]
  return LABEL_SEPARATOR.join(
    name for name, value in zip(class_names, scores) if value >= THRESHOLD
  )


def average_precisions(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
  """Returns the average precision, float `[C]`, of each class; NaN without a test clip.

  Args:
    targets: float32 `[m, C]`, one-hot or multi-hot.
    scores: float `[m, C]`.

  Example:
    >>> average_precisions(np.array([[1, 0], [0, 0]]), np.array([[0.2, 0.1], [0.4, 0.3]]))
    array([0.5, nan])
  """
  values = np.full(targets.shape[1], np.nan)
  present = targets.any(axis=0)
  if present.any():
    values[present] = metrics.average_precision_score(
      targets[:, present] > 0, scores[:, present], average=None
    )
  return values


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
    return float(np.nanmean(average_precisions(targets, scores)))
  labels, predicted = targets.argmax(axis=1), scores.argmax(axis=1)
  if metric == "accuracy":
    return float(metrics.accuracy_score(labels, predicted))
  return macro_accuracy(predicted, labels)
