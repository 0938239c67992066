"""The threshold of each class: a number, or chosen by how held-out clips were scored."""

from collections.abc import Collection, Sequence

import numpy as np
from sklearn.metrics import precision_recall_curve

from contrastive_audio.errors import UserError
from downstream.choices import ThresholdChoice
from downstream.classifiers.scores import THRESHOLD
from downstream.detection.scorers import HeldOut, Scorer

_DEFAULT_PRECISION = 0.9  # for similarities, where no number suits all models
_LISTED = 8  # classes in a line


def choose_thresholds(
  scorer: Scorer, wanted: ThresholdChoice, ignored: Collection[str] = ()
) -> tuple[np.ndarray, str]:
  """Chooses the threshold of each class.

  Args:
    scorer: with its scores of held-out clips.
    wanted: what to achieve; nothing: 0.5 for probabilities, a precision of 0.9 for similarities.
    ignored: classes that are not reported, whose thresholds nothing has to be known for.

  Returns:
    (float `[C]`: a score as large as it is a detection; where they come from, human-readable).

  Raises:
    UserError: there are no held-out clips, or classes that none of them has.

  Example:
    >>> held_out = HeldOut(np.array([[0.2], [0.4], [0.6], [0.8]]),
    ...   np.array([[False], [True], [False], [True]]), "held-out clips")
    >>> scorer = Scorer(("cat",), True, lambda rows: rows, "", held_out)
    >>> choose_thresholds(scorer, ThresholdChoice(precision=0.9))
    (array([0.8]), 'cat 0.8 (precision 0.9 on 4 held-out clips)')
    >>> choose_thresholds(scorer, ThresholdChoice(recall=0.9))[0]
    array([0.4])
  """
  if wanted == ThresholdChoice():
    similar = ThresholdChoice(precision=_DEFAULT_PRECISION)
    wanted = similar if scorer.are_similarities else ThresholdChoice(threshold=THRESHOLD)
  if wanted.threshold is not None:
    return np.full(len(scorer.class_names), wanted.threshold), f"{wanted.threshold:g}"
  reported = [column for column, name in enumerate(scorer.class_names) if name not in ignored]
  held_out = _required(scorer, reported)
  thresholds, missed = np.full(len(scorer.class_names), np.inf), ""
  for column in reported:
    thresholds[column], best = _threshold(
      held_out.targets[:, column], held_out.scores[:, column], wanted
    )
    missed += "" if best is None else f"; {scorer.class_names[column]} reaches {best:.2f}"
  names = [scorer.class_names[column] for column in reported]
  value = wanted.recall if wanted.precision is None else wanted.precision
  goal = f"{'recall' if wanted.precision is None else 'precision'} {value:g}"
  on = f"{len(held_out.scores)} {held_out.clips}"
  return thresholds, f"{_listed(names, thresholds[reported])} ({goal} on {on}{missed})"


def _required(scorer: Scorer, reported: Sequence[int]) -> HeldOut:
  """Returns the held-out clips; refuses classes that cannot be judged by them."""
  held_out = scorer.held_out
  if held_out is None:
    raise UserError(
      "--classifier: it holds no scores of held-out clips to choose a threshold by: train it "
      "again with python -m downstream.linear on more clips of each class, or pass --threshold"
    )
  is_judged = (held_out.targets & np.isfinite(held_out.scores)).any(axis=0)
  if unknown := [scorer.class_names[column] for column in reported if not is_judged[column]]:
    raise UserError(
      f"the class {unknown[0]} has too few {held_out.clips} to choose a threshold by (one that the "
      "others do not know): add some, --ignore the class, or pass --threshold"
    )
  return held_out


def _threshold(
  targets: np.ndarray, scores: np.ndarray, wanted: ThresholdChoice
) -> tuple[float, float | None]:
  """Returns the threshold of a class; with it the precision that is reached, if it is too low."""
  known = np.isfinite(scores)
  precision, recall, values = precision_recall_curve(targets[known], scores[known])
  precision, recall = precision[:-1], recall[:-1]  # without the end of the curve, which has none
  if wanted.recall is not None:
    return float(values[recall >= wanted.recall].max()), None
  reached = precision >= (wanted.precision or 0)
  if reached.any():  # the lowest loses the fewest clips of the class
    return float(values[reached].min()), None
  best = precision.max()
  return float(values[precision == best].min()), float(best)


def _listed(names: Sequence[str], thresholds: np.ndarray) -> str:
  if len(thresholds) > _LISTED:
    return f"{thresholds.min():.2g} to {thresholds.max():.2g}, by class"
  return ", ".join(f"{name} {threshold:.2g}" for name, threshold in zip(names, thresholds))
