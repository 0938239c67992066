"""A task with its clips: labels, classes in their order, and checked splits."""

import collections
import dataclasses

import numpy as np

from contrastive_audio.datasets import LABEL_SEPARATOR
from contrastive_audio.errors import UserError
from downstream.cards import split_rules


class TaskData:
  """A task with its clips.

  Attributes:
    task: a Task.
    store: a store.Store with all its clips, at the rate asked for.
    clips: splits.Clips.
    class_names: in the official order of the data set, where it has one, otherwise sorted.
  """

  def __init__(self, task, store, parts, classes=()):
    """Takes a Task, a Store, for each clip its part or None, and the official order of classes.

    Raises:
      UserError: labels are missing or none of the classes, or there is one class only.
    """
    self.task, self.store = task, store
    labels = store.groups() if task.label == "group" else store.labels()
    labels = [task.renamed(label) for label in labels]
    self.clips = split_rules.Clips(store.keys(), labels, store.groups(), parts)
    _require_labels(task, self.clips)
    self.class_names = self._ordered(task.order(classes) if task.label == "label" else ())
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

  def _ordered(self, classes):
    """Names of the classes that occur, in the given order; in none: sorted."""
    found = {name: key for key, label in self._labelled() for name in self.names_of(label)}
    if not classes:
      return sorted(found)
    if unknown := sorted(set(found) - set(classes)):
      raise UserError(
        f"the task {self.task.name}: the label {unknown[0]!r} (of {found[unknown[0]]!r}) is none "
        f"of the {len(classes)} classes of {self.task.dataset}, {classes[0]!r} to {classes[-1]!r}"
      )
    return [name for name in classes if name in found]

  def _labelled(self):
    return zip(self.clips.keys, self.clips.labels)

  def splits(self, seed):
    """Returns the splits.Splits of the task.

    Raises:
      UserError: a class is tested that is not trained on.
    """
    rule = self.task.split
    if rule is None:
      rule = split_rules.Given() if any(self.clips.parts) else split_rules.Seeded()
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
