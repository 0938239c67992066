"""python -m benchmarks.general_encoder: trains the encoder of the presets, and judges it.

--pool is a folder of openly licensed clips with a pool.csv. The clips whose licence names neither
GPL nor share-alike train, with the recipe `general`; labelled collections among the others are
tasks. --suite chooses them: `development` for changes of the recipe, `judging` for the final table,
or `small`, the small suite. Beside it stand encoders of the recipe `small`, which hear nothing but
the training clips of a task. It prints a table for each number of labels. The same command resumes
where it was stopped.
"""

import dataclasses
import os
from collections.abc import Sequence

from absl import flags

from benchmarks.lib.laboratory_flags import (
  define_laboratory_flags,
  laboratory_request,
  parse_models,
)
from benchmarks.lib.model_table import ModelTable
from benchmarks.recipes import TASKS as SMALL_SUITE
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError
from downstream.cards import pool
from downstream.choices import Condition, parse_conditions, parse_seeds
from downstream.papers.cells import Cell
from downstream.papers.measurement import Measurement, PretrainingChoice
from downstream.papers.stages import Stages

EXAMPLES = (
  "python -m benchmarks.general_encoder --pool=/path/to/pool --suite=judging",
  "python -m benchmarks.general_encoder --pool=/path/to/pool --suite=small "
  "--audio_root=/path/to/audio_root --models='released VGG-like=/path/to/vgg'",
)
# What the recipe is without one of its choices; rows of the table that are asked for by --variants.
CHANGES = {
  "one second": ["frames=96", "mask_frames_max=24"],
  "narrow": ["encoder_width=1"],
  "head sees the last layer": ["head_input=last"],
  "without pitch shift": ["augment=level,equalise,specaugment"],
  "pitch shift of 5 bands": ["pitch_bands_max=5"],
  "pitch shift of 3 bands": ["pitch_bands_max=3"],
  "without masks": ["augment=pitch_shift,level,equalise"],
  "large collections less often": ["balance=0.5"],
  "pieces of 3 seconds": ["piece_s=3"],
  "one second of pieces of 2": ["frames=96", "mask_frames_max=24", "piece_s=2"],
  "warm-up and cosine": ["warm_up=0.02"],
  "temperature 0.1": ["temperature=0.1"],
  "a pitch shift, and nothing else": ["augment=pitch_shift"],
  "500 steps": ["steps=500"],
  "1000 steps": ["steps=1000"],
  "4000 steps": ["steps=4000"],
}
# Rows of the recipe as it is, on a share of each collection; asked for in the same way.
SHARES = {"30 % of the clips": 0.3, "10 % of the clips": 0.1}


def _small(system: str, *settings: str) -> PretrainingChoice:
  """Returns a training by `small` whose embedding is, like the general encoder's, of all frames."""
  changes = ("clip_pooling=clip", *settings)
  return PretrainingChoice(
    system, (("recipe", "small"), *(("set", setting) for setting in changes))
  )


# Rows of the recipe `small` that hear nothing but the training clips of the task.
OWN_CLIPS = {
  "COLA small": _small("cola"),
  "mix-back small": _small("mixback"),
  "small, random weights": dataclasses.replace(_small("cola"), random=True),
}
# Such rows with a change, asked for by --variants.
OWN_CHANGES = {
  "COLA small without pitch shift": _small("cola", "augment=level,equalise,specaugment"),
  "mix-back small without pitch shift": _small("mixback", "augment=level,equalise"),
  "COLA small, pitch shift of 3 bands": _small("cola", "pitch_bands_max=3"),
  "COLA small, pitch shift of 8 bands": _small("cola", "pitch_bands_max=8"),
}
SUITES = {"development": pool.DEVELOPMENT, "judging": pool.JUDGING, "small": SMALL_SUITE}
REFERENCE = "random weights"
ASKED_FOR = {**CHANGES, **SHARES, **OWN_CHANGES}  # rows that only --variants brings


def main(_: Sequence[str]) -> None:
  request, seeds = laboratory_request(), parse_seeds(FLAGS.seeds)
  conditions = parse_conditions(FLAGS.labels_per_class, label_noise=0.0)
  lists = Lists(FLAGS.pool, os.path.join(request.folder, "pool"))
  trained = general_rows(lists, FLAGS.set or (), None if FLAGS.train_per_seed else 0)
  rows = chosen_rows(models_of(trained, parse_models(FLAGS.models)), FLAGS.variants)
  tasks, stages = list(SUITES[FLAGS.suite]), Stages(request)
  cells = {some: cells_of(rows, tasks, some, seeds, lists) for some in conditions}
  stages.train([cell for some in cells.values() for cell in some])
  for condition, some in cells.items():
    table_of(list(rows), tasks, condition).show(some, stages, seeds)
  stages.conclude()


