"""Linear evaluation of a few hundred embeddings while an encoder trains."""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

FOLDS = 3
STRENGTH = 0.1  # C of scikit-learn; it is fixed


def predict(
  embeddings: np.ndarray, labels: Sequence[str], groups: Sequence[str | None] | None = None
) -> np.ndarray:
  """Predicts the class of each clip with a linear classifier that has not seen it.

  The classifier is a logistic regression on standardised embeddings, cross-validated in three
  folds, which keep groups together.

  Args:
    embeddings: float `[n, D]`.
    labels: n class names.
    groups: n group names or Nones; None: there are none.

  Returns:
    An array of n predicted class names. It holds None for clips of classes with fewer clips than
    folds, and for all clips if fewer than two classes remain, if there are fewer groups than folds,
    or if only one class would be left to train on.

  Example:
    >>> embeddings = np.array([[1.0], [1.1], [1.2], [-1.0], [-1.1], [-1.2], [0.0]])
    >>> predict(embeddings, ["low"] * 3 + ["high"] * 3 + ["rare"]).tolist()
    ['low', 'low', 'low', 'high', 'high', 'high', None]
  """
  classes = np.asarray(labels, str)
  predicted = np.full(len(classes), None, object)
  names, counts = np.unique(classes, return_counts=True)
  used = np.isin(classes, names[counts >= FOLDS])
  fold_groups = None if groups is None else _named(np.asarray(groups, object)[used])
  if (counts >= FOLDS).sum() < 2 or (fold_groups is not None and len(set(fold_groups)) < FOLDS):
    return predicted
  folds = list(_folds(fold_groups).split(classes[used], classes[used], fold_groups))
  if any(len(set(classes[used][train])) < 2 for train, _ in folds):
    return predicted
  rows = np.asarray(embeddings, np.float64)[used]
  # PCA divides by the total variance, which is 0 for a collapsed encoder.
  with warnings.catch_warnings(), threadpool_limits(1), np.errstate(invalid="ignore"):
    warnings.simplefilter("ignore", ConvergenceWarning)
    predicted[used] = cross_val_predict(_classifier(), rows, classes[used], cv=folds)
  return predicted


def _classifier() -> Pipeline:
  # PCA keeps all components: the same classifier in no more dimensions than there are clips.
  return make_pipeline(
    StandardScaler(), PCA(svd_solver="full"), LogisticRegression(C=STRENGTH, max_iter=300)
  )


def _folds(groups: list[str] | None) -> GroupKFold | StratifiedKFold:
  if groups is not None:
    return GroupKFold(FOLDS)
  return StratifiedKFold(FOLDS, shuffle=True, random_state=0)


def _named(groups: np.ndarray) -> list[str]:
  """Names every group; a clip without group stands alone."""
  return [f"clip {i}" if group is None else f"group {group}" for i, group in enumerate(groups)]
