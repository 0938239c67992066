"""What a split of a task is, and how clips are held out.

Letters: n clips to train on, v to validate on, m to test on.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from contrastive_audio.errors import UserError

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

  Example:
    >>> Clips(["a.wav"], ["dog"], groups=[None], split_names=["train"]).labels
    ['dog']
  """

  keys: Sequence[str]
  labels: Sequence[str]
  groups: Sequence[str | None]
  split_names: Sequence[str | None]


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


def hold_out(
  clip_ids: np.ndarray,
  labels: Sequence[str],
  groups: Sequence[str | None],
  fraction: float,
  seed: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Holds out whole groups if there are at least two, otherwise clips within each class.

  Where some clips have a group, one without is a group of its own.

  Args:
    clip_ids: int `[n]`.
    labels: the label of each clip of the data set.
    groups: the group of each clip of the data set, or None.
    fraction: share of the clips (or groups) that is held out.
    seed: determines which.

  Returns:
    (int `[n - m]`, int `[m]`), both sorted.

  Example:
    >>> hold_out(np.arange(6), list("aaaaaa"), list("xxyyzz"), fraction=1 / 3, seed=0)
    (array([0, 1, 2, 3]), array([4, 5]))
  """
  clip_groups = named_groups([groups[clip_id] for clip_id in clip_ids])
  if clip_groups:
    from sklearn import model_selection  # late: it takes a second

    splitter = model_selection.GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    kept, held_out = next(splitter.split(clip_ids, groups=clip_groups))
  else:
    kept, held_out = _stratify([labels[clip_id] for clip_id in clip_ids], fraction, seed)
  return np.sort(clip_ids[kept]), np.sort(clip_ids[held_out])


def _stratify(labels: Sequence[str], fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the positions kept and held out; a single clip of a class is kept, two are divided."""
  rng = np.random.default_rng([seed, 0])
  held_out: list[int] = []
  names, class_of = np.unique(np.array(labels, object), return_inverse=True)
  for number in range(len(names)):
    members = np.flatnonzero(class_of == number)
    count = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
    held_out += rng.permutation(members)[: count if len(members) > 1 else 0].tolist()
  return np.setdiff1d(np.arange(len(labels)), held_out), np.array(sorted(held_out), int)


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

  Example:
    >>> clips = Clips(list("abcdef"), ["x"] * 6, list("112233"), [None] * 6)
    >>> split = Split("official", train=np.arange(4), test=np.array([4, 5]))
    >>> cut_validation(split, split.train, clips, seed=0)
    (array([0, 1]), array([2, 3]))
  """
  if split.cut is not None:
    return split.cut(train, clips, VALIDATION_FRACTION, seed)
  return hold_out(train, clips.labels, undivided_groups(split, clips), VALIDATION_FRACTION, seed)


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


def named_groups(groups: Sequence[str | None]) -> list[str]:
  """Returns the groups of some clips, where a clip without one stands alone; empty: nothing does.

  Args:
    groups: of each clip; None: it has none.

  Returns:
    A name for each clip; an empty list if no clip has a group, or all have the same.

  Example:
    >>> names = named_groups(["a", None, "a", None])
    >>> names[0] == names[2], len(set(names))
    (True, 3)
    >>> named_groups([None, None]), named_groups(["a", "a"])
    ([], [])
  """
  own = [f"\0{number}" if group is None else group for number, group in enumerate(groups)]
  has_groups = any(group is not None for group in groups)
  return own if has_groups and len(set(own)) > 1 else []


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


def leave_one_out(values: Sequence[str | None], kind: str) -> list[Split]:
  """Returns a Split per value: the clips with that value test, all others train.

  Args:
    values: one per clip.
    kind: what the values are, human-readable: "fold", "group".

  Raises:
    UserError: a clip has no value, or there are fewer than two different values.

  Example:
    >>> [(split.name, split.test.tolist()) for split in leave_one_out(["2", "1", "2"], "fold")]
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
