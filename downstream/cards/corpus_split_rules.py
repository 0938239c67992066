"""Split rules for published data sets: their own splits, and seeded cuts within each class."""

import collections
import dataclasses
import functools
from collections.abc import Iterable

import numpy as np

from contrastive_audio.errors import UserError
from downstream.cards.splits import Clips, Split, split_by_value

# How the clips of one group (speaker, chapter, recording) are treated.
WHOLE = "whole"  # never divided; a class with a single group only trains
WHOLE_IF_SEVERAL = "whole if several"  # divided if its class has no other group
IGNORED = "ignored"
GROUPS = (WHOLE, WHOLE_IF_SEVERAL, IGNORED)


@dataclasses.dataclass(frozen=True)
class NamedSplits:
  """The data set's own splits, each for one purpose.

  Attributes:
    train: names of the splits that train.
    test: names of the splits that test.
    description: human-readable.
    validation: names of the splits that validate; empty: validation clips are cut from the training
      clips, and the final classifier is fitted on them too.

  Example:
    >>> rule = NamedSplits(train=("train",), test=("eval",), description="official")
    >>> clips = Clips(list("abc"), ["x"] * 3, [None] * 3, ["train", "other", "eval"])
    >>> (split,) = rule(clips, seed=0)
    >>> split.train.tolist(), split.test.tolist()
    ([0], [2])
  """

  train: tuple[str, ...]
  test: tuple[str, ...]
  description: str
  validation: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    if len(set(self.names)) != len(self.names):
      raise ValueError(f"a split serves two purposes: {', '.join(self.names)}")

  @property
  def names(self) -> tuple[str, ...]:
    """Names of all splits that it needs."""
    return (*self.train, *self.validation, *self.test)

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    train, test = self._members(clips, "train"), self._members(clips, "test")
    validation = self._members(clips, "validation") if self.validation else None
    cut = functools.partial(within_classes, groups=WHOLE_IF_SEVERAL)
    units = functools.partial(units_of_classes, groups=WHOLE_IF_SEVERAL)
    refit = not self.validation
    return [Split("given", train, test, validation, refit=refit, cut=cut, units=units)]

  def _members(self, clips: Clips, purpose: str) -> np.ndarray:
    names = getattr(self, purpose)
    members = np.flatnonzero([name in names for name in clips.split_names])
    if not len(members):
      raise UserError(
        f"no clip of the split {' or '.join(names)}, which is needed for {purpose}: the data set "
        "is incomplete"
      )
    return members


@dataclasses.dataclass(frozen=True)
class Folds:
  """The data set's own folds: each tests once, and the others train.

  Attributes:
    names: of the folds.
    description: human-readable.

  Example:
    >>> rule = Folds(("1", "2"), "official")
    >>> splits = rule(Clips(list("abc"), ["x"] * 3, [None] * 3, ["1", "2", "1"]), seed=0)
    >>> [split.test.tolist() for split in splits]
    [[0, 2], [1]]
  """

  names: tuple[str, ...]
  description: str

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    return split_by_value(clips.split_names, "fold")


@dataclasses.dataclass(frozen=True)
class WithinClasses:
  """A share of each class tests, drawn by the seed; `groups` says whether groups stay whole.

  Attributes:
    fraction: share of the clips of each class that tests.
    description: human-readable.
    groups: one of GROUPS.

  Example:
    >>> rule = WithinClasses(0.5, "half of the recordings")
    >>> clips = Clips(list("abcd"), ["x"] * 4, ["r1", "r1", "r2", "r2"], [None] * 4)
    >>> (split,) = rule(clips, seed=0)
    >>> {clips.groups[number] for number in split.train} & {clips.groups[i] for i in split.test}
    set()
  """

  fraction: float
  description: str
  groups: str = WHOLE

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    missing = [key for key, group in zip(clips.keys, clips.groups) if group is None]
    if missing and self.groups != IGNORED:
      raise UserError(
        f"{len(missing)} of {len(clips.keys)} clips have no group, {missing[0]!r} among them: "
        "clips of one group must not train and test"
      )
    cut = functools.partial(within_classes, groups=self.groups)
    train, test = cut(np.arange(len(clips.keys)), clips, self.fraction, seed)
    units = functools.partial(units_of_classes, groups=self.groups)
    return [Split(f"seed {seed}", train, test, cut=cut, units=units)]


def within_classes(
  clip_ids: np.ndarray, clips: Clips, fraction: float, seed: int, groups: str
) -> tuple[np.ndarray, np.ndarray]:
  """Holds out a share of each class.

  Groups are drawn in the order of the seed: each one that still fits into the share is held out; if
  none fits, the smallest. A group with clips of several classes counts for its most frequent class.

  Args:
    clip_ids: int `[n]`.
    clips: all clips of the data set.
    fraction: share that is held out.
    seed: determines the order.
    groups: one of GROUPS.

  Returns:
    (int `[n - m]`, int `[m]`), both sorted; the second is held out.

  Example:
    >>> clips = Clips(list("abcd"), list("xxyy"), [None] * 4, [None] * 4)
    >>> kept, held_out = within_classes(np.arange(4), clips, 0.5, seed=0, groups=IGNORED)
    >>> [clips.labels[number] for number in held_out]
    ['x', 'y']
  """
  rng = np.random.default_rng([seed, 3])
  held_out: list[int] = []
  for units in units_of_classes(clip_ids, clips, groups):
    if len(units) > 1:
      held_out += _draw(units, fraction, rng)
  return np.setdiff1d(clip_ids, held_out), np.array(sorted(held_out), int)


def units_of_classes(clip_ids: np.ndarray, clips: Clips, groups: str) -> list[list[list[int]]]:
  """Returns, for each class in alphabetical order, the sets of clips that stay together.

  Args:
    clip_ids: int `[n]`.
    clips: all clips of the data set.
    groups: one of GROUPS.

  Example:
    >>> clips = Clips(list("abc"), list("xxy"), ["r1", "r1", "r2"], [None] * 3)
    >>> units_of_classes(np.arange(3), clips, WHOLE)
    [[[0, 1]], [[2]]]
    >>> units_of_classes(np.arange(3), clips, WHOLE_IF_SEVERAL)
    [[[0], [1]], [[2]]]
  """
  by_class = sorted(_groups_by_class(clip_ids, clips, groups).items())
  return [
    [[clip_id] for clip_id in units[0]] if len(units) == 1 and groups == WHOLE_IF_SEVERAL else units
    for _, units in by_class
  ]


def _groups_by_class(
  clip_ids: Iterable[int], clips: Clips, groups: str
) -> dict[str, list[list[int]]]:
  """Returns class -> groups, each a list of clips; a clip without group is a group of its own."""
  members_of_group = collections.defaultdict(list)
  for clip_id in clip_ids:
    group = None if groups == IGNORED else clips.groups[clip_id]
    key = ("clip", clip_id) if group is None else ("group", group)
    members_of_group[key].append(int(clip_id))
  by_class = collections.defaultdict(list)
  for members in members_of_group.values():
    ((name, _),) = collections.Counter(clips.labels[i] for i in members).most_common(1)
    by_class[name].append(members)
  return by_class


def _draw(groups: list[list[int]], fraction: float, rng: np.random.Generator) -> list[int]:
  """Returns the clips of some of at least two groups."""
  capacity = max(1, round(fraction * sum(map(len, groups))))
  drawn: list[int] = []
  for number in rng.permutation(len(groups)):
    if len(drawn) + len(groups[number]) <= capacity:
      drawn += groups[number]
  return drawn or min(groups, key=len)
