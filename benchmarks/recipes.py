"""python -m benchmarks.recipes: measures what the ingredients of the recipe `small` are worth.

It pre-trains every variant with every seed, for equal steps, on the training clips of the small
suite (without labels and without test clips), and evaluates all of them by linear evaluation. It
prints the suite with mean and standard deviation, then loss, contrastive accuracy and speed. The
same command resumes where it was stopped.
"""

import csv
import os
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks.lib.laboratory_flags import define_laboratory_flags, laboratory_request
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.files import replacing
from downstream.choices import Condition, parse_conditions, parse_seeds
from downstream.papers.cells import cells_of, columns_of
from downstream.papers.measurement import PretrainingChoice
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.results import measure
from downstream.papers.stages import Stages
from downstream.papers.table import Table, Variant

EXAMPLES = (
  "python -m benchmarks.recipes --audio_root=/path/to/audio_root",
  "python -m benchmarks.recipes --audio_root=/path/to/audio_root --variants='COLA small' "
  "--variants='without masks' --labels_per_class=10 --seeds=0",
)

# ESC-10 is tested on its fold 5, which no pre-training hears.
TASKS = ("digit", "speaker", "digit_unseen_speaker", "esc10_fold5", "instrument")
TRANSDUCTIVE = ("esc10",)  # all five folds, four of which pre-training hears without labels
LABELS_PER_CLASS = ["all", "10"]

_MASKS = ["masks=1", "mask_frames_max=24", "mask_bands_max=12", "mask_fill=mean"]
_OF_COLA = ["directions=1", "weight_decay=0.0", "warm_up=0.0"]
_SCHEDULE = "warm_up=0.1"  # then a cosine


def _settings(views: str, *settings: str) -> list[str]:
  masks = _MASKS if "specaugment" in views else []
  return [f"augment={views}", *masks, "clip_pooling=windows_max", *settings]


def _cola(views: str, *settings: str) -> tuple[str, str, list[str]]:
  changed = {setting.partition("=")[0] for setting in settings}
  rest = [setting for setting in _OF_COLA if setting.partition("=")[0] not in changed]
  return ("cola", "small", _settings(views, *rest, *settings))


def _mixback(views: str, *settings: str) -> tuple[str, str, list[str]]:
  return ("mixback", "small", _settings(views, *settings))


REFERENCES = ("COLA small", "mix-back small")  # the recipe itself; the other variants change it
_VIEWS = "pitch_shift,level,equalise,specaugment"
_UNMASKED = "pitch_shift,level,equalise"
_UNSHIFTED = "level,equalise"

# Name -> (system, recipe, settings that differ from it). The settings are spelled out even where
# they are those of the recipe: a result must not change its meaning when the recipe changes.
# "random weights" are those of step 0.
VARIANTS = {
  "log-mel statistics": None,
  "random weights": ("cola", "small", []),
  "COLA small": _cola(_VIEWS),
  # Something taken away from the recipe as it was when it still had a schedule.
  "with schedule": _cola(_VIEWS, _SCHEDULE),
  "with schedule, without masks": _cola(_UNMASKED, _SCHEDULE),
  "with schedule, without level": _cola("pitch_shift,equalise,specaugment", _SCHEDULE),
  "with schedule, without equaliser": _cola("pitch_shift,level,specaugment", _SCHEDULE),
  "with schedule, short clips in zeros": _cola(_VIEWS, _SCHEDULE, "short_clips=zeros"),
  "with schedule, dense head": _cola(_VIEWS, _SCHEDULE, "head=dense"),
  "with schedule, BatchNorm momentum 0.99": _cola(_VIEWS, _SCHEDULE, "batchnorm_momentum=0.99"),
  "with schedule, fader, two directions, weight decay": (
    "cola",
    "small",
    _settings(f"fader,{_VIEWS}", "directions=2", "weight_decay=1e-4", _SCHEDULE),
  ),
  # Something taken away.
  "no augmentation": _cola("none"),
  "masks only": _cola("specaugment"),
  "without masks": _cola(_UNMASKED),
  "without pitch shift": _cola(f"{_UNSHIFTED},specaugment"),
  "without level": _cola("pitch_shift,equalise,specaugment"),
  "without equaliser": _cola("pitch_shift,level,specaugment"),
  "short clips in zeros": _cola(_VIEWS, "short_clips=zeros"),
  "inputs not standardised": _cola(_VIEWS, "mean=0.0", "std=1.0"),
  "dense head": _cola(_VIEWS, "head=dense"),
  "BatchNorm momentum 0.99": _cola(_VIEWS, "batchnorm_momentum=0.99"),
  # Something added or replaced.
  "with fader": _cola(f"fader,{_VIEWS}"),
  "with crops": _cola(f"rrc,{_VIEWS}"),
  "two directions": _cola(_VIEWS, "directions=2"),
  "weight decay": _cola(_VIEWS, "weight_decay=1e-4"),
  "BatchNorm re-estimated": _cola(_VIEWS, "reestimate_batches=24"),
  "bilinear": _cola(_VIEWS, "similarity=bilinear"),
  "temperature 0.1": _cola(_VIEWS, "temperature=0.1"),
  "batches of 32": _cola(_VIEWS, "batch_size=32"),
  "batches of 128": _cola(_VIEWS, "batch_size=128"),
  # More or less time.
  **{f"{n} steps": _cola(_VIEWS, f"steps={n}") for n in (25, 50, 100, 200, 800, 1600)},
  # The published systems, with batches that fit a small computer.
  "45 steps of EfficientNet-B0, small": (
    "cola",
    "small",
    ["encoder=efficientnet_b0", "input_scaling=none", "steps=45"],
  ),
  "45 steps of EfficientNet-B0": ("cola", "paper", ["batch_size=64", "steps=45"]),
  "400 steps of EfficientNet-B0": ("cola", "paper", ["batch_size=64", "steps=400"]),
  # The other system.
  "random weights of mix-back": ("mixback", "small", []),
  "mix-back small": _mixback(_UNMASKED),
  "mix-back with fader": _mixback(f"fader,{_UNMASKED}"),
  "mix-back with masks": _mixback(_VIEWS),
  "mix-back without pitch shift": _mixback(_UNSHIFTED),
  "mix-back without backgrounds": _mixback(_UNMASKED, "mix=none"),
  "mix-back without augmentation": _mixback("none"),
  "mix-back without either": _mixback("none", "mix=none"),
}


