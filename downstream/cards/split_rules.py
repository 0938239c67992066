"""Which clips train and which test: rules, and what becomes of training labels.

A rule is a callable `(clips, seed) -> list of Splits`; its docstring of one line is what
`downstream.tasks --show` prints. Test clips never choose anything.
"""

import collections
import dataclasses
import re
from collections.abc import Callable

import numpy as np
from sklearn import model_selection

from contrastive_audio.errors import UserError

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.2


@dataclasses.dataclass(frozen=True)
class Clips:
  """What a rule may look at: one entry for each clip.

  Attributes:
    keys: names.
    labels: class names; None where a clip has none.
    groups: groups (speaker, recording); None where a clip has none.
    parts: names of the part of the data set, where it says so; otherwise None.
  """

  keys: list
  labels: list
  groups: list
  parts: list


@dataclasses.dataclass(frozen=True)
class Split:
  """One division of the clips.

  Attributes:
    name: for people.
    train: int `[n]`, clip numbers.
    test: int `[m]`, clip numbers.
    validation: int `[v]`, where the data set gives such a part; None: to be cut from train.
    refit: whether the validation clips train, too, once something has been chosen by them.
    cut: `(clip ids, Clips, fraction, seed) -> two parts`, how validation is cut; None: hold_out.
  """

  name: str
  train: np.ndarray
  test: np.ndarray
  validation: np.ndarray | None = None
  refit: bool = True
  cut: Callable | None = None


@dataclasses.dataclass(frozen=True)
class ByKey:
  """Train, test or fold is written in the name of the clip."""

  pattern: str  # its first group is looked up in `test`
  test: tuple  # values of that group that are tested
  describe: str

  def __call__(self, clips, seed):
    values = [_match(self.pattern, key) for key in clips.keys]
    tested = np.array([value in self.test for value in values])
    return [Split("given", np.flatnonzero(~tested), np.flatnonzero(tested))]


@dataclasses.dataclass(frozen=True)
class FoldsByKey:
  """Each fold is tested once, trained on the others; its number is in the name of the clip."""

  pattern: str
  describe: str

  def __call__(self, clips, seed):
    return leave_one_out([_match(self.pattern, key) for key in clips.keys], "fold")


@dataclasses.dataclass(frozen=True)
class LeaveOneGroupOut:
  """Each group (speaker, recording) is tested once, trained on the others."""

  describe: str

  def __call__(self, clips, seed):
    return leave_one_out(clips.groups, "group")


@dataclasses.dataclass(frozen=True)
class EveryThird:
  """Names sorted within each class; of each three the last is tested."""

  describe: str

  def __call__(self, clips, seed):
    tested = np.zeros(len(clips.keys), bool)
    for name in set(clips.labels):
      members = [i for i, label in enumerate(clips.labels) if label == name]
      tested[sorted(members, key=clips.keys.__getitem__)[2::3]] = True
    return [Split("every third", np.flatnonzero(~tested), np.flatnonzero(tested))]


@dataclasses.dataclass(frozen=True)
class Given:
  """The parts the data set names: train, test and, if there is one, validation; or folds."""

  describe: str = "parts named by the data set"

  def __call__(self, clips, seed):
    members = {name: _where(clips.parts, name) for name in set(clips.parts) - {None}}
    validation = members.get("validation", members.get("valid", members.get("dev")))
    if "train" in members and "test" in members:
      return [Split("given", members["train"], members["test"], validation)]
    if len(members) >= 2 and all(re.fullmatch(r"(fold)?[ _-]?\d+", name) for name in members):
      return leave_one_out(clips.parts, "fold")
    names = ", ".join(sorted(map(str, members))) or "none"
    raise UserError(
      f"the data set has the parts {names}: a task needs train and test (validation is optional), "
      "or numbered folds"
    )


@dataclasses.dataclass(frozen=True)
class Seeded:
  """A fifth is tested, drawn by the seed: whole groups if there are any, else each class alike."""

  describe: str = "a fifth, drawn by --seed: whole groups if there are any, else within each class"

  def __call__(self, clips, seed):
    everything = np.arange(len(clips.keys))
    train, test = hold_out(everything, clips.labels, clips.groups, TEST_FRACTION, seed)
    return [Split(f"seed {seed}", train, test)]


