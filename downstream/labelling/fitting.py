"""The classifier of the marks, that of `downstream.linear --protocol=cached`, and how good it is.

Letters: n marked stretches, D embedding, C classes, G recordings.
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from downstream.cards.splits import Clips, Split, validation_folds
from downstream.classifiers import logistic
from downstream.classifiers.linear_evaluation import ClipRows, choose_inverse_strength

_DRAWS = 1000  # of recordings, for the interval
_Z = 1.96  # of an interval of 95 %


@dataclasses.dataclass(frozen=True)
class Quality:
  """How good a classifier is, by marks that it was not fitted on.

  Attributes:
    right: share of the marks whose labels are all right.
    low: the lower end of an interval of 95 %.
    high: its upper end.
    num_scored: number of marks.
    by: "recordings" if a mark was scored by what knows no mark of its recording; "marks" if
      recordings are too few for that.
    constant: what always answering the most frequent labels would have right.
    classes: for each class (how many are found, how many there are, how many were taken for it).

  Example:
    >>> Quality(0.9, 0.7, 0.97, 20, "recordings", 0.5, [(9, 10, 10), (9, 10, 10)]).constant
    0.5
  """

  right: float
  low: float
  high: float
  num_scored: int
  by: str
  constant: float
  classes: list[tuple[int, int, int]]


@dataclasses.dataclass(frozen=True)
class Fitted:
  """A classifier of marks.

  Attributes:
    class_names: C names.
    classifier: embeddings `[n, D]` -> probabilities `[n, C]`.
    quality: None if there are too few marks to say.

  Example:
    >>> rows = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    >>> fitted = fit_marks(rows, [("a",), ("a",), ("b",), ("b",)], [0, 1, 0, 1])
    >>> fitted.class_names, fitted.classifier(np.array([[3.0]])).argmax()
    (('a', 'b'), np.int64(1))
  """

  class_names: tuple[str, ...]
  classifier: logistic.LogisticClassifier
  quality: Quality | None


def fit_marks(
  rows: np.ndarray,
  labels: Sequence[tuple[str, ...]],
  groups: Sequence[int],
  class_names: Sequence[str] = (),
) -> Fitted | None:
  """Fits the classifier that `downstream.linear` would fit on all marks.

  Args:
    rows: embeddings of the marks, `[n, D]`.
    labels: their labels, at least one each.
    groups: their recordings.
    class_names: the order of the classes; those that are missing in it follow.

  Returns:
    None, if all marks have the same labels.

  Example:
    >>> fit_marks(np.eye(2), [("a",), ("a",)], [0, 0]) is None
    True
  """
  if len(set(map(frozenset, labels))) < 2:
    return None
  present = {name for names in labels for name in names}
  ordered = tuple(name for name in dict.fromkeys([*class_names, *sorted(present)])
                  if name in present)  # fmt: skip
  targets = np.array([[name in names for name in ordered] for names in labels], np.float32)
  by, folds = _folds(targets, groups)
  multi_label = any(len(names) > 1 for names in labels)
  strength, held_out = choose_inverse_strength(
    ClipRows(np.arange(len(rows)), rows), targets, folds, multi_label
  )
  classifier = logistic.fit(rows, targets, strength, multi_label)
  quality = None
  if held_out is not None:
    numbers, scores = held_out
    units = np.asarray(groups)[numbers] if by == "recordings" else numbers
    quality = measure_quality(scores, targets[numbers], units, by, multi_label)
  return Fitted(ordered, classifier, quality)


def _folds(
  targets: np.ndarray, groups: Sequence[int]
) -> tuple[str, list[tuple[np.ndarray, np.ndarray]]]:
  """Returns what the folds do not divide, and the folds that can be fitted."""
  names = [str(row.nonzero()[0].tolist()) for row in targets]
  recordings = collections.defaultdict(set)
  for name, group in zip(names, groups):
    recordings[name].add(group)
  counts = collections.Counter(names)
  by_recording = all(len(recordings[name]) > 1 for name, count in counts.items() if count > 1)
  by_recording &= len(set(groups)) > 1
  clips = Clips(
    [""] * len(names),
    names,
    [str(group) if by_recording else None for group in groups],
    [None] * len(names),
  )
  everything = np.arange(len(names))
  folds = validation_folds(Split("marks", everything, everything[:0]), everything, clips, seed=0)
  usable = [
    (train, held_out) for train, held_out in folds if len({names[number] for number in train}) > 1
  ]
  return "recordings" if by_recording else "marks", usable


def measure_quality(
  scores: np.ndarray,
  targets: np.ndarray,
  units: Sequence[int] | np.ndarray,
  by: str,
  multi_label: bool = False,
) -> Quality:
  """Compares scores of marks with their labels.

  A score is right if it is highest for the one label or, with several labels, at least one half
  for exactly those that are there. The interval is the wider of two at each end: that of drawing
  recordings again, and Wilson's, which is not empty if all are right.

  Args:
    scores: float `[n, C]`.
    targets: float `[n, C]`.
    units: what is drawn as a whole, one number per mark.
    by: see Quality.
    multi_label: whether marks may have several labels.

  Example:
    >>> scores, targets = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 0, 1, 0]]
    >>> quality = measure_quality(scores, targets, [0, 0, 1, 1], "recordings")
    >>> quality.right, quality.constant, quality.classes
    (0.75, 0.75, [(2, 3, 2), (1, 1, 2)])
  """
  actual = targets > 0
  said = scores >= 0.5 if multi_label else np.eye(scores.shape[1])[scores.argmax(axis=1)] > 0
  is_right = (said == actual).all(axis=1)
  _, counts = np.unique(actual, axis=0, return_counts=True)
  low, high = _interval(is_right, np.asarray(units))
  classes = zip((said & actual).sum(axis=0), actual.sum(axis=0), said.sum(axis=0))
  return Quality(
    right=float(is_right.mean()),
    low=low,
    high=high,
    num_scored=len(is_right),
    by=by,
    constant=float(counts.max() / len(is_right)),
    classes=[(int(found), int(there), int(taken)) for found, there, taken in classes],
  )


def _interval(is_right: np.ndarray, units: np.ndarray) -> tuple[float, float]:
  """Returns an interval of 95 % of a share, whose cases come in units."""
  n, share = len(is_right), is_right.mean()
  middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
  half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
  _, unit = np.unique(units, return_inverse=True)
  sizes, sums = np.bincount(unit), np.bincount(unit, weights=is_right)
  drawn = np.random.default_rng(0).multinomial(
    len(sizes), np.full(len(sizes), 1 / len(sizes)), _DRAWS
  )
  low, high = np.quantile((drawn @ sums) / (drawn @ sizes), [0.025, 0.975])
  return float(max(0.0, min(low, middle - half))), float(min(1.0, max(high, middle + half)))
