"""python docs/learning_figure.py: draws what training adds, seed by seed, from result files."""

import pathlib

import numpy as np
import pages
from matplotlib.axes import Axes

from contrastive_audio.utils import figures

DOCS = pathlib.Path(__file__).parent
PANELS = {"all labels": "small-all-labels.csv", "ten labels per class": "small-10-per-class.csv"}
VARIANT, REFERENCE = "COLA small", "random weights"  # the same network, before and after training


def main() -> None:
  figure, axes = figures.subplots(1, len(PANELS), figsize=(11, 3), sharey=True)
  for axis, (condition, name) in zip(axes, PANELS.items()):
    draw(axis, seeds_of(name))
    axis.set(xlabel=f"points of {VARIANT} above {REFERENCE}", title=condition)
  figure.tight_layout()
  figure.savefig(DOCS / "learning.png", dpi=130)


def seeds_of(name: str) -> dict[str, dict[str, np.ndarray]]:
  """Returns variant -> task -> the score of each seed, in the order of a result file."""
  scores: dict[str, dict[str, np.ndarray]] = {}
  for row in pages.read(DOCS / "results" / name):
    scores.setdefault(row["variant"], {})[row["task"]] = np.array(row["seeds"])
  return scores


def draw(axis: Axes, scores: dict[str, dict[str, np.ndarray]]) -> None:
  """Draws differences of equal seeds: a dot for each, a bar at their mean, a row for each task."""
  tasks = list(scores[REFERENCE])
  for row, task in enumerate(tasks):
    gains = scores[VARIANT][task] - scores[REFERENCE][task]
    axis.plot(gains, [row] * len(gains), "o", color=figures.BLUE, alpha=0.5)
    axis.plot([gains.mean()] * 2, [row - 0.3, row + 0.3], color=figures.BLUE, linewidth=2.5)
  axis.axvline(0, color=figures.GREY, linewidth=0.8)
  axis.set_yticks(range(len(tasks)), tasks)
  axis.set_ylim(len(tasks) - 0.5, -0.5)
  axis.grid(axis="x", alpha=0.3)


if __name__ == "__main__":
  main()
