"""python docs/learning_figure.py: draws what training adds, seed by seed, from result files."""

import pathlib

import numpy as np
import pages
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from contrastive_audio.utils import figures

DOCS = pathlib.Path(__file__).parent
PANELS = {"all labels": "small-all-labels.csv", "ten labels per class": "small-10-per-class.csv"}
VARIANT, REFERENCE = "COLA small", "random weights"  # the same network, before and after training
TASKS = {
  "digit": "spoken digit",
  "speaker": "speaker",
  "digit_unseen_speaker": "digit of an unseen speaker",
  "esc10_fold5": "environmental sound (ESC-10)",
  "instrument": "instrument",
  "average": "average of the five",
}


def main() -> None:
  make().savefig(DOCS / "learning.png", dpi=130)


def make() -> Figure:
  """Returns the figure: a panel for each number of labels, with the same axes."""
  figure, axes = figures.subplots(1, len(PANELS), (10, 3.4), sharex=True, sharey=True)
  figure.set_layout_engine("constrained")
  for axis, (condition, name) in zip(axes, PANELS.items()):
    draw(axis, seeds_of(name))
    axis.set_title(condition, fontsize=11)
  unit = f"accuracy of {VARIANT} minus that of {REFERENCE} (percentage points)"
  figure.supxlabel(unit, fontsize=10)
  handles, names = axes[0].get_legend_handles_labels()
  figure.legend(handles, names, loc="outside upper right", ncols=len(names), frameon=False)
  return figure


def seeds_of(name: str) -> dict[str, dict[str, np.ndarray]]:
  """Returns variant -> task -> the score of each seed, in the order of a result file."""
  scores: dict[str, dict[str, np.ndarray]] = {}
  for row in pages.read(DOCS / "results" / name):
    scores.setdefault(row["variant"], {})[row["task"]] = np.array(row["seeds"])
  return scores


def draw(axis: Axes, scores: dict[str, dict[str, np.ndarray]]) -> None:
  """Draws differences of equal seeds: a dot for each, a bar at their mean, a row for each task."""
  gains = np.array([scores[VARIANT][task] - scores[REFERENCE][task] for task in TASKS])
  rows = np.arange(len(TASKS))
  seeds = np.repeat(rows, gains.shape[1])
  axis.plot(gains.ravel(), seeds, "o", color=figures.BLUE, alpha=0.5, label="one seed")
  mean = {"color": figures.ORANGE, "linewidth": 2.5, "label": f"mean of {gains.shape[1]} seeds"}
  axis.vlines(gains.mean(axis=1), rows - 0.3, rows + 0.3, **mean)
  axis.axvline(0, color=figures.GREY, linewidth=0.8)
  axis.set_yticks(range(len(TASKS)), TASKS.values())
  axis.set_ylim(len(TASKS) - 0.5, -0.5)
  axis.xaxis.set_major_locator(MaxNLocator(integer=True))
  axis.grid(axis="x", alpha=0.3)


if __name__ == "__main__":
  main()
