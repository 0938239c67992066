"""Linear evaluation of a few hundred embeddings while an encoder trains."""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

FOLDS = 3
STRENGTH = 0.1  # C of scikit-learn; nothing is chosen here


def predict(embeddings, labels, groups=None):
  """Predicts each clip's class by a linear classifier that has not seen it.

  Logistic regression on standardised embeddings, three folds; whole groups where there are any.

  Args:
    embeddings: float `[n, D]`.
    labels: n class names.
    groups: n group names or Nones; None: there are none.

  Returns:
    An array of n predicted class names; None throughout where fewer than two classes have a clip
    for every fold, or where there are fewer groups than folds. Clips of rarer classes: None.
  """
  labels = np.asarray(labels, object)
  predicted = np.full(len(labels), None, object)
  names, counts = np.unique(labels.astype(str), return_counts=True)
  used = np.isin(labels.astype(str), names[counts >= FOLDS])
  numbers = None if groups is None else _numbered(np.asarray(groups, object)[used])
  if (counts >= FOLDS).sum() < 2 or (numbers is not None and len(set(numbers)) < FOLDS):
    return predicted
  rows = np.asarray(embeddings, np.float64)[used]
  # All components: the same classifier in as many dimensions as there are clips.
  classifier = make_pipeline(
    StandardScaler(), PCA(svd_solver="full"), LogisticRegression(C=STRENGTH, max_iter=300)
  )
  with warnings.catch_warnings(), threadpool_limits(1):
    warnings.simplefilter("ignore", ConvergenceWarning)
    predicted[used] = cross_val_predict(
      classifier, rows, labels[used].astype(str), groups=numbers, cv=_folds(numbers)
    )
  return predicted


def _folds(groups):
  if groups is not None:
    return GroupKFold(FOLDS)
  return StratifiedKFold(FOLDS, shuffle=True, random_state=0)


def _numbered(groups):
  """Groups -> numbers; a clip without group stands alone."""
  return [f"clip {i}" if group is None else f"group {group}" for i, group in enumerate(groups)]
