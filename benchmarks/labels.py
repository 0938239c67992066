"""python -m benchmarks.labels: what pre-training is worth when labels are few, or wrong.

The two claims of mix-back's paper, on real data: fine-tuning from the encoder of the recipe `small`
against training the same network from random weights, with 1, 5, 10 and all labels for each class,
and with 40 % of all labels flipped; and linear classifiers on both, frozen. Every method stops by a
validation part of the training clips that it may see. It can be stopped and started again.
"""

import os

import numpy as np
from absl import flags

from audio import commands
from audio.errors import UserError
from benchmarks import recipes
from downstream import tables, tasks
from downstream.experiments import Laboratory
from downstream.judging import Condition
from downstream.paper_tables import Table, Variant

TASKS = ("esc10_fold5", "digit_unseen_speaker")
# Condition -> epochs at most: a hundred steps or more, also where an epoch is one step.
CONDITIONS = {
  Condition(1): 200,
  Condition(5): 100,
  Condition(10): 60,
  Condition(): 20,
  Condition(label_noise=0.4): 20,
}


def main(_):
  values = flags.FLAGS.flag_values_dict()
  seeds = [int(seed) for seed in values["seeds"]]
  table = labels_table(values["variants"], values["tasks"])
  columns = [(task, c.name) for task in table.tasks for c in CONDITIONS]
  scores = np.empty([len(table.variants), len(columns), len(seeds)])
  for condition, epochs in CONDITIONS.items():
    laboratory = Laboratory(values["runs_dir"], "small", values | {"epochs": epochs})
    places = [place for place, (_, name) in enumerate(columns) if name == condition.name]
    some = [columns[place] for place in places]
    scores[:, places] = tables.measure(table, some, laboratory, seeds)
  names, titles = [v.name for v in table.variants], [", ".join(column) for column in columns]
  results = tables.Results(names, titles, scores, tables.known(table, columns))
  path = os.path.join(values["runs_dir"], "labels")
  tables.show(table, results, seeds, path, draw_published=False)


def labels_table(chosen, chosen_tasks):
  """Returns the Table: rows are methods, columns tasks and conditions."""
  small, random = (recipes.pretraining(name, None) for name in ("COLA small", "random weights"))
  variants = [
    Variant("COLA small, fine-tuned", small, "finetune"),
    Variant("from scratch", random, "finetune"),
    Variant("COLA small, linear", small),
    Variant("random weights, linear", random),
    Variant("log-mel statistics, linear", "logmel_stats"),
  ]
  names = [variant.name for variant in variants]
  if unknown := [name for name in chosen or () if name not in names]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {'; '.join(names)}")
  variants = [variant for variant in variants if not chosen or variant.name in chosen]
  conditions = {condition.name: condition for condition in CONDITIONS}
  return Table(
    "few and wrong labels", variants, tuple(chosen_tasks or TASKS), False, {}, conditions
  )


def _define_flags():
  flags.DEFINE_string("runs_dir", "runs/recipes", "Where runs, results and the table are kept.")
  flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
  flags.DEFINE_multi_string("variants", None, "Rows, one for each flag; default: all.")
  flags.DEFINE_list("tasks", None, f"Tasks; default: {', '.join(TASKS)}.")
  flags.DEFINE_list("pretraining_tasks", None, "As of downstream.tables.")
  tasks.define_flags()


if __name__ == "__main__":
  _define_flags()
  commands.run(main)
