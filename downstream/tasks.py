"""Tasks: which clips, which labels, which of them train and which test, and how it is scored.

`python -m downstream.tasks` lists the cards, `--show=NAME` prints one. A data set of the user's is
a task, too: `--task=folder:PATH` (classes are sub-folders, or a CSV) or an audio data set of
tensorflow-datasets by its name.
"""

import collections
import dataclasses

import numpy as np
from absl import flags

from audio import commands, datasets, preparation
from audio.errors import UserError
from audio.store import Store
from downstream import splits

METRICS = ("accuracy", "macro_accuracy", "mAP")
AUDIO_ROOT = "{audio_root}"
LABEL_SEPARATOR = ";"  # between the labels of a clip, where the metric is mAP

_DIGITS = r"^\d+_\w+_(\d+)\.wav$"
_DIGITS_TEST = splits.ByKey(
  _DIGITS, ("0", "1", "2", "3", "4"), "official: recordings 0 to 4 of each digit and speaker test"
)
_FOLD = r"(\d)-[^/\\]+$"


@dataclasses.dataclass(frozen=True)
class Task:
  """A card.

  Attributes:
    name: as `--task` has it.
    dataset: as `--dataset` has it; `{audio_root}` stands for that flag.
    split: a rule of `splits`; None: parts named by the data set, otherwise a seeded split.
    label: what of a clip is predicted: its "label" or its "group".
    metric: one of METRICS, the mean over the splits.
    about: source, size, licence.
    published: (system, value in %, source), to be printed beside measured values.
  """

  name: str
  dataset: str
  split: object = None
  label: str = "label"
  metric: str = "accuracy"
  about: str = "a data set of your own"
  published: tuple = ()


_SPOKEN_DIGIT = "Free Spoken Digit Dataset 1.0.9: 2,500 recordings, 5 speakers, CC BY-SA 4.0"
_ESC10 = "ESC-10: 400 clips of 5 s, 10 classes of environmental sounds, CC BY 3.0"
_PHILHARMONIA = "Philharmonia Orchestra: 960 notes of 12 instruments, CC BY-SA 3.0"

CARDS = {
  card.name: card
  for card in (
    Task("digit", "spoken_digit", _DIGITS_TEST, about=_SPOKEN_DIGIT),
    Task("speaker", "spoken_digit", _DIGITS_TEST, "group", about=_SPOKEN_DIGIT),
    Task(
      "digit_unseen_speaker",
      "spoken_digit",
      splits.LeaveOneGroupOut("each speaker is tested once, trained on the others"),
      about=_SPOKEN_DIGIT,
    ),
    Task(
      "esc10",
      "folder:{audio_root}/esc10",
      splits.FoldsByKey(_FOLD, "official: five folds, each tested once"),
      about=_ESC10,
    ),
    Task(
      "esc10_fold5",
      "folder:{audio_root}/esc10",
      splits.ByKey(_FOLD, ("5",), "official fold 5 tests, folds 1 to 4 train"),
      about=_ESC10,
    ),
    Task(
      "instrument",
      "folder:{audio_root}/philharmonia",
      splits.EveryThird("file names sorted within each class: every third tests"),
      about=_PHILHARMONIA,
    ),
  )
}
SUITES = {"small": ("digit", "speaker", "digit_unseen_speaker", "esc10", "instrument")}


class TaskData:
  """A task with its clips.

  Attributes:
    task: a Task.
    store: a store.Store with all its clips, at the rate asked for.
    clips: splits.Clips.
    class_names: sorted.
  """

  def __init__(self, task, store, parts):
    """Takes a Task, a Store, and for each clip its part of the data set or None.

    Raises:
      UserError: labels are missing, or there is one class only.
    """
    self.task, self.store = task, store
    labels = store.groups() if task.label == "group" else store.labels()
    self.clips = splits.Clips(store.keys(), labels, store.groups(), parts)
    _require_labels(task, self.clips)
    self.class_names = sorted({name for label in labels for name in self.names_of(label)})
    if len(self.class_names) < 2:
      raise UserError(
        f"the task {task.name} has one class only, {self.class_names[0]!r}: nothing to tell apart"
      )

  @property
  def multi_label(self):
    """Whether a clip may have several labels."""
    return self.task.metric == "mAP"

  def names_of(self, label):
    """Returns the classes that a label names: one, or several."""
    return [part.strip() for part in label.split(LABEL_SEPARATOR)] if self.multi_label else [label]

  def targets(self, labels=None):
    """Returns float32 `[n, C]`, one-hot or multi-hot, of the given labels (the true, if None)."""
    index = {name: column for column, name in enumerate(self.class_names)}
    labels = self.clips.labels if labels is None else labels
    targets = np.zeros([len(labels), len(index)], np.float32)
    for row, label in enumerate(labels):
      targets[row, [index[name] for name in self.names_of(label)]] = 1
    return targets

  def splits(self, seed):
    """Returns the splits.Splits of the task.

    Raises:
      UserError: a class is tested that is not trained on.
    """
    rule = self.task.split
    if rule is None:
      rule = splits.Given() if any(self.clips.parts) else splits.Seeded()
    return [self._checked(split) for split in rule(self.strata(), seed)]

  def strata(self):
    """Returns the clips as rules see them: where a clip has several labels, without any."""
    if not self.multi_label:
      return self.clips
    return dataclasses.replace(self.clips, labels=["any"] * len(self.clips.labels))

  def _checked(self, split):
    trained, tested = (
      {name for i in part for name in self.names_of(self.clips.labels[i])}
      for part in (split.train, split.test)
    )
    if not len(split.test) or not len(split.train):
      raise UserError(f"the task {self.task.name}, {split.name}: no clips to train or to test")
    if unknown := sorted(tested - trained):
      raise UserError(
        f"the task {self.task.name}, {split.name}: the class {unknown[0]!r} is tested and never "
        "trained on; leave it out, or give it more clips"
      )
    return split


