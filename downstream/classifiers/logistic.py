"""Logistic regression on embeddings: multinomial, or one per class for several labels.

Letters: n clips or windows, D embedding, C classes, K classes that occur among the n.
"""

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

# C of scikit-learn: from strong to weak regularisation.
INVERSE_STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
DEFAULT_INVERSE_STRENGTH = 0.1  # where no clips can choose
_MAX_ITERATIONS = 1000
_CERTAIN = 1e4  # as a logit
_SMALLEST_PROBABILITY = 1e-12

_Regression: TypeAlias = LogisticRegression | OneVsRestClassifier | DummyClassifier


def most_likely_inverse_strength(likelihood: Callable[[float], float]) -> float:
  """Returns the inverse strength at which the likelihood peaks; the smallest among equals.

  The likelihood rises until the regularisation is too weak. The first fall ends the search, because
  the weakest regularisations take longest to fit.

  Args:
    likelihood: inverse strength -> log likelihood of held-out clips.

  Example:
    >>> likelihoods = {0.001: -3.0, 0.01: -0.7, 0.1: -0.7, 1.0: -1.2}  # 10.0 is not asked for
    >>> most_likely_inverse_strength(likelihoods.__getitem__)
    0.01
  """
  chosen, highest = INVERSE_STRENGTHS[0], -np.inf
  for value in INVERSE_STRENGTHS:
    if (current := likelihood(value)) < highest:
      break
    if current > highest:
      chosen, highest = value, current
  return chosen


def log_likelihood(
  probabilities: np.ndarray, targets: np.ndarray, multi_label: bool | None = None
) -> float:
  """Returns the mean log likelihood of the labels of clips.

  Args:
    probabilities: float `[n, C]`.
    targets: `[n, C]`.
    multi_label: whether they are one yes or no per class, and not one label of each clip; None:
      unless all rows are one-hot.

  Example:
    >>> float(np.exp(log_likelihood(np.array([[0.5, 0.5], [0.1, 0.9]]), np.eye(2)))) > 0.67
    True
  """
  logs = np.log(np.clip(probabilities, _SMALLEST_PROBABILITY, 1))
  if not _is_multi_label(targets, multi_label):
    return float((targets * logs).sum(axis=1).mean())
  other_logs = np.log(np.clip(1 - probabilities, _SMALLEST_PROBABILITY, 1))
  return float((targets * logs + (1 - targets) * other_logs).sum(axis=1).mean())


def fit(
  embeddings: np.ndarray,
  targets: np.ndarray,
  inverse_strength: float,
  multi_label: bool | None = None,
) -> "LogisticClassifier":
  """Fits logistic regression on standardised embeddings.

  Args:
    embeddings: float `[n, D]`.
    targets: `[n, C]`.
    inverse_strength: C of scikit-learn, the inverse of the strength of the regularisation.
    multi_label: whether each class has a regression of its own, and not all one multinomial
      regression; None: unless all rows of the targets are one-hot.

  Example:
    >>> embeddings, targets = np.array([[-1.0], [-2.0], [1.0], [2.0]]), np.eye(2)[[0, 0, 1, 1]]
    >>> classifier = fit(embeddings, targets, inverse_strength=1.0)
    >>> classifier(np.array([[-3.0], [0.0]])).round(2)
    array([[0.87, 0.13],
           [0.5 , 0.5 ]])
  """
  regression = LogisticRegression(C=inverse_strength, max_iter=_MAX_ITERATIONS)
  multi_label = _is_multi_label(targets, multi_label)
  present = np.flatnonzero(targets.any(axis=0))
  labels = targets[:, present] if multi_label else targets.argmax(axis=1)
  last = OneVsRestClassifier(regression) if multi_label else regression
  if multi_label and len(present) == 1:
    labels = np.pad(labels, ((0, 0), (0, 1)))  # a single column would be another kind of problem
  elif not multi_label and len(present) == 1:
    last = DummyClassifier(strategy="prior")  # all clips are of one class
  with warnings.catch_warnings(), _libraries().limit(limits=_num_threads(embeddings)):
    # A classifier that is close to its optimum is as good; most are there after 100 iterations.
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
    warnings.filterwarnings("ignore", "Label .* is present in all training examples")
    scaler = StandardScaler()
    rows = scaler.fit_transform(embeddings.astype(np.float64))
    if rows.shape[0] < rows.shape[1]:
      _fit_in_span(last, rows, labels)
    else:
      last.fit(rows, labels)
  pipeline = make_pipeline(scaler, last)
  return LogisticClassifier(pipeline, present, targets.shape[1], multi_label)


