"""python -m benchmarks.recipes: what the ingredients of the recipe `small` are worth.

Pre-trains every variant with every seed, equal steps, on the training clips of the small suite (no
labels, no test clips), judges all by linear evaluation, and prints the suite with mean and spread,
loss, contrastive accuracy and speed. It can be stopped and started again.
"""

import csv
import os

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from contrastive_audio.utils import markdown_table
from downstream import tables, tasks
from downstream.judging import Condition
from downstream.papers.laboratory import Laboratory, Pretraining
from downstream.papers.tables import Table, Variant

# ESC-10 by its fold 5, which no pre-training hears.
TASKS = ("digit", "speaker", "digit_unseen_speaker", "esc10_fold5", "instrument")
TRANSDUCTIVE = ("esc10",)  # all five folds: four of them are heard, without labels, by pre-training
LABELS_PER_CLASS = ["all", "10"]

_MASKS = ["masks=1", "mask_frames_max=24", "mask_bands_max=12", "mask_fill=mean"]
_OF_COLA = ["directions=1", "weight_decay=0.0", "warm_up=0.0"]
_SCHEDULE = "warm_up=0.1"  # then a cosine


def _settings(views, *settings):
  return [f"augment={views}", *(_MASKS if "specaugment" in views else []), *settings]


def _cola(views, *settings):
  changed = {setting.partition("=")[0] for setting in settings}
  rest = [setting for setting in _OF_COLA if setting.partition("=")[0] not in changed]
  return ("cola", "small", _settings(views, *rest, *settings))


def _mixback(views, *settings):
  return ("mixback", "small", _settings(views, *settings))


WHOLE = ("COLA small", "mix-back small")  # what the others take away from, or add to
_VIEWS = "level,equalise,specaugment"
_UNMASKED = "level,equalise"

# name -> (system, recipe, what differs from it). The settings are written out, also where they are
# those of the recipe: a result must not change its meaning when the recipe does. "random weights"
# are those of step 0.
VARIANTS = {
  "log-mel statistics": None,
  "random weights": ("cola", "small", []),
  "COLA small": _cola(_VIEWS),
  # Something taken away from what the recipe was before its schedule was.
  "with schedule": _cola(_VIEWS, _SCHEDULE),
  "with schedule, without masks": _cola(_UNMASKED, _SCHEDULE),
  "with schedule, without level": _cola("equalise,specaugment", _SCHEDULE),
  "with schedule, without equaliser": _cola("level,specaugment", _SCHEDULE),
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
  "without level": _cola("equalise,specaugment"),
  "without equaliser": _cola("level,specaugment"),
  "short clips in zeros": _cola(_VIEWS, "short_clips=zeros"),
  "inputs not standardised": _cola(_VIEWS, "mean=0.0", "std=1.0"),
  "dense head": _cola(_VIEWS, "head=dense"),
  "BatchNorm momentum 0.99": _cola(_VIEWS, "batchnorm_momentum=0.99"),
  # Something added, or other.
  "with fader": _cola(f"fader,{_VIEWS}"),
  "with crops": _cola(f"rrc,{_VIEWS}"),
  "two directions": _cola(_VIEWS, "directions=2"),
  "weight decay": _cola(_VIEWS, "weight_decay=1e-4"),
  "BatchNorm measured anew": _cola(_VIEWS, "reestimate_batches=24"),
  "bilinear": _cola(_VIEWS, "similarity=bilinear"),
  "temperature 0.1": _cola(_VIEWS, "temperature=0.1"),
  "batches of 32": _cola(_VIEWS, "batch_size=32"),
  "batches of 128": _cola(_VIEWS, "batch_size=128"),
  # More or less time.
  **{f"{n} steps": _cola(_VIEWS, f"steps={n}") for n in (25, 50, 100, 200, 800, 1600)},
  # What was published, in batches a small computer can hold.
  "EfficientNet-B0 in 45 steps": (
    "cola",
    "small",
    ["encoder=efficientnet_b0", "input_scaling=none", "steps=45"],
  ),
  "published COLA in 45 steps": ("cola", "paper", ["batch_size=64", "steps=45"]),
  "published COLA in 400 steps": ("cola", "paper", ["batch_size=64", "steps=400"]),
  # The other system.
  "random weights of mix-back": ("mixback", "small", []),
  "mix-back small": _mixback(_UNMASKED),
  "mix-back with fader": _mixback(f"fader,{_UNMASKED}"),
  "mix-back with masks": _mixback(_VIEWS),
  "mix-back without backgrounds": _mixback(_UNMASKED, "mix=none"),
  "mix-back without augmentation": _mixback("none"),
  "mix-back without either": _mixback("none", "mix=none"),
}


