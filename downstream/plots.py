"""Figures that show what an encoder is good for: confusions and accuracies per class.

Whatever a colour shows, a shape, a hatch or a shade of grey shows too. Titles say what was found,
with which model and which seed: see `heading`.

Letters: n clips, C classes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes

from contrastive_audio.utils import figures
from contrastive_audio.utils.figures import plain, shorten
from downstream.classifiers.scores import average_precisions
from downstream.confusions import (
  class_accuracies,
  count_confusions,
  row_shares,
  wilson_intervals,
)

_COUNTED_CLASSES = 20  # with more, a count does not fit its cell
_NAME_INCHES = 0.11  # the smallest legible height of a name


def heading(
  task: str,
  model: str,
  seed: int,
  method: str = "",
  score: str = "",
  interval: tuple[float, float] | None = None,
) -> str:
  """Returns a title of two lines: what was found on a task, and how.

  Args:
    task: its name, or the folder of its clips.
    model: name of the model.
    seed: of splits, labels and weights.
    method: that evaluated the model, if one did.
    score: its name and value.
    interval: in which the score lies with 95 % confidence, in %; None: not known.

  Example:
    >>> print(heading("data/birds", "runs/mine", 0, "kNN", "accuracy 87.5 %", (72.0, 96.5)))
    birds: accuracy 87.5 %, 95 % interval 72.0 to 96.5
    kNN, runs/mine, seed 0
  """
  name = shorten(task.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or task)
  found = plain(score)
  if interval is not None:
    found += f", 95 % interval {interval[0]:.1f} to {interval[1]:.1f}"
  how = ", ".join(filter(None, [plain(method), shorten(model), f"seed {seed}"]))
  return f"{name}: {found}\n{how}"


def confusion_matrix(
  path: str, labels: Sequence[str | int], predicted: Sequence[str | int], title: str
) -> None:
  """Draws shares of the true classes; the counts too, if there are few classes.

  Args:
    path: file to write, `.png`.
    labels: the true classes `[n]`.
    predicted: the predicted classes `[n]`.
    title: of the figure, from `heading`.

  Raises:
    UserError: there are no clips.

  Example:
    >>> confusion_matrix("matrix.png", ["dog", "cat"], ["dog", "dog"], "two clips")
  """
  names, counts = count_confusions(labels, predicted)
  side_inches = np.clip(len(names) * (0.42 if len(names) <= _COUNTED_CLASSES else 0.3), 3, 14)
  figure, axis = figures.subplots(figsize=(side_inches + 1.5, side_inches))
  is_counted = len(names) <= _COUNTED_CLASSES
  shades = colors.PowerNorm(1.0 if is_counted else 0.5, 0, 1)  # a few of many clips are seen, too
  image = axis.imshow(row_shares(counts), cmap="Greys", norm=shades, interpolation="nearest")
  if is_counted:
    _write_counts(axis, counts)
  _name_classes(axis, names, side_inches)
  axis.set_xlabel("predicted class")
  axis.set_ylabel("true class (with counts of clips)" if is_counted else "true class")
  axis.set_title(title, fontsize=10)
  figure.colorbar(image, ax=axis, label="share of the true class", fraction=0.046, pad=0.04)
  figures.save(figure, path)


def _write_counts(axis: Axes, counts: np.ndarray) -> None:
  for (row, column), share in np.ndenumerate(row_shares(counts)):
    if count := counts[row, column]:
      colour = "white" if share > 0.5 else "black"
      axis.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)


def _name_classes(axis: Axes, names: Sequence[str], side_inches: float) -> None:
  """Writes the names on both axes, as many as are legible."""
  step = _name_step(len(names), side_inches)
  ticks = range(0, len(names), step)
  points = np.clip(0.75 * 72 * side_inches * step / len(names), 5, 9)
  texts = [shorten(names[tick]) for tick in ticks]
  axis.set_xticks(ticks, texts, rotation=90, fontsize=points)
  axis.set_yticks(ticks, texts, fontsize=points)


def _name_step(count: int, inches: float) -> int:
  """Returns k, such that every k-th of `count` names has enough room."""
  return int(np.ceil(count * _NAME_INCHES / inches))


def per_class_accuracy(
  path: str,
  labels: Sequence[str | int],
  predicted: Sequence[str | int],
  title: str,
  interval: tuple[float, float] | None = None,
) -> None:
  """Draws the accuracy of each class with its interval, from best to worst, and their mean.

  Args:
    path: file to write, `.png`.
    labels: the true classes `[n]`.
    predicted: the predicted classes `[n]`.
    title: of the figure, from `heading`.
    interval: in which the mean lies with 95 % confidence, in %; None: it is not drawn.

  Raises:
    UserError: there are no clips.

  Example:
    >>> per_class_accuracy("classes.png", ["dog", "cat"], ["dog", "dog"], "two clips")
  """
  names, accuracies, num_clips = class_accuracies(labels, predicted)
  intervals = 100 * wilson_intervals(accuracies, num_clips)
  per_class(path, names, 100 * accuracies, num_clips, title, "accuracy (%)", intervals, interval)


def per_class_average_precision(
  path: str,
  class_names: Sequence[str],
  targets: np.ndarray,
  scores: np.ndarray,
  title: str,
  interval: tuple[float, float] | None = None,
) -> None:
  """Draws the average precision of each class that has test clips, from best to worst.

  Args:
    path: file to write, `.png`.
    class_names: C names.
    targets: `[n, C]`, multi-hot.
    scores: float `[n, C]`.
    title: of the figure, from `heading`.
    interval: in which the mean lies with 95 % confidence, in %; None: it is not drawn.

  Example:
    >>> per_class_average_precision("ap.png", ["dog", "rain"], np.eye(2), np.eye(2), "two clips")
  """
  values = average_precisions(targets, scores)
  order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
  names, num_clips = [class_names[number] for number in order], targets.sum(axis=0).astype(int)
  quantity = "average precision (%)"
  per_class(path, names, 100 * values[order], num_clips[order], title, quantity, interval=interval)


def per_class(
  path: str,
  names: Sequence[str],
  values: np.ndarray,
  num_clips: np.ndarray,
  title: str,
  quantity: str,
  intervals: np.ndarray | None = None,
  interval: tuple[float, float] | None = None,
) -> None:
  """Draws a point per class, with a line over its interval, and the mean over classes.

  Args:
    path: file to write, `.png`.
    names: of the classes `[C]`, from top to bottom.
    values: float `[C]`, in %.
    num_clips: int `[C]`, of each class.
    title: of the figure, from `heading`.
    quantity: what the values are, with their unit.
    intervals: float `[C, 2]`, in which they lie with 95 % confidence; None: no lines.
    interval: the same of their mean.

  Example:
    >>> values, num_clips = np.array([90.0, 50.0]), np.array([10, 4])
    >>> per_class("classes.png", ["dog", "cat"], values, num_clips, "t", "average precision (%)")
  """
  inches = np.clip(0.24 * len(names), 1.5, max(12, min(72, _NAME_INCHES * len(names))))
  figure, axis = figures.subplots(figsize=(7, inches))
  rows, mean = np.arange(len(names)), float(np.mean(values))
  if intervals is not None:
    axis.hlines(rows, *intervals.T, color=figures.SKY, linewidth=2.5, label="95 % interval")
  axis.plot(values, rows, "o", color=figures.BLUE, markersize=5, label=quantity, clip_on=False)
  if interval is not None:
    label = "95 % interval of the mean"
    axis.axvspan(*interval, color="black", alpha=0.1, linewidth=0, label=label)
  axis.axvline(mean, color="black", linestyle="--", label=f"mean over classes, {mean:.1f} %")
  _name_rows(axis, [f"{shorten(n)} ({count:,})" for n, count in zip(names, num_clips)], inches)
  axis.set_xlim(0, 100)
  axis.tick_params(top=len(names) > 40, labeltop=len(names) > 40)
  axis.grid(axis="x", alpha=0.3)
  axis.set_xlabel(quantity)
  axis.set_ylabel("class (test clips)")
  axis.set_title(title, fontsize=10)
  axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
  figures.save(figure, path)


def _name_rows(axis: Axes, texts: Sequence[str], inches: float) -> None:
  """Writes a text beside each row, as many as are legible."""
  ticks = range(0, len(texts), _name_step(len(texts), inches))
  points = np.clip(0.75 * 72 * inches / len(texts), 5, 9)
  axis.set_yticks(ticks, [texts[tick] for tick in ticks], fontsize=points)
  axis.set_ylim(len(texts) - 0.4, -0.6)
