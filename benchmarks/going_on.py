"""python -m benchmarks.going_on: what going on from a preset is worth on small sets of one's own.

Three sets, notes, digits and game effects, of 300 and 1,000 unlabelled clips: the preset as it is,
trainings that go on from it (--init) with and without --keep, the recipe `small` from random
weights, and the preset's network untrained. Linear classifiers with ten labels per class judge
them, on clips that no training hears. The same command resumes where it was stopped.
"""

import csv
import dataclasses
import os
import random
from collections.abc import Collection, Iterable, Sequence

from absl import flags

from benchmarks.lib.laboratory_flags import define_laboratory_flags, laboratory_request
from benchmarks.lib.model_table import ModelTable
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder, write_text
from contrastive_audio.utils.spreadsheets import write_csv
from downstream.cards import pool
from downstream.cards.all_cards import CARDS
from downstream.cards.card import AUDIO_ROOT
from downstream.choices import Condition, parse_seeds
from downstream.model_names import RANDOM
from downstream.papers.cells import Cell
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice
from downstream.papers.pretraining_clips import PretrainingClips
from downstream.papers.stages import Stages

EXAMPLES = (
  "python -m benchmarks.going_on --audio_root=/path/to/audio_root",
  "python -m benchmarks.going_on --audio_root=/path/to/audio_root --sets=digits --clips=300 "
  "--seeds=0",
)
# Set -> (task whose training clips are heard, task that judges).
SETS = {
  "notes": ("instrument", "instrument"),
  "digits": ("digit", "digit_unseen_speaker"),  # no training hears the recordings that judge
  "effects": ("wesnoth-sfx", "wesnoth-sfx"),  # filled up with effects of other games
}
LABELS_PER_CLASS = 10
# Row -> options of its training, beside the weights it starts from; None: no training.
ROWS: dict[str, tuple[tuple[str, str], ...] | None] = {
  "random weights": None,
  "preset": None,
  "small": (("recipe", "small"), ("set", "clip_pooling=clip")),  # as the preset
  "going on": (),
  "going on, keep 0.1": (("keep", "0.1"),),
  "going on, keep 1": (("keep", "1"),),
}
REFERENCE = "preset"


def main(_: Sequence[str]) -> None:
  request, seeds = laboratory_request(), parse_seeds(FLAGS.seeds)
  names, rows = _chosen("sets", FLAGS.sets, SETS), _chosen("variants", FLAGS.variants, ROWS)
  sets, stages = SmallSets(request), Stages(request)
  cells = {size: cells_of(rows, names, size, seeds, sets) for size in FLAGS.clips}
  stages.train([cell for some in cells.values() for cell in some])
  for size, some in cells.items():
    title = (
      f"going on from {FLAGS.init} with at most {size} clips, {LABELS_PER_CLASS} labels per class"
    )
    ModelTable(title, f"going-on-{size}", rows, names, REFERENCE).show(some, stages, seeds)
  stages.conclude()


class SmallSets:
  """The clips that are heard, and the tasks that judge.

  Args:
    request: where the lists are written, and where data is.
  """

  def __init__(self, request: LaboratoryRequest):
    self._request, self._keys = request, dict[str, list[str]]()
    self._root = os.path.abspath(os.path.expanduser(request.audio_root or ""))
    self._pool = os.path.join(self._root, "pool")
    self._lists = os.path.join(os.path.abspath(request.folder), "lists")
    make_folder(self._lists)

  def training(self, name: str, size: int, seed: int) -> dict[str, str]:
    """Returns the clips of a training, as the flags `dataset` and `keys` of its command.

    Args:
      name: of a set.
      size: number of clips, at most.
      seed: of the draw.
    """
    heard, draw = SETS[name][0], random.Random(f"{name}/{size}/{seed}")
    path = self._path(f"{name}-{size}-{seed}")
    if heard in CARDS:
      keys = self._keys_of(heard)
      write_text(
        f"{path}.txt", "".join(f"{key}\n" for key in draw.sample(keys, min(size, len(keys))))
      )
      return {
        "dataset": CARDS[heard].dataset.replace(AUDIO_ROOT, self._root),
        "keys": f"{path}.txt",
      }
    rows = pool.read_pool(self._pool)
    clips = mixed_clips(rows, self._pool, self._labelled(heard, seed), size, seed)
    write_csv(f"{path}.csv", [["file"], *([clip] for clip in clips)])
    return {"dataset": f"folder:{path}.csv"}

  def task(self, name: str, seed: int) -> tuple[str, Condition]:
    """Returns what judges, as `--task` takes it, and how many labels are seen.

    Args:
      name: of a set.
      seed: of the halves of a collection.
    """
    judge = SETS[name][1]
    if judge in CARDS:
      return judge, Condition(LABELS_PER_CLASS)
    return f"folder:{self._labelled(judge, seed)}", Condition()

  def _labelled(self, collection: str, seed: int) -> str:
    path = self._path(f"{collection}-{LABELS_PER_CLASS}-{seed}.csv")
    rows = pool.read_pool(self._pool)
    pool.write_task(rows, self._pool, collection, path, seed, LABELS_PER_CLASS)
    return path

  def _keys_of(self, task: str) -> list[str]:
    """Returns the training clips of a task, which a process of its own lists."""
    if task not in self._keys:
      clips = PretrainingClips(dataclasses.replace(self._request, pretraining_tasks=(task,)))
      clips.list_once()
      self._keys[task] = clips.read_keys()
    return self._keys[task]

  def _path(self, name: str) -> str:
    return os.path.join(self._lists, name)