def main(_):
  values = flags.FLAGS.flag_values_dict()
  seeds = [int(seed) for seed in values["seeds"]]
  chosen = values["variants"] or list(VARIANTS)
  if unknown := [name for name in chosen if name not in VARIANTS]:
    raise UserError(f"--variants: there is no {unknown[0]!r}; there are {', '.join(VARIANTS)}")
  variants = [Variant(name, pretraining(name, values["steps"])) for name in chosen]
  laboratory = Laboratory(values["runs_dir"], "small", values)
  path = os.path.join(values["runs_dir"], values["name"])
  for condition in conditions(values["labels_per_class"]):
    for tested, kind in ((TASKS, ""), (TRANSDUCTIVE, "-transductive")):
      title = f"the recipe small{kind.replace('-', ', ')}, {condition.name}"
      suite = Table(title, variants, tested, False, conditions={"": condition})
      columns = [(task, "") for task in suite.tasks]
      scores = tables.measure(suite, columns, laboratory, seeds)
      results = tables.Results(chosen, list(suite.tasks), scores, tables.known(suite, columns))
      to = f"{path}{kind}-{condition.name.replace(' ', '-')}"
      tables.show(suite, results, seeds, to, draw_published=False)
  show_training(variants, laboratory, seeds, f"{path}-training.csv")


def conditions(labels_per_class):
  """Returns the Conditions of texts: numbers, or "all"."""
  return [Condition(None if text == "all" else int(text)) for text in labels_per_class]


def pretraining(name, steps):
  """Returns the Pretraining of a variant, or the name of a baseline."""
  if VARIANTS[name] is None:
    return "logmel_stats"
  system, recipe, settings = VARIANTS[name]
  options = [("recipe", recipe), *(("set", setting) for setting in settings)]
  options += [("steps", steps)] if steps else []
  return Pretraining(system, tuple(options), random=name.startswith("random weights"))


def show_training(variants, laboratory, seeds, path):
  """Prints and writes loss, accuracy and speed, means over the last tenth of all runs."""
  headings = ["variant", "loss", "contrastive accuracy (%)", "pairs/s", "pairs"]
  rows = []
  for variant in variants:
    if isinstance(variant.model, Pretraining) and not variant.model.random:
      runs = [Run.open(laboratory.model(variant.model, seed)) for seed in seeds]
      rows.append([variant.name, *_training(runs)])
  print()
  markdown_table.show(headings, rows)
  with open(path, "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([headings, *rows])


def _training(runs):
  last = [_last(runs, name) for name in ("loss", "contrastive_accuracy", "pairs_per_s")]
  config = runs[0].config["config"]
  pairs = config["steps"] * config["batch_size"]
  return [f"{last[0]:.2f}", f"{100 * last[1]:.0f}", f"{last[2]:.0f}", str(pairs)]


def _last(runs, name):
  ends = []
  for run in runs:
    values = run.metrics(name)[1]
    ends.append(np.mean(values[-max(1, len(values) // 10) :]))
  return np.mean(ends)


def _define_flags():
  flags.DEFINE_string("runs_dir", "runs/recipes", "Where runs, results and the table are kept.")
  flags.DEFINE_string("name", "recipes", "Of the files with the tables.")
  flags.DEFINE_list("labels_per_class", LABELS_PER_CLASS, "Labels of the classifiers.")
  flags.DEFINE_list("variants", None, f"Some of: {', '.join(VARIANTS)}; default: all.")
  flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.")
  flags.DEFINE_integer("steps", None, "Steps of each run; default: the recipe's.", lower_bound=1)
  flags.DEFINE_list("pretraining_tasks", None, "As of downstream.tables.")
  tasks.define_flags()


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
