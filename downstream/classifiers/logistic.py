"""Logistic regression on embeddings: multinomial, or one for each of several labels."""

import dataclasses
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of scikit-learn, from strong to weak regularisation
WITHOUT_VALIDATION = 0.1
_MAX_ITERATIONS = 1000
_CERTAIN = 1e4  # as a logit


def choose(score):
  """Returns the regularisation of the highest validation score; of equals the strongest.

  Args:
    score: a callable, C -> validation score.
  """
  return STRENGTHS[int(np.argmax([score(strength) for strength in STRENGTHS]))]


def fit(rows, targets, strength):
  """Fits logistic regression on standardised rows: multinomial, or one for each of several labels.

  Args:
    rows: float `[n, D]`.
    targets: `[n, C]`, one-hot or multi-hot.
    strength: C of scikit-learn, the inverse of the regularisation.

  Returns:
    A Fitted, to be called with rows `[m, D]`.
  """
  regression = LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS)
  several = bool((targets.sum(axis=1) != 1).any())
  known = np.flatnonzero(targets.any(axis=0))
  wanted = targets[:, known] if several else targets.argmax(axis=1)
  pipeline = make_pipeline(
    StandardScaler(), OneVsRestClassifier(regression) if several else regression
  )
  with warnings.catch_warnings(), threadpool_limits(_threads(rows)):
    # A classifier that is close to its optimum is as good; most are there after 100 iterations.
    warnings.simplefilter("ignore", ConvergenceWarning)
    pipeline.fit(rows.astype(np.float64), wanted)
  return Fitted(pipeline, known, targets.shape[1], several)


@dataclasses.dataclass(frozen=True)
class Fitted:
  """A callable, rows `[m, D]` -> probabilities `[m, C]`; 0 for classes without a row.

  Attributes:
    pipeline: of scikit-learn.
    known: int `[K]`, classes with a row.
    num_classes: C.
    several: whether each class has a classifier of its own.
  """

  pipeline: object
  known: np.ndarray
  num_classes: int
  several: bool

  def __call__(self, rows):
    predicted = np.zeros([len(rows), self.num_classes])
    predicted[:, self.known] = self.pipeline.predict_proba(rows)
    return predicted

  def parameters(self):
    """Returns float64 (weights `[D, C]`, bias `[C]`) on rows that are not standardised.

    Softmax of `rows @ weights + bias`, or sigmoid if `several`, are the probabilities.
    """
    scaler, regression = (step for _, step in self.pipeline.steps)
    weights = np.zeros([len(scaler.mean_), self.num_classes])
    bias = np.full(self.num_classes, -_CERTAIN)
    weights[:, self.known], bias[self.known] = self._of_known(regression)
    weights /= scaler.scale_[:, None]
    return weights, bias - scaler.mean_ @ weights

  def _of_known(self, regression):
    if not self.several:
      coefficients, biases = regression.coef_, regression.intercept_
      if len(self.known) == 2:  # one row, the second class against the first
        return np.stack([0 * coefficients[0], coefficients[0]], 1), np.array([0, biases[0]])
      return coefficients.T, biases
    columns = np.zeros([regression.n_features_in_, len(self.known)])
    biases = np.full(len(self.known), _CERTAIN)  # of a class that all rows have
    for number, one in enumerate(regression.estimators_):
      if isinstance(one, LogisticRegression):
        columns[:, number], biases[number] = one.coef_[0], one.intercept_[0]
    return columns, biases


def _threads(rows):
  """One for small sets: there threads wait for each other, up to 28 times longer than they work."""
  return 1 if rows.size < 1e7 else None
