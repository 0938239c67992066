"""What a split of a task is, and what is held out of its training clips to choose by.

Letters: n clips to train on, v to validate on, m to test on.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from contrastive_audio.errors import UserError
from downstream.cards.holding_out import hold_out, named_groups

VALIDATION_FRACTION = 0.2
FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Clips:
  """What a split rule may look at: one entry per clip.

  Attributes:
    keys: names of the clips.
    labels: class names.
    groups: groups (speaker, recording); None for a clip without one.
    split_names: names of the data set's own splits ("train", "fold1"); None where there is none.
    classes: all class names of each clip, where `labels` has one of several; None: its label.

  Example:
    >>> Clips(["a.wav"], ["dog"], groups=[None], split_names=["train"]).labels
    ['dog']
  """

  keys: Sequence[str]
  labels: Sequence[str]
  groups: Sequence[str | None]
  split_names: Sequence[str | None]
  classes: Sequence[Sequence[str]] | None = None

  def classes_of(self, clip_id: int) -> set[str]:
    """Returns all classes of a clip."""
    return {self.labels[clip_id]} if self.classes is None else set(self.classes[clip_id])


# (clip ids, clips, fraction, seed) -> ids of the larger and of the smaller share.
Cut = Callable[[np.ndarray, Clips, float, int], tuple[np.ndarray, np.ndarray]]
# (clip ids, clips) -> of each class, the sets of clips that no cut divides.
Units = Callable[[np.ndarray, Clips], list[list[list[int]]]]


@dataclasses.dataclass(frozen=True)
class Split:
  """One division of the clips.

  Attributes:
    name: human-readable.
    train: int `[n]`, clip numbers.
    test: int `[m]`, clip numbers.
    validation: int `[v]`, if the data set has such a split; None: to be cut from `train`.
    refit: whether the final classifier is fitted on the validation clips too.
    cut: how validation clips are cut from `train`; None: by `hold_out`.
    units: what `cut` does not divide; None: what `hold_out` does not divide.

  Example:
    >>> Split("official", train=np.array([0, 1]), test=np.array([2])).refit
    True
  """

  name: str
  train: np.ndarray
  test: np.ndarray
  validation: np.ndarray | None = None
  refit: bool = True
  cut: Cut | None = None
  units: Units | None = None

  @property
  def fitted(self) -> np.ndarray:
    """Clips that the final classifier is fitted on, int `[n]` or, with `refit`, `[n + v]`."""
    if self.validation is None or not self.refit:
      return self.train
    return np.concatenate([self.train, self.validation])


class SplitRule(Protocol):
  """A callable that divides the clips of a task.

  Example:
    >>> from downstream.cards.split_rules import Seeded
    >>> rule: SplitRule = Seeded()
    >>> (split,) = rule(Clips(list("abcdefghij"), ["x"] * 10, [None] * 10, [None] * 10), seed=0)
    >>> len(split.train), len(split.test)
    (8, 2)
  """

  @property
  def description(self) -> str:
    """One line, which `python -m downstream.tasks` prints."""

  def __call__(self, clips: Clips, seed: int) -> list[Split]: ...


def cut_validation(
  split: Split, train: np.ndarray, clips: Clips, seed: int
) -> tuple[np.ndarray, np.ndarray]:
  """Cuts validation clips from training clips, in the way the test clips of the split were cut.

  Args:
    split: the split.
    train: int `[n]`, its training clips or some of them.
    clips: all clips of the data set.
    seed: determines which clips are cut.

  Returns:
    (int `[n - v]`, int `[v]`): whole groups if the split divides no group, else within each class.
    No class is in the second part alone, where nobody has learned it.

  Example:
    >>> clips = Clips(list("abcdef"), ["x"] * 6, list("112233"), [None] * 6)
    >>> split = Split("official", train=np.arange(4), test=np.array([4, 5]))
    >>> cut_validation(split, split.train, clips, seed=0)
    (array([0, 1]), array([2, 3]))
  """
  groups = undivided_groups(split, clips)
  if split.cut is not None:
    kept, held_out = split.cut(train, clips, VALIDATION_FRACTION, seed)
  else:
    kept, held_out = hold_out(train, clips.labels, groups, VALIDATION_FRACTION, seed)
  return keep_every_class(kept, held_out, dataclasses.replace(clips, groups=groups))


def keep_every_class(
  kept: np.ndarray, held_out: np.ndarray, clips: Clips
) -> tuple[np.ndarray, np.ndarray]:
  """Gives back whole groups, or clips, with a class that nothing else that is kept has.

  Args:
    kept: int `[n]`, clip numbers.
    held_out: int `[m]`, clip numbers.
    clips: all clips of the data set.

  Returns:
    What is kept and held out instead.

  Example:
    >>> clips = Clips(["a.wav", "b.wav", "c.wav"], ["x", "y", "x"], ["a", "b", "c"], [None] * 3)
    >>> keep_every_class(np.array([0]), np.array([1, 2]), clips)
    (array([0, 1]), array([2]))
  """
  units = [clips.groups[clip_id] or int(clip_id) for clip_id in held_out]
  known = set().union(*map(clips.classes_of, kept))
  needed = {unit for clip_id, unit in zip(held_out, units) if clips.classes_of(clip_id) - known}
  given_back = np.array([unit in needed for unit in units], bool)
  return np.sort(np.concatenate([kept, held_out[given_back]])), held_out[~given_back]


def validation_folds(
  split: Split, train: np.ndarray, clips: Clips, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Divides training clips into FOLDS folds, in the way the test clips of the split were cut.

  Args:
    split: the split.
    train: int `[n]`, its training clips or some of them.
    clips: all clips of the data set.
    seed: determines the folds.

  Returns:
    For each fold that is not empty, (int `[n - v]`, int `[v]`): the other clips, and its own. The
    clips of a class that cannot be divided are in no fold.

  Example:
    >>> clips = Clips(list("abcdef"), list("xxxyyz"), [None] * 6, [None] * 6)
    >>> split = Split("official", train=np.arange(6), test=np.array([], int))
    >>> [len(fold) for _, fold in validation_folds(split, split.train, clips, seed=0)]
    [2, 2, 1]
  """
  rng = np.random.default_rng([seed, 4])
  folds: list[list[int]] = [[] for _ in range(FOLDS)]
  for units in split.units(train, clips) if split.units else _units(split, train, clips):
    if len(units) > 1:
      for position, number in enumerate(rng.permutation(len(units))):
        folds[position % FOLDS] += units[number]
  held_out = [np.array(sorted(fold), int) for fold in folds if fold]
  return [(np.setdiff1d(train, fold), fold) for fold in held_out]