def hold_out(clip_ids, labels, groups, fraction, seed):
  """Divides clips into two parts: by groups if all have one and there are two, else by class.

  Args:
    clip_ids: int `[n]`.
    labels: a label for each clip of the data set.
    groups: a group or None for each clip of the data set.
    fraction: share of the second part.
    seed: int.

  Returns:
    (int `[n - m]`, int `[m]`), both sorted.
  """
  named = [groups[i] for i in clip_ids]
  if None not in named and len(set(named)) > 1:
    splitter = model_selection.GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    first, second = next(splitter.split(clip_ids, groups=named))
  else:
    first, second = _stratified([labels[i] for i in clip_ids], fraction, seed)
  return np.sort(clip_ids[first]), np.sort(clip_ids[second])


def validation_part(split, train, clips, seed):
  """Cuts the validation part off training clips, the way the test part of the split was cut.

  Args:
    split: a Split.
    train: int `[n]`, its training clips or some of them.
    clips: the Clips.
    seed: int.

  Returns:
    (int `[n - v]`, int `[v]`); whole groups if the split divides no group, else within each class.
  """
  if split.cut is not None:
    return split.cut(train, clips, VALIDATION_FRACTION, seed)
  groups = clips.groups
  if {groups[i] for i in split.train} & {groups[i] for i in split.test}:
    groups = [None] * len(groups)
  return hold_out(train, clips.labels, groups, VALIDATION_FRACTION, seed)


def few_labels(train, labels, per_class, seed):
  """Returns some of the training clips: `per_class` of each class, drawn by the seed.

  Raises:
    UserError: a class has fewer.
  """
  rng = np.random.default_rng([seed, 1])
  chosen = []
  for name in sorted({labels[i] for i in train}):
    members = [i for i in train if labels[i] == name]
    if len(members) < per_class:
      raise UserError(
        f"--labels_per_class={per_class}: the class {name!r} has {len(members)} training clips"
      )
    chosen.append(rng.choice(members, per_class, replace=False))
  return np.sort(np.concatenate(chosen))


def flip_labels(train, labels, share, seed):
  """Returns the labels with a share of those of the training clips changed to another class.

  Args:
    train: int `[n]`, training and validation clips.
    labels: a class name for each clip of the data set.
    share: 0 to 1; exactly `round(share * n)` labels are flipped.
    seed: int.
  """
  rng = np.random.default_rng([seed, 2])
  names = sorted({labels[i] for i in train})
  flipped = list(labels)
  for i in rng.choice(train, round(share * len(train)), replace=False):
    others = [name for name in names if name != labels[i]]
    flipped[i] = others[rng.integers(len(others))]
  return flipped


def _stratified(labels, fraction, seed):
  """Positions of both parts; a class with one clip stays in the first, with two it is in both."""
  rng = np.random.default_rng([seed, 0])
  second = []
  for name in sorted(set(labels)):
    members = np.flatnonzero(np.array(labels, object) == name)
    wanted = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
    second += rng.permutation(members)[: wanted if len(members) > 1 else 0].tolist()
  return np.setdiff1d(np.arange(len(labels)), second), np.array(sorted(second), int)


def leave_one_out(values, what):
  """Returns a Split for each value: the clips that have it test, all others train.

  Args:
    values: one for each clip.
    what: the values are, for people.

  Raises:
    UserError: a clip has none, or there are fewer than two.
  """
  counts = collections.Counter(values)
  if None in counts or len(counts) < 2:
    raise UserError(
      f"{counts[None]} of {len(values)} clips have no {what}, and there are "
      f"{len(set(counts) - {None})}: every clip needs one, and two are the least"
    )
  tested = {name: _where(values, name) for name in sorted(counts)}
  everything = np.arange(len(values))
  return [
    Split(f"{what} {name}", np.setdiff1d(everything, test), test) for name, test in tested.items()
  ]


def _where(values, name):
  return np.array([i for i, value in enumerate(values) if value == name], int)


def _match(pattern, key):
  match = re.search(pattern, key)
  if match is None:
    raise UserError(f"the clip {key!r} is not named as this data set names its clips ({pattern})")
  return match[1]