def _is_multi_label(targets: np.ndarray, multi_label: bool | None) -> bool:
  """Returns what the caller knows, and otherwise what the targets look like."""
  return bool((targets.sum(axis=1) != 1).any()) if multi_label is None else multi_label


def _fit_in_span(last: _Regression, rows: np.ndarray, labels: np.ndarray) -> None:
  """Fits fewer rows than they have columns: in the span of the rows, which holds the optimum.

  The penalty and the products with the rows are the same in any orthonormal basis of the span. For
  20 rows of 5,120 columns that is a hundred times faster.
  """
  values, vectors = np.linalg.eigh(rows @ rows.T)
  is_kept = values > values[-1] * len(rows) * np.finfo(np.float64).eps
  if not is_kept.any():  # all rows are equal
    last.fit(rows, labels)
    return
  basis = rows.T @ (vectors[:, is_kept] / np.sqrt(values[is_kept]))  # [D, rank]
  last.fit(rows @ basis, labels)
  for regression in getattr(last, "estimators_", [last]):
    if isinstance(regression, LogisticRegression):  # one for a class that all rows have is constant
      regression.coef_ = regression.coef_ @ basis.T
      regression.n_features_in_ = rows.shape[1]
  last.n_features_in_ = rows.shape[1]


@dataclasses.dataclass(frozen=True)
class LogisticClassifier:
  """A callable, embeddings `[n, D]` -> probabilities `[n, C]`; see `fit`.

  Attributes:
    pipeline: standardisation and regression of scikit-learn.
    present: int `[K]`, classes with training clips; the others always have probability 0.
    num_classes: C.
    multi_label: whether each class has a regression of its own.

  Example:
    >>> classifier = fit(np.array([[-1.0], [1.0]]), np.eye(3)[[0, 2]], inverse_strength=1.0)
    >>> classifier.present, classifier(np.array([[0.0]]))
    (array([0, 2]), array([[0.5, 0. , 0.5]]))
  """

  pipeline: Pipeline
  present: np.ndarray
  num_classes: int
  multi_label: bool

  def __call__(self, embeddings: np.ndarray) -> np.ndarray:
    probabilities = np.zeros([len(embeddings), self.num_classes])
    known = self.pipeline.predict_proba(embeddings)
    probabilities[:, self.present] = known[:, : len(self.present)]
    return probabilities

  def parameters(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns float64 (weights `[D, C]`, bias `[C]`) for embeddings that are not standardised.

    The probabilities are the softmax of `embeddings @ weights + bias`, or the sigmoid if
    `multi_label`.
    """
    scaler, regression = (step for _, step in self.pipeline.steps)
    weights = np.zeros([len(scaler.mean_), self.num_classes])
    bias = np.full(self.num_classes, -_CERTAIN)
    weights[:, self.present], bias[self.present] = self._parameters_of_present(regression)
    weights /= scaler.scale_[:, None]
    return weights, bias - scaler.mean_ @ weights

  def _parameters_of_present(self, regression: _Regression) -> tuple[np.ndarray, np.ndarray]:
    """Returns (weights `[D, K]`, bias `[K]`) for standardised embeddings."""
    if isinstance(regression, OneVsRestClassifier):
      return self._parameters_per_class(regression)
    if isinstance(regression, DummyClassifier):
      return np.zeros([1, 1]), np.zeros(1)  # for any embedding
    coefficients, biases = regression.coef_, regression.intercept_
    if len(self.present) == 2:  # one row, the second class against the first
      return np.stack([0 * coefficients[0], coefficients[0]], 1), np.array([0, biases[0]])
    return coefficients.T, biases

  def _parameters_per_class(self, regression: OneVsRestClassifier) -> tuple[np.ndarray, np.ndarray]:
    weights = np.zeros([regression.n_features_in_, len(self.present)])
    bias = np.full(len(self.present), _CERTAIN)  # of a class that all clips have
    for number, estimator in enumerate(regression.estimators_[: len(self.present)]):
      if isinstance(estimator, LogisticRegression):
        weights[:, number], bias[number] = estimator.coef_[0], estimator.intercept_[0]
    return weights, bias


@functools.cache
def _libraries() -> ThreadpoolController:
  """Returns what limits threads; to find the libraries takes longer than to fit few rows."""
  return ThreadpoolController()


def _num_threads(embeddings: np.ndarray) -> int | None:
  """Returns 1 for small sets: their threads wait for each other 28 times as long as they work."""
  return 1 if embeddings.size < 1e7 else None