def undivided_groups(split: Split, clips: Clips) -> Sequence[str | None]:
  """Returns the groups of the clips; no groups if the split itself divides one.

  Args:
    split: the split.
    clips: all clips of the data set.

  Example:
    >>> clips = Clips(list("abc"), ["x"] * 3, list("112"), [None] * 3)
    >>> undivided_groups(Split("speakers", np.array([0, 1]), np.array([2])), clips)
    ['1', '1', '2']
    >>> undivided_groups(Split("clips", np.array([0]), np.array([1, 2])), clips)
    [None, None, None]
  """
  groups = clips.groups
  sides = ({groups[clip_id] for clip_id in ids} - {None} for ids in (split.train, split.test))
  if set.intersection(*sides):
    return [None] * len(groups)
  return groups


def _units(split: Split, clip_ids: np.ndarray, clips: Clips) -> list[list[list[int]]]:
  """Returns what `hold_out` does not divide: groups of any class, or the clips of each class."""
  groups = undivided_groups(split, clips)
  if names := named_groups([groups[clip_id] for clip_id in clip_ids]):
    members = collections.defaultdict(list)
    for clip_id, name in zip(clip_ids, names):
      members[name].append(int(clip_id))
    return [list(members.values())]
  by_class = collections.defaultdict(list)
  for clip_id in clip_ids:
    by_class[clips.labels[clip_id]].append([int(clip_id)])
  return [units for _, units in sorted(by_class.items())]


def split_by_value(values: Sequence[str | None], kind: str) -> list[Split]:
  """Returns a Split per value: the clips with that value test, all others train.

  Args:
    values: one per clip.
    kind: what the values are, human-readable: "fold", "group".

  Raises:
    UserError: a clip has no value, or there are fewer than two different values.

  Example:
    >>> [(split.name, split.test.tolist()) for split in split_by_value(["2", "1", "2"], "fold")]
    [('fold 1', [1]), ('fold 2', [0, 2])]
  """
  counts = collections.Counter(values)
  if None in counts or len(counts) < 2:
    raise UserError(
      f"{counts[None]} of {len(values)} clips have no {kind}, and there are "
      f"{len(set(counts) - {None})} different ones: every clip needs one, and there must be two"
    )
  names = sorted(name for name in counts if name is not None)
  tested = {name: clips_with(values, name) for name in names}
  everything = np.arange(len(values))
  return [
    Split(f"{kind} {name}", np.setdiff1d(everything, test), test) for name, test in tested.items()
  ]


def clips_with(values: Sequence[str | None], value: str) -> np.ndarray:
  """Returns int `[m]`, the numbers of the clips with a value.

  Args:
    values: one per clip.
    value: one of them.

  Example:
    >>> clips_with(["train", "test", "train"], "train")
    array([0, 2])
  """
  return np.array([number for number, other in enumerate(values) if other == value], int)
