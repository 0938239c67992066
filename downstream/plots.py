"""Figures that show what an encoder is good for: accuracies and average precisions per class.

Whatever a colour shows, a shape, a hatch or a shade of grey shows too. Titles say what was found,
with which model and which seed: see `heading`.

Letters: n clips, C classes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from contrastive_audio.utils import figures
from contrastive_audio.utils.figures import plain, shorten
from downstream.class_accuracies import class_accuracies, wilson_intervals
from downstream.classifiers.scores import average_precisions


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
  splits: Sequence[tuple[np.ndarray, np.ndarray]],
  title: str,
  interval: tuple[float, float] | None = None,
) -> None:
  """Draws the average precision of each class that has test clips, from best to worst.

  Of several splits, which have a classifier each, it is the mean over those that test the class.

  Args:
    path: file to write, `.png`.
    class_names: C names.
    splits: of each, (targets `[m, C]`, multi-hot; scores, float `[m, C]`).
    title: of the figure, from `heading`.
    interval: in which the mean lies with 95 % confidence, in %; None: it is not drawn.

  Example:
    >>> splits = [(np.eye(2), np.eye(2))]
    >>> per_class_average_precision("ap.png", ["dog", "rain"], splits, "two clips")
  """
  by_split = np.ma.masked_invalid([average_precisions(*split) for split in splits])
  values = by_split.mean(axis=0).filled(np.nan)
  order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
  num_clips = np.sum([targets.sum(axis=0) for targets, _ in splits], axis=0).astype(int)
  names = [class_names[number] for number in order]
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
  inches = np.clip(0.24 * len(names), 1.5, max(12, min(72, figures.NAME_INCHES * len(names))))
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
  ticks, points = figures.name_ticks(len(texts), inches)
  axis.set_yticks(ticks, [texts[tick] for tick in ticks], fontsize=points)
  axis.set_ylim(len(texts) - 0.4, -0.6)