class Lists:
  """The lists of a pool, which are written when they are asked for.

  Args:
    pool_folder: of the pool.
    output: folder for the lists.

  Raises:
    UserError: it is not a pool.
  """

  def __init__(self, pool_folder: str, output: str):
    self._pool, self._output = pool_folder, os.path.abspath(output)
    self._rows = pool.read_pool(pool_folder)

  def training(self, share: float = 1.0) -> str:
    """Returns the clips of the training, as `--dataset` takes them.

    Args:
      share: of the clips of each collection.
    """
    path = os.path.join(self._output, "training.csv" if share == 1 else f"training-{share}.csv")
    pool.write_training_list(self._rows, self._pool, path, share=share)
    return f"folder:{path}"

  def task(self, name: str, condition: Condition, seed: int) -> tuple[str, Condition]:
    """Returns a task as `--task` takes it, and what is left of a condition.

    Of a collection, the list says which labels are seen; a task of the small suite is its card.

    Args:
      name: one of a suite.
      condition: how many labels are seen.
      seed: of the halves of a collection.
    """
    if name not in pool.TASKS:
      return name, condition
    count = condition.labels_per_class
    path = os.path.join(self._output, f"{name}-{count or 'half'}-{seed}.csv")
    pool.write_task(self._rows, self._pool, name, path, seed, count)
    return f"folder:{path}", Condition()

  def own_clips(self, model: PretrainingChoice, name: str, seed: int) -> PretrainingChoice:
    """Returns a training on the training clips of a task; in the small suite, of all its tasks."""
    if name not in pool.TASKS:
      return model
    options = (*model.options, ("split", "train"))
    return dataclasses.replace(
      model, options=options, dataset=self.task(name, Condition(), seed)[0]
    )


def general_rows(
  lists: Lists, settings: Sequence[str] = (), seed: int | None = 0
) -> dict[str, PretrainingChoice]:
  """Returns the trainings of the general encoder: as it is, with changes, and on shares.

  Args:
    lists: of the clips that train.
    settings: FIELD=VALUE, further changes of all of them.
    seed: of the trainings; None: each seed of the table has its own.
  """
  everything = lists.training()
  rows = {
    name: _training(everything, [*settings, *changes], seed)
    for name, changes in {"general": [], **CHANGES}.items()
  }
  parts = {name: _training(lists.training(s), settings, seed) for name, s in SHARES.items()}
  return rows | parts


def _training(clips: str, settings: Sequence[str], seed: int | None) -> PretrainingChoice:
  options = (("recipe", "general"), *(("set", setting) for setting in settings))
  return PretrainingChoice("cola", options, dataset=clips, seed=seed)


def models_of(
  trained: dict[str, PretrainingChoice], models: dict[str, str]
) -> dict[str, PretrainingChoice | str]:
  """Returns the rows of the table: name -> model.

  Args:
    trained: name -> training of the general encoder.
    models: further rows, name -> as `--model` takes it.

  Raises:
    UserError: a further row has the name of another.
  """
  rows: dict[str, PretrainingChoice | str] = {
    "log-mel statistics": "logmel_stats",
    REFERENCE: dataclasses.replace(trained["general"], random=True),
    **OWN_CLIPS,
    **OWN_CHANGES,
  }
  if taken := [name for name in models if name in rows | trained]:
    raise UserError(f"--models={taken[0]}=...: there is such a row; give it another name")
  return {**rows, **models, **trained}


def chosen_rows(rows: dict, names: Sequence[str] | None) -> dict:
  """Returns the rows of these names; None: all but those with a change or a share.

  Raises:
    UserError: there is no row of such a name.

  Example:
    >>> chosen_rows({"random weights": 1, "general": 2, "narrow": 3}, None)
    {'random weights': 1, 'general': 2}
  """
  if unknown := [name for name in names or () if name not in rows]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {'; '.join(rows)}")
  names = names or [name for name in rows if name not in ASKED_FOR]
  return {name: row for name, row in rows.items() if name in names}


def cells_of(
  rows: dict[str, PretrainingChoice | str],
  tasks: Sequence[str],
  condition: Condition,
  seeds: Sequence[int],
  lists: Lists,
) -> list[Cell]:
  """Returns the numbers of the table under one condition."""
  return [
    Cell(
      (row, column, number),
      name,
      Measurement(
        lists.own_clips(model, task, seed) if name in OWN_CLIPS | OWN_CHANGES else model,
        "linear",
        *lists.task(task, condition, seed),
      ),
      seed,
    )
    for row, (name, model) in enumerate(rows.items())
    for number, seed in enumerate(seeds)
    for column, task in enumerate(tasks)
  ]


def table_of(rows: Sequence[str], tasks: Sequence[str], condition: Condition) -> ModelTable:
  """Returns the table of a suite under one condition.

  Args:
    rows: names of the models.
    tasks: of the suite.
    condition: how many labels are seen.
  """
  most = "" if FLAGS.suite == "small" or not condition.labels_per_class else "at most "
  changes = [*(FLAGS.set or ()), *(["trained for each seed"] if FLAGS.train_per_seed else [])]
  title = f"general encoder, {FLAGS.suite} tasks, {most}{condition.name}"
  title += f" (general: {', '.join(changes)})" if changes else ""
  name = f"{FLAGS.name}-{FLAGS.suite}-{condition.name.replace(' ', '-')}"
  return ModelTable(title, name, rows, tasks, REFERENCE)


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_string("pool", None, "Folder of the pool, with pool.csv.", required=True)
    flags.DEFINE_enum("suite", "development", list(SUITES), "Tasks of the table.")
    flags.DEFINE_string("name", "general", "Beginning of the names of the table files.")
    flags.DEFINE_list("labels_per_class", ["10", "all"], "Labels of the classifiers.")
    flags.DEFINE_multi_string(
      "variants", None, f"Row of the tables, also one of {'; '.join(ASKED_FOR)}."
    )
    flags.DEFINE_boolean(
      "train_per_seed", False, "Train the general encoder for each seed, not once with seed 0."
    )
    flags.DEFINE_multi_string("set", None, "FIELD=VALUE: a change of the recipe `general`.")
    flags.DEFINE_multi_string(
      "models", None, "NAME=MODEL: further rows, such as 'preset=preset:general'."
    )
  define_laboratory_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
