"""python -m benchmarks.labels: what pre-training is worth when labels are few, or wrong.

The two claims of mix-back's paper, on real data: fine-tuning from the encoder of the recipe `small`
(Adam at 1e-4, from the weights of a linear classifier, BatchNorm fixed) against training the same
network from random weights (1e-3), with 1, 5, 10 and all labels for each class, and with 40 % of
all labels flipped; and linear classifiers on both, frozen.
Every method stops by a validation part of the training clips that it may see. It can be stopped and
started again.
"""

import math
import os

import numpy as np
from absl import flags

from benchmarks import recipes
from contrastive_audio.cli import flags, main
from contrastive_audio.errors import UserError
from downstream import tables, tasks
from downstream.judging import Condition
from downstream.papers.laboratory import Laboratory
from downstream.papers.tables import Table, Variant

# Task -> training clips; a training takes STEPS steps, at most.
TASKS = {"esc10_fold5": 320, "digit_unseen_speaker": 2000}
CONDITIONS = (Condition(1), Condition(5), Condition(10), Condition(), Condition(label_noise=0.4))
NUM_CLASSES, BATCH_SIZE, STEPS = 10, 64, 250


def main(_):
  values = flags.FLAGS.flag_values_dict()
  seeds = [int(seed) for seed in values["seeds"]]
  for task in values["tasks"] or TASKS:
    table = labels_table(task, values["variants"])
    columns = [(task, condition.name) for condition in CONDITIONS]
    parts = []
    for column in columns:
      epochs = epochs_of(task, table.conditions[column[1]])
      laboratory = Laboratory(values["runs_dir"], "small", values | {"epochs": epochs})
      parts.append(tables.measure(table, [column], laboratory, seeds))
    scores, names = np.concatenate(parts, axis=1), [variant.name for variant in table.variants]
    known = tables.known(table, columns)
    results = tables.Results(names, list(table.conditions), scores, known)
    path = os.path.join(values["runs_dir"], f"labels-{task}")
    tables.show(table, results, seeds, path, draw_published=False)


def epochs_of(task, condition):
  """Returns how many epochs are STEPS steps; a fifth of the clips is for validation."""
  clips = condition.labels_per_class * NUM_CLASSES if condition.labels_per_class else TASKS[task]
  return math.ceil(STEPS / max(1, int(0.8 * clips) // BATCH_SIZE))


def labels_table(task, chosen):
  """Returns the Table of a task: rows are methods, columns conditions."""
  small, random = (recipes.pretraining(name, None) for name in ("COLA small", "random weights"))
  variants = [
    Variant("COLA small, fine-tuned", small, "finetune_from_linear"),
    Variant("COLA small, fine-tuned from a random classifier", small, "finetune_slowly"),
    Variant("COLA small, fine-tuned at 1e-3", small, "finetune"),
    Variant("from scratch", random, "finetune"),
    Variant("from scratch at 1e-4", random, "finetune_slowly"),
    Variant("COLA small, linear", small),
    Variant("random weights, linear", random),
    Variant("log-mel statistics, linear", "logmel_stats"),
  ]
  names = [variant.name for variant in variants]
  if unknown := [name for name in chosen or () if name not in names]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {'; '.join(names)}")
  variants = [variant for variant in variants if not chosen or variant.name in chosen]
  conditions = {condition.name: condition for condition in CONDITIONS}
  return Table(f"few and wrong labels, {task}", variants, (task,), False, {}, conditions)


def _define_flags():
  flags.DEFINE_string("runs_dir", "runs/recipes", "Where runs, results and the table are kept.")
  flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
  flags.DEFINE_multi_string("variants", None, "Rows, one for each flag; default: all.")
  flags.DEFINE_list("tasks", None, f"Tasks; default: {', '.join(TASKS)}.")
  flags.DEFINE_list("pretraining_tasks", None, "As of downstream.tables.")
  tasks.define_flags()


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
