"""python -m benchmarks.ablation: what the parts of mix-back do to kNN, equal steps, several seeds.

Trains every variant with every seed by `python -m mixback.train`, one run folder each, so that the
command can be stopped and started again; then prints a table and draws the curves.
"""

import os
import subprocess
import sys

from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.runs import Run
from contrastive_audio.utils import markdown_table

_DATASET = flags.DEFINE_string("dataset", None, "As of mixback.train.", required=True)
_FOLDER = flags.DEFINE_string("folder", "runs/ablation", "Where the runs and the plot go.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
_STEPS = flags.DEFINE_integer("steps", 100, "Steps of each run.")
_BATCH = flags.DEFINE_integer("batch_size", 16, "Pairs of a step.")

# name -> (positives, mix)
VARIANTS = {
  "random patches, mix-back": ("random", "batch"),
  "the same patch twice, mix-back": ("same", "batch"),
  "random patches, no mix-back": ("random", "none"),
}
METRICS = {"embedding": "knn_accuracy", "projection": "knn_projection_accuracy"}


def main(_):
  curves = {
    name: [train(*parts, seed) for seed in _SEEDS.value] for name, parts in VARIANTS.items()
  }
  rows = []
  for name, runs in curves.items():
    cells = [spread([run[metric][1] for run in runs]) for metric in METRICS]
    rows.append([name, *cells, spread([[run["loss"]] for run in runs], 1)])
  steps = curves[next(iter(curves))][0]["embedding"][0]
  print(
    f"\n{_DATASET.value}, {_STEPS.value} steps of {_BATCH.value} pairs, {len(_SEEDS.value)} seeds"
  )
  print(f"mean and standard deviation of kNN (%) after {', '.join(map(str, steps))} steps\n")
  markdown_table.show(["variant", "kNN of the embedding", "kNN of the projection", "loss"], rows)
  draw(curves, os.path.join(_FOLDER.value, "knn.png"))


def train(positives, mix, seed):
  """Trains one variant unless it is finished; returns its curves."""
  folder = os.path.join(_FOLDER.value, f"{positives}-{mix}-{seed}")
  if not os.path.exists(os.path.join(folder, "saved_model")):
    parts = {"positives": positives, "mix": mix, "seed": seed, "run": folder}
    parts |= {"dataset": _DATASET.value, "steps": _STEPS.value, "batch_size": _BATCH.value}
    parts |= {"recipe": "quick", "monitor_every": max(1, _STEPS.value // 2)}
    options = [f"--{name}={value}" for name, value in parts.items()]
    subprocess.run([sys.executable, "-m", "mixback.train", *options], check=True)
  run = Run.open(folder)
  curves = {name: run.metrics(metric) for name, metric in METRICS.items()}
  return curves | {"loss": run.metrics("loss")[1][-1]}


def spread(values, scale=100):
  """Returns "mean +- deviation" for each of several steps, over the seeds."""
  import numpy as np

  values = scale * np.array(values)
  places = 1 if scale == 100 else 2
  pairs = zip(values.mean(axis=0), values.std(axis=0, ddof=1 if len(values) > 1 else 0))
  return ", ".join(f"{mean:.{places}f} ± {deviation:.{places}f}" for mean, deviation in pairs)


def draw(curves, path):
  """Draws the mean of the embedding's kNN over the seeds, and every seed."""
  import numpy as np

  from contrastive_audio.training import plots

  colours, styles = ("#0072B2", "#D55E00", "#009E73"), ("o-", "s--", "^:")
  figure, axis = plots.plt.subplots(figsize=(7, 4.5))
  for (name, runs), colour, style in zip(curves.items(), colours, styles):
    steps = runs[0]["embedding"][0]
    values = 100 * np.array([run["embedding"][1] for run in runs])
    axis.plot(steps, values.mean(axis=0), style, color=colour, label=name)
    axis.fill_between(steps, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15)
  axis.set_xlabel("training step (0: random weights)")
  axis.set_ylabel("kNN of the embedding, macro accuracy (%)")
  axis.set_title(f"mean of {len(_SEEDS.value)} seeds; bands: lowest to highest seed", fontsize=10)
  axis.legend(frameon=False)
  figure.savefig(path, dpi=120, bbox_inches="tight")
  print(f"\nplot: {path}")


if __name__ == "__main__":
  main.run_main(main)
