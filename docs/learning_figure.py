"""python docs/learning_figure.py: draws from result files what decides, and what more time does."""

import pathlib
import re

import matplotlib
import numpy as np

matplotlib.use("Agg")
import pages
from matplotlib import pyplot as plt

DOCS = pathlib.Path(__file__).parent
COLA, MIXBACK, BASELINE = "#0072B2", "#D55E00", "#444444"  # Okabe and Ito
AVERAGE = "average of five tasks, ten labels per class (%)"


def main():
  figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), width_ratios=[1.5, 1])
  draw_ablation(left, averages("ablation-10-per-class.csv"))
  draw_curve(right, averages("curve-10-per-class.csv"))
  figure.tight_layout()
  figure.savefig(DOCS / "learning.png", dpi=130)


def averages(name):
  """Returns variant -> averages of its seeds, in the order of a result file."""
  rows = pages.read(DOCS / "results" / name)
  return {row["variant"]: row["seeds"] for row in rows if row["task"] == "average"}


def draw_ablation(axis, found):
  """A row for each variant: a dot for each seed, a bar at their mean."""
  for place, (name, values) in enumerate(found.items()):
    colour = MIXBACK if "mix-back" in name else COLA
    colour = BASELINE if "random" in name or "log-mel" in name else colour
    axis.plot(values, [place] * len(values), "o", color=colour, alpha=0.5, markersize=5)
    axis.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=2.5)
  axis.axvline(np.mean(found["COLA small"]), color=COLA, linewidth=0.8, linestyle=":")
  axis.set_yticks(range(len(found)), found)
  axis.invert_yaxis()
  axis.grid(axis="x", alpha=0.3)
  axis.set(xlabel=AVERAGE, title="What decides (dots: seeds, bars: means)")


def draw_curve(axis, found):
  """Scores against steps; step 0 are random weights."""
  steps = [steps_of(name) for name in found]
  for step, scores in zip(steps, found.values()):
    axis.plot([step] * len(scores), scores, "o", color=COLA, alpha=0.5, markersize=5)
  axis.plot(steps, [np.mean(scores) for scores in found.values()], color=COLA, linewidth=2)
  axis.set_xscale("symlog", linthresh=100)
  axis.set_xticks(steps, [str(count) for count in steps])
  axis.minorticks_off()
  axis.grid(alpha=0.3)
  axis.set(xlabel="training steps of 64 pairs", ylabel=AVERAGE, title="More time (COLA small)")


def steps_of(variant):
  """Returns how many steps a row of the curve was trained."""
  if variant == "random weights":
    return 0
  match = re.match(r"(\d+) steps", variant)
  return int(match[1]) if match else 400


if __name__ == "__main__":
  main()
