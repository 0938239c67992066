"""python docs/learning_figure.py: draws the ablation and the learning curve from result files."""

import pathlib
import re

import numpy as np
import pages
from matplotlib.axes import Axes

from contrastive_audio.utils import figures

DOCS = pathlib.Path(__file__).parent
COLA, MIXBACK, BASELINE = figures.BLUE, figures.ORANGE, figures.GREY
AVERAGE = "average of five tasks, ten labels per class (%)"


def main() -> None:
  figure, (left, right) = figures.subplots(1, 2, figsize=(11, 5), width_ratios=[1.5, 1])
  draw_ablation(left, scores_of("ablation-10-per-class.csv"))
  draw_curve(right, scores_of("curve-10-per-class.csv"))
  figure.tight_layout()
  figure.savefig(DOCS / "learning.png", dpi=130)


def scores_of(name: str) -> dict[str, list[float]]:
  """Returns variant -> the average of each seed, in the order of a result file."""
  rows = pages.read(DOCS / "results" / name)
  return {row["variant"]: row["seeds"] for row in rows if row["task"] == "average"}


def draw_ablation(axis: Axes, scores: dict[str, list[float]]) -> None:
  """Draws a row for each variant: a dot for each seed, a bar at their mean."""
  for row, (name, values) in enumerate(scores.items()):
    colour = MIXBACK if "mix-back" in name else COLA
    colour = BASELINE if "random" in name or "log-mel" in name else colour
    axis.plot(values, [row] * len(values), "o", color=colour, alpha=0.5, markersize=5)
    axis.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=2.5)
  axis.axvline(np.mean(scores["COLA small"]), color=COLA, linewidth=0.8, linestyle=":")
  axis.set_yticks(range(len(scores)), scores)
  axis.invert_yaxis()
  axis.grid(axis="x", alpha=0.3)
  axis.set(xlabel=AVERAGE, title="Ablation: what matters (dots: seeds, bars: means)")


def draw_curve(axis: Axes, scores: dict[str, list[float]]) -> None:
  """Draws scores against steps; at step 0 the weights are random."""
  steps = [steps_of(name) for name in scores]
  for step, values in zip(steps, scores.values()):
    axis.plot([step] * len(values), values, "o", color=COLA, alpha=0.5, markersize=5)
  axis.plot(steps, [np.mean(values) for values in scores.values()], color=COLA, linewidth=2)
  axis.set_xscale("symlog", linthresh=100)
  axis.set_xticks(steps, [str(count) for count in steps])
  axis.minorticks_off()
  axis.grid(alpha=0.3)
  axis.set(xlabel="training steps of 64 pairs", ylabel=AVERAGE, title="More time (COLA small)")


def steps_of(variant: str) -> int:
  """Returns how many steps a row of the curve was trained."""
  if variant == "random weights":
    return 0
  match = re.match(r"(\d+) steps", variant)
  return int(match[1]) if match else 400


if __name__ == "__main__":
  main()