def open_task(name, sample_rate_hz, flag_values):
  """Opens the data of a task.

  Args:
    name: a card, folder:PATH, or an audio data set of tensorflow-datasets.
    sample_rate_hz: rate of the model.
    flag_values: dictionary of the flags of `define_flags`.

  Returns:
    A TaskData.
  """
  task = CARDS.get(name) or Task(name, name, metric=flag_values["metric"])
  dataset = task.dataset
  if AUDIO_ROOT in dataset:
    if not flag_values["audio_root"]:
      folder = dataset.partition(AUDIO_ROOT)[2].strip("/")
      raise UserError(f"the task {name} needs --audio_root: the folder that holds {folder!r}")
    dataset = dataset.replace(AUDIO_ROOT, flag_values["audio_root"])
  store, parts = _open_parts(dataset, sample_rate_hz, flag_values)
  return TaskData(task, store, parts)


def _open_parts(dataset, sample_rate_hz, flag_values):
  """Returns (store of all clips, the part of the data set that each belongs to, or None)."""
  locations = flag_values["data_dir"], flag_values["manual_dir"]

  def open_store(source):
    max_bad = flag_values["max_bad_fraction"]
    return preparation.prepare(source, sample_rate_hz, flag_values["store_dir"], max_bad)

  is_csv = dataset.startswith("folder:") and dataset.lower().endswith(".csv")
  source = datasets.open_source(dataset, "all" if is_csv else None, *locations)
  names = source.split_names
  if {"train", "test"} <= set(names):
    stores = [open_store(datasets.open_source(dataset, part, *locations)) for part in names]
    parts = [part for part, store in zip(names, stores) for _ in range(store.num_clips)]
    return Store.join(stores), parts
  store = open_store(source)
  return store, list(map(source.splits.get, store.keys()))


def _require_labels(task, clips):
  missing = [key for key, label in zip(clips.keys, clips.labels) if label is None]
  if missing:
    raise UserError(
      f"the task {task.name} has no {task.label} for {len(missing)} of {len(clips.keys)} clips, "
      f"{missing[0]!r} among them: sub-folders or a CSV with the columns file,label name classes"
    )
  counts = collections.Counter(clips.labels)
  name, count = min(counts.items(), key=lambda item: item[1])
  if count == 1 and task.metric != "mAP":
    raise UserError(
      f"the task {task.name}: the class {name!r} has one clip, which cannot both train and test; "
      "give it more clips, or leave it out"
    )


def define_flags():
  """Defines the flags that every judging command has to find the data of its task."""
  flags.DEFINE_string("audio_root", None, "Folder that holds the data sets of tasks by name.")
  flags.DEFINE_enum(
    "metric",
    "accuracy",
    METRICS,
    f"Of a task of your own; mAP: a clip may have several labels, with {LABEL_SEPARATOR} between.",
  )
  commands.define_location_flags()


def show(task):
  """Prints a card."""
  rule = task.split or splits.Given("parts named by the data set, otherwise a seeded fifth tests")
  rows = {
    "task": task.name,
    "about": task.about,
    "data set": task.dataset,
    "predicts": task.label,
    "split": rule.describe,
    "metric": f"{task.metric}, the mean over the splits",
  }
  for title, text in rows.items():
    print(f"{title:<10} {text}")
  for system, value, source in task.published:
    print(f"{'published':<10} {system}: {value} ({source})")


def main(_):
  chosen = flags.FLAGS.show
  if chosen and chosen not in CARDS:
    raise UserError(f"--show={chosen}: there is no such card; there are {', '.join(CARDS)}")
  for name in [chosen] if chosen else CARDS:
    show(CARDS[name])
    print()


if __name__ == "__main__":
  flags.DEFINE_string("show", None, "Name of a task; default: all.")
  commands.run(main)