def main(_: Sequence[str]) -> None:
  request, seeds = laboratory_request(), parse_seeds(FLAGS.seeds)
  variants = chosen_variants(FLAGS.variants, FLAGS.steps)
  conditions = parse_conditions(FLAGS.labels_per_class, label_noise=0.0)
  path, stages = os.path.join(request.folder, FLAGS.name), Stages(request)
  tables = [table for condition in conditions for table in suite_tables(variants, condition)]
  stages.train([cell for table in tables for cell in cells_of(table, columns_of(table), seeds)])
  from downstream.papers.table_files import print_and_write

  for table in tables:
    results = measure(table, columns_of(table), stages, seeds)
    print_and_write(table, results, f"{path}{file_suffix(table)}", draw_published=False)
  show_training(variants, stages.pretrainings, seeds, f"{path}-training.csv")
  stages.conclude()


def chosen_variants(names: Sequence[str] | None, steps: int | None) -> list[Variant]:
  """Returns variants in the order of their names; None: all.

  Args:
    names: keys of VARIANTS.
    steps: of each pre-training; None: those of the recipe.

  Raises:
    UserError: there is no variant of such a name.
  """
  if unknown := [name for name in names or () if name not in VARIANTS]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {'; '.join(VARIANTS)}")
  return [Variant(name, pretraining(name, steps)) for name in names or VARIANTS]


def suite_tables(variants: list[Variant], condition: Condition) -> list[Table]:
  """Returns the tables of the suite under one condition: inductive tasks, then transductive."""
  return [
    Table(
      f"the recipe small{kind}, {condition.name}",
      variants,
      tasks,
      tasks_are_rows=False,
      conditions={"": condition},
      reference=REFERENCES[0],
    )
    for tasks, kind in ((TASKS, ""), (TRANSDUCTIVE, ", transductive"))
  ]


def file_suffix(table: Table) -> str:
  """Returns the end of the names of a table's files, such as -transductive-10-per-class."""
  return table.title.removeprefix("the recipe small").replace(", ", "-").replace(" ", "-")


def pretraining(name: str, steps: int | None) -> PretrainingChoice | str:
  """Returns the pre-training of a variant, or the name of a baseline."""
  if VARIANTS[name] is None:
    return "logmel_stats"
  system, recipe, settings = VARIANTS[name]
  options = [("recipe", recipe), *(("set", setting) for setting in settings)]
  options += [("steps", steps)] if steps else []
  return PretrainingChoice(system, tuple(options), random=name.startswith("random weights"))


def show_training(
  variants: list[Variant], pretrainings: Pretrainings, seeds: Sequence[int], path: str
) -> None:
  """Prints and writes loss, accuracy and speed, means over the last tenth of all runs."""
  start_tensorflow()
  from contrastive_audio.runs import Run

  headings = ["variant", "loss", "contrastive accuracy (%)", "pairs/s", "pairs"]
  rows = []
  for variant in variants:
    if isinstance(variant.model, PretrainingChoice) and not variant.model.random:
      folders = [pretrainings.locate(variant.model, seed) for seed in seeds]
      if not all(is_trained for _, is_trained in folders):
        continue
      runs = [Run.open(folder) for folder, _ in folders]
      rows.append([variant.name, *_training_cells(runs)])
  print()
  markdown_table.show(headings, rows)
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    csv.writer(file).writerows([headings, *rows])


def _training_cells(runs) -> list[str]:
  names = ("loss", "contrastive_accuracy", "pairs_per_s")
  loss, accuracy, pairs_per_s = (_mean_of_last_tenth(runs, name) for name in names)
  config = runs[0].config["config"]
  pairs = config["steps"] * config["batch_size"]
  return [f"{loss:.2f}", f"{100 * accuracy:.0f}", f"{pairs_per_s:.0f}", str(pairs)]


def _mean_of_last_tenth(runs, metric: str) -> float:
  values_of_runs = [run.metrics(metric)[1] for run in runs]
  ends = [np.mean(values[-max(1, len(values) // 10) :]) for values in values_of_runs]
  return float(np.mean(ends))


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_multi_string(
      "variants", None, "Row of the tables, a key of VARIANTS; if not given, all."
    )
    flags.DEFINE_list("labels_per_class", LABELS_PER_CLASS, "Labels of the classifiers.")
    flags.DEFINE_integer(
      "steps", None, "Steps of each pre-training; if not given, the recipe's.", lower_bound=1
    )
    flags.DEFINE_string("name", "recipes", "Beginning of the names of the table files.")
  define_laboratory_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
