"""How the encoders of a table came about: kNN and linear accuracy against steps."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from contrastive_audio.errors import UserError
from contrastive_audio.utils import figures
from contrastive_audio.utils.figures import plain, shorten
from contrastive_audio.utils.spreadsheets import write_csv
from downstream.papers.cells import Cell
from downstream.papers.estimates import read_metrics
from downstream.papers.measurement import PretrainingChoice
from downstream.papers.pretrainings import Pretrainings

METRICS = {"knn_accuracy": "kNN", "linear_accuracy": "linear"}
_HEADING = ("variant", "seed", "step", *METRICS)


class Point(NamedTuple):
  """An evaluation of a run while it trained.

  Attributes:
    variant: name of its row in the table; names of all rows that share the run.
    seed: of the run.
    step: number of finished steps.
    scores: of METRICS, in %; NaN: it was not evaluated.

  Example:
    >>> Point("cosine", 0, 250, (61.0, 70.5)).step
    250
  """

  variant: str
  seed: int
  step: int
  scores: tuple[float, ...]


def points_of(cells: Sequence[Cell], pretrainings: Pretrainings) -> list[Point]:
  """Returns the evaluations of the runs behind a table, each run's once; none of random weights.

  Args:
    cells: of the table.
    pretrainings: the run folders.

  Example:
    >>> from downstream.papers.measurement import LaboratoryRequest
    >>> points_of([], Pretrainings(LaboratoryRequest("tables")))
    []
  """
  points = []
  for (model, seed), variants in _runs_of(cells).items():
    try:
      folder, _ = pretrainings.locate(model, seed)
    except UserError:  # its data is missing: nothing was trained
      continue
    for row in read_metrics(folder):
      if "knn_accuracy" in row:
        scores = tuple(100 * row.get(name, np.nan) for name in METRICS)
        points.append(Point("; ".join(variants), seed, int(row["step"]), scores))
  return points


def _runs_of(cells: Sequence[Cell]) -> dict[tuple[PretrainingChoice, int], list[str]]:
  """Returns the pre-trainings with their seeds, and the rows of each."""
  runs: dict[tuple[PretrainingChoice, int], list[str]] = {}
  for cell in cells:
    model = cell.measurement.model
    if isinstance(model, PretrainingChoice) and not model.random:
      variants = runs.setdefault((model, cell.seed), [])
      if cell.variant not in variants:
        variants.append(cell.variant)
  return runs


def write_curves(points: Sequence[Point], path: str) -> None:
  """Writes evaluations as .csv, and their means over the seeds as .png; nothing if there are none.

  Args:
    points: of all runs of a table.
    path: path of the files, without their extensions.

  Example:
    >>> import os
    >>> write_curves([Point("cosine", 0, step, (60.0, 70)) for step in (0, 250)], "curves")
    >>> sorted(os.listdir("."))
    ['curves.csv', 'curves.png']
  """
  if not points:
    return
  rows = [[p.variant, p.seed, p.step, *(f"{score:.2f}" for score in p.scores)] for p in points]
  write_csv(f"{path}.csv", [_HEADING, *rows])
  figure, axes = figures.subplots(1, len(METRICS), figsize=(10, 4), sharey=True)
  for number, (axis, title) in enumerate(zip(axes, METRICS.values())):
    _draw(axis, points, number)
    axis.set_title(title, fontsize=11)
  num_seeds = len({point.seed for point in points})
  seeds = f"mean of {num_seeds} seeds; bands: worst to best" if num_seeds > 1 else "1 seed"
  axes[0].set_ylabel(f"accuracy (%)\n{seeds}")
  axes[-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
  figures.save(figure, f"{path}.png")


def _draw(axis: Axes, points: Sequence[Point], metric: int) -> None:
  """Draws a line per variant, the mean of its seeds, and from the worst seed to the best a band."""
  for number, variant in enumerate(dict.fromkeys(point.variant for point in points)):
    of_step: dict[int, list[float]] = {}
    for point in points:
      if point.variant == variant:
        of_step.setdefault(point.step, []).append(point.scores[metric])
    steps = sorted(of_step)
    colour = figures.COLOURS[number % len(figures.COLOURS)]
    means = [np.mean(of_step[step]) for step in steps]
    axis.plot(steps, means, "o-", color=colour, label=plain(shorten(variant)))
    lows, highs = ([choose(of_step[step]) for step in steps] for choose in (min, max))
    axis.fill_between(steps, lows, highs, color=colour, alpha=0.15, linewidth=0)
  axis.set_xlabel("training step (0: random weights)")
  axis.grid(alpha=0.3)
