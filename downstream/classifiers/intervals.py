"""How far a score may be off because the test clips are few: intervals by resampling them.

Clips are drawn with replacement as often as there are clips. If the splits of a task divide no
group (speaker, recording), groups are drawn and not clips: clips of a group are alike. For
macro_accuracy and mAP, clips are drawn within each class (of several, the rarest), so that no class
loses its clips. With several seeds, these are drawn, too. All models are scored on the same draws:
differences are paired.

Letters: m test clips, C classes, M models, R draws.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn.utils import resample

from downstream.cards.holding_out import named_groups
from downstream.cards.splits import undivided_groups
from downstream.cards.task_data import TaskData

_DRAWS, _FEWEST_DRAWS = 1000, 100
_WORK = 5e8  # scores of clips and classes in all draws; bounds what intervals of mAP take
_TAIL = 2.5  # % on either side
_ROUNDING = 1e-9  # %


@dataclasses.dataclass(frozen=True)
class Predictions:
  """How the test clips of one split were scored.

  Attributes:
    clips: int `[m]`, their numbers.
    targets: float32 `[m, C]`, the true labels, one-hot or multi-hot.
    scores: float `[m, C]`.

  Example:
    >>> Predictions(np.array([3]), np.eye(2)[:1], np.eye(2)[1:]).clips.tolist()
    [3]
  """

  clips: np.ndarray
  targets: np.ndarray
  scores: np.ndarray


@dataclasses.dataclass(frozen=True)
class Units:
  """What is drawn: test clips, or groups of them.

  Attributes:
    of_clip: int `[clips of the data set]`, the unit of each clip.
    kind: "clip" or "group".
    strata: int `[units]`, units are drawn within each stratum; None: among all.

  Example:
    >>> Units(np.arange(3), "clip").strata is None
    True
  """

  of_clip: np.ndarray
  kind: str
  strata: np.ndarray | None = None


def units_of(data: TaskData, seed: int) -> Units:
  """Returns what is drawn for the intervals of a task.

  Args:
    data: the task.
    seed: of its splits.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> units_of(TaskData(Task("synthetic", "synthetic"), store), seed=0).kind
    'clip'
  """
  splits = data.splits(seed)
  groups = data.clips.groups
  are_whole = all(undivided_groups(split, data.clips) is groups for split in splits)
  has_groups = any(groups[clip_id] is not None for split in splits for clip_id in split.test)
  if are_whole and has_groups and named_groups(groups):
    names = np.array(named_groups(groups), object)
    return Units(np.unique(names, return_inverse=True)[1], "group")
  strata = None
  if data.task.metric != "accuracy":
    strata = np.unique(np.array(data.strata().labels, object), return_inverse=True)[1]
  return Units(np.arange(data.store.num_clips), "clip", strata)


def draw_scores(
  metric: str, models: Sequence[Sequence[Sequence[Predictions]]], units: Units
) -> tuple[np.ndarray, int]:
  """Scores models on the same draws of test clips.

  Args:
    metric: one of choices.METRICS.
    models: for each of M models, for each seed, the splits; clips are the same for all models.
    units: what is drawn.

  Returns:
    (scores in %, float `[R, M]`, means over splits and seeds; number of units that were tested).

  Example:
    >>> tested = Predictions(np.arange(4), np.eye(2)[[0, 1, 0, 1]], np.eye(2)[[0, 1, 1, 1]])
    >>> scores, count = draw_scores("accuracy", [[[tested]]], Units(np.arange(4), "clip"))
    >>> count, sorted(set(scores[:, 0].tolist()))
    (4, [0.0, 25.0, 50.0, 75.0, 100.0])
  """
  tested = [split for seeds in models[0] for split in seeds]
  drawn_from = np.unique(np.concatenate([units.of_clip[split.clips] for split in tested]))
  strata = None if units.strata is None else units.strata[drawn_from]
  scorers = [
    [[(units.of_clip[split.clips], _scorer(metric, split)) for split in splits] for splits in seeds]
    for seeds in models
  ]
  random, weights = np.random.RandomState(0), np.zeros(units.of_clip.max() + 1)
  samples = np.zeros([_num_draws(metric, models), len(models)])
  for row in samples:
    drawn = resample(drawn_from, stratify=strata, random_state=random)
    weights[:] = np.bincount(drawn, minlength=len(weights))
    by_seed = [[_mean_score(splits, weights) for splits in seeds] for seeds in scorers]
    row[:] = np.mean(resample(np.transpose(by_seed), random_state=random), axis=0)
  return 100 * samples, len(drawn_from)


def score_interval(samples: np.ndarray, score: float, num_units: int) -> tuple[float, float]:
  """Returns the 95 % interval of a score, in %.

  Where all draws score the same, as where all clips are right, they say nothing about other clips:
  then it is the interval of Wilson for a share of as many units.

  Args:
    samples: float `[R]`, in %, see `draw_scores`.
    score: in %.
    num_units: number of units that were tested.

  Example:
    >>> [round(limit, 1) for limit in score_interval(np.full(1000, 100.0), 100.0, num_units=4)]
    [51.0, 100.0]
  """
  if _are_equal(samples):
    right = round(score / 100 * num_units)
    wilson = binomtest(right, num_units).proportion_ci(method="wilson")
    low, high = 100 * wilson.low, 100 * wilson.high
  else:
    low, high = np.percentile(samples, [_TAIL, 100 - _TAIL])
  return float(min(low, score)), float(max(high, score))


def difference_interval(
  samples: np.ndarray, difference: float, num_units: int
) -> tuple[float, float]:
  """Returns the 95 % interval of a difference of scores, in points.

  Where it is the same in all draws, it is widened by as much as other clips may differ: by the
  distance of Wilson's interval for as many units that are all right.

  Args:
    samples: float `[R]`, differences of the columns of `draw_scores`.
    difference: in points.
    num_units: number of units that were tested.

  Example:
    >>> low, high = difference_interval(np.zeros(1000), 0.0, num_units=80)
    >>> round(low, 1), round(high, 1)
    (-4.6, 4.6)
  """
  if _are_equal(samples):
    margin = 100 - score_interval(np.full(1, 100.0), 100.0, num_units)[0]
    return difference - margin, difference + margin
  low, high = np.percentile(samples, [_TAIL, 100 - _TAIL])
  return float(min(low, difference)), float(max(high, difference))


def _are_equal(samples: np.ndarray) -> bool:
  """Whether all draws score the same; sums in another order differ in the last digit."""
  return bool(np.ptp(samples) < _ROUNDING)


def _num_draws(metric: str, models: Sequence[Sequence[Sequence[Predictions]]]) -> int:
  if metric != "mAP":
    return _DRAWS
  work = sum(split.scores.size for seeds in models for splits in seeds for split in splits)
  return int(np.clip(_WORK / work, _FEWEST_DRAWS, _DRAWS))


def _mean_score(
  splits: Sequence[tuple[np.ndarray, Callable[[np.ndarray], float]]], weights: np.ndarray
) -> float:
  """Returns the mean over splits, each as heavy as its units were drawn often."""
  shares = np.array([weights[units].mean() for units, _ in splits])
  if not shares.any():  # all that was drawn is tested with other seeds
    return _mean_score(splits, np.ones_like(weights))
  drawn = [(share, score(weights[units])) for share, (units, score) in zip(shares, splits) if share]
  return float(sum(share * value for share, value in drawn) / shares.sum())


def _scorer(metric: str, tested: Predictions) -> Callable[[np.ndarray], float]:
  """Returns what scores.score is for clips that count as often as their weights `[m]` say."""
  if metric == "mAP":
    return _mean_average_precision(tested)
  labels, num_classes = tested.targets.argmax(axis=1), tested.targets.shape[1]
  right = (labels == tested.scores.argmax(axis=1)).astype(float)
  if metric == "accuracy":
    return lambda weights: float(weights @ right / weights.sum())

  def macro_accuracy(weights: np.ndarray) -> float:
    counts = np.bincount(labels, weights, num_classes)
    present = counts > 0
    return float(
      np.mean(np.bincount(labels, weights * right, num_classes)[present] / counts[present])
    )

  return macro_accuracy


def _mean_average_precision(tested: Predictions) -> Callable[[np.ndarray], float]:
  """Returns the mean over the classes that have clips; classes are sorted only once."""
  order = np.argsort(-tested.scores, axis=0, kind="stable")
  ranked = np.take_along_axis(tested.scores, order, axis=0)
  is_positive = np.take_along_axis(tested.targets, order, axis=0) > 0
  # Of equal scores, all count for the precision at the last of them.
  ends = [np.searchsorted(-column, -column, side="right") - 1 for column in ranked.T]

  def score(weights: np.ndarray) -> float:
    values = []
    for rows, positive, end in zip(order.T, is_positive.T, ends):
      of_row = weights[rows]
      of_positive = of_row * positive
      if total := of_positive.sum():
        precision = np.cumsum(of_positive)[end] / np.maximum(np.cumsum(of_row)[end], 1e-9)
        values.append(of_positive @ precision / total)
    return float(np.mean(values)) if values else 0.0

  return score
