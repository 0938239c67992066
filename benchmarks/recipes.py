"""python -m benchmarks.recipes: what the ingredients of the recipe `small` are worth.

Pre-trains every variant with every seed, equal steps, on the training clips of the small suite (no
labels, no test clips), judges all by linear evaluation, and prints the suite with mean and spread,
loss, contrastive accuracy and speed. It can be stopped and started again.
"""

import os

import numpy as np
from absl import flags

from audio import commands, table
from audio.errors import UserError
from audio.runs import Run
from downstream import tables, tasks
from downstream.experiments import Laboratory, Pretraining
from downstream.paper_tables import Table, Variant

# name -> (system, settings of its configuration, and whether its weights stay random)
VARIANTS = {
  "log-mel statistics": None,
  "COLA small": ("cola", [], False),
  "random weights": ("cola", [], True),
  "no augmentation": ("cola", ["augment=none"], False),
  "without level": ("cola", ["augment=fader,equalise,specaugment"], False),
  "without fader": ("cola", ["augment=level,equalise,specaugment"], False),
  "without equaliser": ("cola", ["augment=level,fader,specaugment"], False),
  "without masks": ("cola", ["augment=level,fader,equalise"], False),
  "with crops": ("cola", ["augment=rrc,level,fader,equalise,specaugment"], False),
  "short clips in zeros": ("cola", ["short_clips=zeros"], False),
  "one direction": ("cola", ["directions=1"], False),
  "bilinear": ("cola", ["similarity=bilinear"], False),
  "dense head": ("cola", ["head=dense"], False),
  "moving BatchNorm statistics": ("cola", ["reestimate_batches=0"], False),
  "constant rate": ("cola", ["warm_up=0.0"], False),
  "batches of 32": ("cola", ["batch_size=32"], False),
  "mix-back small": ("mixback", [], False),
  "mix-back small without backgrounds": ("mixback", ["mix=none"], False),
}


def main(_):
  values = flags.FLAGS.flag_values_dict()
  seeds = [int(seed) for seed in values["seeds"]]
  chosen = values["variants"] or list(VARIANTS)
  if unknown := [name for name in chosen if name not in VARIANTS]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {', '.join(VARIANTS)}")
  variants = [Variant(name, pretraining(name, values["steps"])) for name in chosen]
  laboratory = Laboratory(values["runs_dir"], "small", values)
  suite = Table("the recipe small", variants, tasks.SUITES["small"], tasks_are_rows=False)
  columns = [(task, "") for task in suite.tasks]
  scores = tables.measure(suite, columns, laboratory, seeds)
  results = tables.Results(chosen, list(suite.tasks), scores, tables.known(suite, columns))
  path = os.path.join(values["runs_dir"], "recipes")
  tables.show(suite, results, seeds, path, draw_published=False)
  show_training(variants, laboratory, seeds)


def pretraining(name, steps):
  """Returns the Pretraining of a variant, or the name of a baseline."""
  if VARIANTS[name] is None:
    return "logmel_stats"
  system, settings, random = VARIANTS[name]
  options = [("recipe", "small"), *(("set", setting) for setting in settings)]
  options += [("steps", steps)] if steps else []
  return Pretraining(system, tuple(options), random)


def show_training(variants, laboratory, seeds):
  """Prints loss, contrastive accuracy and speed, means over the last tenth of all runs."""
  rows = []
  for variant in variants:
    if not isinstance(variant.model, Pretraining) or variant.model.random:
      continue
    runs = [Run.open(laboratory.model(variant.model, seed)) for seed in seeds]
    last = [_last(runs, name) for name in ("loss", "contrastive_accuracy", "pairs_per_s")]
    rows.append([variant.name, f"{last[0]:.2f}", f"{100 * last[1]:.0f}", f"{last[2]:.0f}"])
  print()
  table.show(["variant", "loss", "contrastive accuracy (%)", "pairs/s"], rows)


def _last(runs, name):
  ends = []
  for run in runs:
    values = run.metrics(name)[1]
    ends.append(np.mean(values[-max(1, len(values) // 10) :]))
  return np.mean(ends)


def _define_flags():
  flags.DEFINE_string("runs_dir", "runs/recipes", "Where runs, results and the table are kept.")
  flags.DEFINE_list("variants", None, f"Some of: {', '.join(VARIANTS)}; default: all.")
  flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
  flags.DEFINE_integer("steps", None, "Steps of each run; default: the recipe's.", lower_bound=1)
  flags.DEFINE_list("pretraining_tasks", None, "As of downstream.tables.")
  tasks.define_flags()


if __name__ == "__main__":
  _define_flags()
  commands.run(main)