def mixed_clips(
  rows: Iterable[pool.Row], folder: str, task: str, size: int, seed: int
) -> list[str]:
  """Returns clips that are like those of a task: its training clips, and effects of other games.

  The others are clips that no published encoder hears, and of no task.

  Args:
    rows: of the pool.
    folder: that of the pool.
    task: CSV of the task, see `pool.write_task`.
    size: number of clips, at most.
    seed: of the draw.
  """
  with open(task, newline="", encoding="utf-8") as file:
    clips = [row["file"] for row in csv.DictReader(file) if row["split"] == "train"]
  others = [
    os.path.join(folder, row["file"])
    for row in rows
    if row["kind"] == "effects" and not pool.may_train(row) and row["collection"] not in pool.TASKS
  ]
  draw = random.Random(f"effects/{seed}")
  return clips + draw.sample(others, min(max(0, size - len(clips)), len(others)))


def cells_of(
  rows: Sequence[str],
  names: Sequence[str],
  size: int,
  seeds: Sequence[int],
  sets: SmallSets,
) -> list[Cell]:
  """Returns the numbers of the table of one size."""
  cells = []
  for number, seed in enumerate(seeds):
    for column, name in enumerate(names):
      clips, task = sets.training(name, size, seed), sets.task(name, seed)
      for row, variant in enumerate(rows):
        measurement = Measurement(
          model_of(variant, clips, FLAGS.init, FLAGS.set or ()), "linear", *task
        )
        cells.append(Cell((row, column, number), variant, measurement, seed))
  return cells


def model_of(
  variant: str, clips: dict[str, str], start: str, settings: Sequence[str] = ()
) -> PretrainingChoice | str:
  """Returns the model of a row.

  Args:
    variant: one of ROWS.
    clips: that a training hears, see `SmallSets.training`.
    start: run folder or preset that trainings start from.
    settings: FIELD=VALUE, changes of all trainings.

  Example:
    >>> model_of("random weights", {}, "preset:general")
    'random:preset:general'
    >>> model_of("going on", {"dataset": "folder:effects.csv"}, "preset:general").options
    (('init', 'preset:general'),)
  """
  if (options := ROWS[variant]) is None:
    return start if variant == REFERENCE else f"{RANDOM}{start}"
  init = [] if variant == "small" else [("init", start)]
  keys = [("keys", clips["keys"])] if "keys" in clips else []
  changes = [("set", setting) for setting in settings]
  return PretrainingChoice("cola", (*init, *options, *keys, *changes), dataset=clips["dataset"])


def _chosen(flag: str, names: Sequence[str] | None, known: Collection[str]) -> list[str]:
  if unknown := [name for name in names or () if name not in known]:
    raise UserError(f"--{flag}: there is no {unknown[0]!r}; there are {'; '.join(known)}")
  return [name for name in known if not names or name in names]


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_string("init", "preset:general", "Run folder, or preset:NAME, to go on from.")
    flags.DEFINE_list("sets", None, f"Some of {', '.join(SETS)}; if not given, all.")
    flags.DEFINE_multi_string("variants", None, f"Row of the tables, one of {'; '.join(ROWS)}.")
    flags.DEFINE_multi_integer("clips", [300, 1000], "Number of clips of a set.", lower_bound=100)
    flags.DEFINE_multi_string("set", None, "FIELD=VALUE: a change of all trainings.")
  define_laboratory_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
