"""python -m benchmarks.labels: measures what pre-training is worth when labels are few, or wrong.

These are the two claims of mix-back's paper, on real data. Fine-tuning from the encoder of the
recipe `small` (Adam at 1e-4, from the weights of a linear classifier, BatchNorm fixed) is compared
with training the same network from random weights (1e-3), and with linear classifiers on both
encoders, frozen. They see 1, 5, 10 and all labels of each class, and all labels of which 40 % are
flipped. Every method stops by a validation part of the training clips that it may see. The same
command resumes where it was stopped.
"""

import dataclasses
import math
import os
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks import recipes
from benchmarks.lib.laboratory_flags import define_laboratory_flags, laboratory_request
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError
from downstream.choices import Condition, parse_seeds
from downstream.papers.cells import Column, cells_of, columns_of, published_of
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.results import Results, measure
from downstream.papers.stages import Stages
from downstream.papers.table import Table, Variant

EXAMPLES = (
  "python -m benchmarks.labels --audio_root=/path/to/audio_root",
  "python -m benchmarks.labels --audio_root=/path/to/audio_root --tasks=esc10_fold5 "
  "--variants='COLA small, linear' --seeds=0",
)
# Task -> training clips. So many epochs are allowed that the training which selects takes STEPS
# steps, the last epoch completed. The final one has the epochs that it chose, on all clips.
TASKS = {"esc10_fold5": 320, "digit_unseen_speaker": 2000}
CONDITIONS = (Condition(1), Condition(5), Condition(10), Condition(), Condition(label_noise=0.4))
NUM_CLASSES, BATCH_SIZE, STEPS = 10, 64, 250


def main(_: Sequence[str]) -> None:
  request, seeds = laboratory_request(), parse_seeds(FLAGS.seeds)
  tasks, names = FLAGS.tasks or list(TASKS), FLAGS.variants
  if unknown := [task for task in tasks if task not in TASKS]:
    raise UserError(f"--tasks: there is no {unknown[0]!r}; there are {', '.join(TASKS)}")
  tables = {task: labels_table(task).choose(names) for task in tasks}
  pretrainings = Pretrainings(request)
  work = [
    (table, column, Stages(dataclasses.replace(request, epochs=epochs), pretrainings))
    for task, table in tables.items()
    for column, epochs in budgets_of(task, table)
  ]
  for table, column, stages in work:
    stages.train(cells_of(table, [column], seeds))
  for task, table in tables.items():
    own = [(column, stages) for other, column, stages in work if other is table]
    parts = [measure(table, [column], stages, seeds) for column, stages in own]
    write_table(task, table, parts, request.folder)
  for _, _, stages in work:
    stages.conclude()


def write_table(task: str, table: Table, parts: Sequence[Results], folder: str) -> None:
  """Prints and writes the table of a task, whose columns were measured one by one."""
  from downstream.papers.table_files import print_and_write

  scores = np.concatenate([part.scores[:, :1] for part in parts], axis=1)
  published = published_of(table, columns_of(table))
  remarks = list(dict.fromkeys(remark for part in parts for remark in part.remarks))
  results = Results(
    parts[0].variants, list(table.conditions), parts[0].seeds, scores, published, remarks
  )
  path = os.path.join(folder, f"labels-{task}")
  print_and_write(table, results, path, draw_published=False)


def budgets_of(task: str, table: Table) -> list[tuple[Column, int]]:
  """Returns each column of a table with its number of epochs."""
  return [(c, epochs_of(task, table.conditions[c.condition])) for c in columns_of(table)]


def epochs_of(task: str, condition: Condition) -> int:
  """Returns how many epochs are STEPS steps while a fifth of the clips is for validation.

  On all clips, in the final training, they are up to a quarter more steps.
  """
  clips = condition.labels_per_class * NUM_CLASSES if condition.labels_per_class else TASKS[task]
  return math.ceil(STEPS / max(1, int(0.8 * clips) // BATCH_SIZE))


def labels_table(task: str) -> Table:
  """Returns the table of a task: rows are methods, columns conditions."""
  small, random = (recipes.pretraining(name, None) for name in ("COLA small", "random weights"))
  variants = [
    Variant("COLA small, fine-tuned", small, "finetune_from_linear"),
    Variant("COLA small, fine-tuned from a random classifier", small, "finetune_slowly"),
    Variant("COLA small, fine-tuned at 1e-3", small, "finetune"),
    Variant("random weights, fine-tuned from a linear classifier", random, "finetune_from_linear"),
    Variant("from scratch", random, "finetune"),
    Variant("from scratch at 1e-4", random, "finetune_slowly"),
    Variant("COLA small, linear", small),
    Variant("random weights, linear", random),
    Variant("log-mel statistics, linear", "logmel_stats"),
  ]
  return Table(
    title=f"few and wrong labels, {task}",
    variants=variants,
    tasks=(task,),
    tasks_are_rows=False,
    conditions={condition.name: condition for condition in CONDITIONS},
  )


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_list("tasks", None, f"Some of {', '.join(TASKS)}; if not given, all.")
    flags.DEFINE_multi_string("variants", None, "Row of the tables; if not given, all.")
  define_laboratory_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
