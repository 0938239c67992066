"""python docs/learning_figure.py: draws the worth of the ingredients of `small`, and the curve."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from pages import DOCS, read

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe and Ito
RESULTS = DOCS / "results"
LABELS = {"all-labels": ("all labels", BLUE, "o"), "10-per-class": ("10 per class", ORANGE, "s")}


def main():
  figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), width_ratios=[1.35, 1])
  draw_ablation(left, averages(RESULTS / "ablation-10-per-class.csv"))
  draw_curve(right)
  figure.tight_layout()
  figure.savefig(DOCS / "learning-from-little-audio.png", dpi=130)


def averages(path):
  """Returns variant -> (mean, seeds) of the average over the tasks."""
  return {row["variant"]: row for row in read(path) if row["task"] == "average"}


def draw_ablation(axis, found):
  """A row for each variant: every seed, and their mean."""
  names = sorted(found, key=lambda name: found[name]["mean"])
  for place, name in enumerate(names):
    whole = name in ("COLA small", "mix-back small")
    baseline = name.startswith(("random", "log-mel"))
    colour = GREY if baseline else ORANGE if whole else BLUE
    row = found[name]
    axis.plot(
      row["seeds"], [place] * len(row["seeds"]), "o", color=colour, alpha=0.45, markersize=5
    )
    axis.plot([row["mean"]], [place], "|", color=colour, markersize=16, markeredgewidth=3)
  axis.set_yticks(range(len(names)), names)
  axis.grid(axis="x", alpha=0.3)
  axis.set_xlabel("average of the five tasks (%); dots: seeds, bar: their mean")
  axis.set_title("10 labels for each class", loc="left")


def draw_curve(axis):
  """Score against steps; step 0 is random weights."""
  for name, (label, colour, marker) in LABELS.items():
    points = {}
    for variant, row in averages(RESULTS / f"curve-{name}.csv").items():
      steps = {"random weights": 0, "COLA small": 400}.get(variant)
      points[int(variant.split()[0]) if steps is None else steps] = row
    steps = sorted(points)
    means = [points[step]["mean"] for step in steps]
    spreads = [points[step]["std"] for step in steps]
    axis.errorbar(steps, means, spreads, color=colour, marker=marker, capsize=3, label=label)
  axis.set_xscale("symlog", linthresh=50)
  axis.set_xticks(steps, [str(step) for step in steps])
  axis.minorticks_off()
  axis.grid(alpha=0.3)
  axis.set_xlabel("steps of 64 pairs (0: random weights)")
  axis.set_ylabel("average of the five tasks (%)")
  axis.set_title("more time does not help", loc="left")
  axis.legend(frameon=False)


if __name__ == "__main__":
  main()
