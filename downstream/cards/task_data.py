"""A task with its clips: labels, classes in their order, and checked splits."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from contrastive_audio.datasets import LABEL_SEPARATOR
from contrastive_audio.datasets.timed_rows import joined
from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from downstream.cards.card import Task
from downstream.cards.shared_sound import divide_single_group, share_sound
from downstream.cards.split_rules import OwnSplits, Seeded
from downstream.cards.splits import Clips, Split


class TaskData:
  """A task with its clips.

  Letters: n clips, C classes.

  Attributes:
    task: the card.
    store: all clips, at the requested rate.
    clips: keys, labels, groups and own splits of the clips.
    class_names: in the official order of the data set, if there is one, otherwise sorted.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data = TaskData(Task("synthetic", "synthetic"), store)
    >>> (split,) = data.splits(seed=0)
    >>> len(data.class_names), len(split.train), len(split.test)
    (10, 40, 10)
  """

  def __init__(
    self,
    task: Task,
    store: Store,
    split_names: Sequence[str | None] | None = None,
    classes: tuple[str, ...] = (),
  ):
    """Checks the labels.

    Args:
      task: the card.
      store: all clips.
      split_names: the data set's own split of each clip, or None for a clip without one; None: no
        clip has one.
      classes: all classes of the data set in the official order; empty: there is none.

    Raises:
      UserError: labels are missing or are not classes of the data set, or there is only one class.
    """
    self.task, self.store = task, store
    split_names = [None] * store.num_clips if split_names is None else split_names
    keys = store.keys()
    groups = divide_single_group(keys, store.groups())
    labels = check_labels(task, keys, store.groups() if task.label == "group" else store.labels())
    self.clips = Clips(keys, labels, groups, split_names)
    self.class_names = self._order(task.order(classes) if task.label == "label" else ())

  @property
  def multi_label(self) -> bool:
    """Whether a clip may have several labels."""
    return self.task.metric == "mAP"

  def names_of(self, label: str) -> list[str]:
    """Returns the classes that a label names: one, or several."""
    return _names_of(self.task, label)

  def without_clips(self, classes: Sequence[str]) -> list[str]:
    """Returns those of the data set's classes that have no clip; none if labels are not classes.

    Args:
      classes: all classes of the data set.
    """
    if self.task.label != "label":
      return []
    there = {name for label in set(self.clips.labels) for name in self.names_of(label)}
    return [name for name in classes if name not in there]

  def untested(self, seed: int) -> list[str]:
    """Returns the classes of which no split has a test clip: the score says nothing about them.

    Args:
      seed: of a split that is drawn.
    """
    tested = set().union(*(self._classes_of(split.test) for split in self.splits(seed)))
    return [name for name in self.class_names if name not in tested]

  def divided_groups(self, seed: int) -> tuple[int, int]:
    """Returns how many groups with test clips have training clips, too, in a split; of how many.

    None count where a card says how its data set is divided, or where they are the classes.

    Args:
      seed: of a split that is drawn.
    """
    if self.task.split is not None:
      return 0, 0
    pairs = zip(self.store.groups(), self.clips.labels)
    groups = [None if group == label else group for group, label in pairs]
    divided, tested = set(), set()
    for split in self.splits(seed):
      train, test = ({groups[number] for number in ids} for ids in (split.fitted, split.test))
      divided |= train & test
      tested |= test
    return len(divided - {None}), len(tested - {None})

  def num_shared(self, seed: int) -> tuple[int, int]:
    """Returns how many test clips of all splits share sound with a training clip; of how many.

    They overlap with one, or are copies of one under another name.

    Args:
      seed: of a split that is drawn.
    """
    splits, keys, sounds = self.splits(seed), self.clips.keys, self.store.sounds()
    shared = sum(share_sound(keys, split.test, split.fitted, sounds) for split in splits)
    return shared, sum(len(split.test) for split in splits)

  def targets(self, labels: Sequence[str] | None = None) -> np.ndarray:
    """Returns float32 `[n, C]`, one-hot or multi-hot.

    Args:
      labels: n labels; None: the true ones.
    """
    columns = {name: column for column, name in enumerate(self.class_names)}
    labels = self.clips.labels if labels is None else labels
    targets = np.zeros([len(labels), len(columns)], np.float32)
    for row, label in enumerate(labels):
      targets[row, [columns[name] for name in self.names_of(label)]] = 1
    return targets

  def splits(self, seed: int) -> list[Split]:
    """Returns the splits of the task.

    Args:
      seed: of a split that is drawn.

    Raises:
      UserError: a class is tested but never trained on, or only one is trained on.
    """
    rule = self.task.split
    if rule is None:
      rule = OwnSplits() if any(self.clips.split_names) else Seeded()
    return [self._check(split) for split in rule(self.strata(), seed)]

  def strata(self) -> Clips:
    """Returns the clips as split rules see them: one with several classes has the rarest of them.

    So a cut takes its share of rare classes, and does not leave them out or take all of them.
    """
    if not self.multi_label:
      return self.clips
    classes = self.classes()
    counts = collections.Counter(name for names in classes for name in names)
    rarest = [min(names, key=lambda name: (counts[name], name)) for names in classes]
    return dataclasses.replace(self.clips, labels=rarest, classes=classes)

  def classes(self) -> list[list[str]]:
    """Returns the classes of each clip."""
    return [self.names_of(label) for label in self.clips.labels]

  def _order(self, classes: tuple[str, ...]) -> list[str]:
    """Returns the classes that occur, in the given order; without one: sorted."""
    keys_and_labels = zip(self.clips.keys, self.clips.labels)
    key_of_class = {name: key for key, label in keys_and_labels for name in self.names_of(label)}
    if not classes:
      return sorted(key_of_class)
    if unknown := sorted(set(key_of_class) - set(classes)):
      raise UserError(
        f"the task {self.task.name}: the label {unknown[0]!r} (of {key_of_class[unknown[0]]!r}) is "
        f"not one of the {len(classes)} classes of {self.task.dataset}, {classes[0]!r} to "
        f"{classes[-1]!r}"
      )
    return [name for name in classes if name in key_of_class]

  def _check(self, split: Split) -> Split:
    if not len(split.test) or not len(split.train):
      what = "train" if len(split.test) else "test"
      cure = "it takes a class with clips of two groups (recordings, speakers)"
      raise UserError(
        f"the task {self.task.name}, {split.name}: no clips to {what}"
        + (f": {cure}" if any(self.clips.groups) else "")
      )
    if unknown := sorted(self._classes_of(split.test) - self._classes_of(split.train)):
      raise UserError(
        f"the task {self.task.name}, {split.name}: the class {unknown[0]!r} is tested but never "
        "trained on; leave it out, or give it clips that train"
      )
    trained = self._classes_of(split.train)
    if len(trained) < 2 and not self.multi_label:
      raise UserError(
        f"the task {self.task.name}, {split.name}: all clips that train are of the class "
        f"{trained.pop()!r}: nothing to tell apart"
      )
    return split

  def _classes_of(self, clip_ids: np.ndarray) -> set[str]:
    return {name for clip_id in clip_ids for name in self.names_of(self.clips.labels[clip_id])}


def check_labels(
  task: Task, keys: Sequence[str], labels_or_none: Sequence[str | None]
) -> list[str]:
  """Returns the class of each clip, as the card names it; of several labels, one in their order.

  Args:
    task: the card.
    keys: names of the clips.
    labels_or_none: what the data set says about each of them.

  Raises:
    UserError: a clip has no label, a class has a single clip, or there is only one class.

  Example:
    >>> check_labels(Task("mine", "folder:mine"), ["a.wav", "b.wav"], ["wren", None])
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: the task mine has no label for 1 of 2 clips, 'b.wav' ...
  """
  if missing := [key for key, label in zip(keys, labels_or_none) if label is None]:
    raise UserError(
      f"the task {task.name} has no {task.label} for {len(missing)} of {len(keys)} clips, "
      f"{missing[0]!r} among them: classes are named by sub-folders, or by a CSV with the columns "
      "file,label"
    )
  labels = [task.rename(_in_order(label)) for label in labels_or_none if label is not None]
  counts = collections.Counter(labels)
  name, count = min(counts.items(), key=lambda item: item[1])
  if count == 1 and task.metric != "mAP":
    cure = "give it more clips, or leave it out"
    if LABEL_SEPARATOR in name:
      cure = f"if that is several labels, pass --metric=mAP; if not, {cure}"
    raise UserError(
      f"the task {task.name}: the class {name!r} has one clip, which cannot both train and test; "
      f"{cure}"
    )
  classes = {each for label in counts for each in _names_of(task, label)}
  if len(classes) < 2:
    only = min(classes, default="")
    raise UserError(f"the task {task.name} has only one class, {only!r}: nothing to tell apart")
  return labels


def _in_order(label: str) -> str:
  """Returns several labels in one order: whichever is named first, they are one class."""
  return joined([label]) or label if LABEL_SEPARATOR in label else label


def _names_of(task: Task, label: str) -> list[str]:
  """Returns the classes that a label names: one, or several."""
  if task.metric != "mAP":
    return [label]
  names = (name.strip() for name in label.split(LABEL_SEPARATOR))
  return list(dict.fromkeys(filter(None, names)))
