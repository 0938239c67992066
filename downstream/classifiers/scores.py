"""How well the test clips of a split were predicted."""

import numpy as np
from sklearn import metrics


def score(metric, targets, scores):
  """Scores predictions.

  Args:
    metric: "accuracy", "macro_accuracy" (mean over classes of their accuracies) or "mAP" (mean over
      classes of their average precision; classes without a test clip are left out).
    targets: float32 `[m, C]`, one-hot or multi-hot.
    scores: float `[m, C]`, higher is likelier.

  Returns:
    A float from 0 to 1.
  """
  if metric == "mAP":
    present = targets.any(axis=0)
    return float(metrics.average_precision_score(targets[:, present], scores[:, present]))
  right = scores.argmax(axis=1) == targets.argmax(axis=1)
  if metric == "accuracy":
    return float(right.mean())
  classes = targets.argmax(axis=1)
  return float(np.mean([right[classes == c].mean() for c in np.unique(classes)]))
