"""Rules for published data sets: parts that they name, and seeded cuts inside each class."""

import collections
import dataclasses
import functools

import numpy as np

from contrastive_audio.errors import UserError
from downstream.cards.split_rules import Split, leave_one_out

# What becomes of clips of one group (speaker, chapter, recording); a clip without is on its own.
WHOLE = "whole"  # never divided; a class with one group only trains
WHOLE_IF_SEVERAL = "whole if several"  # divided where a class has no other
IGNORED = "ignored"
GROUPS = (WHOLE, WHOLE_IF_SEVERAL, IGNORED)


@dataclasses.dataclass(frozen=True)
class Parts:
  """Parts that the data set names: each does what it is for, and nothing else.

  Attributes:
    train: names of the parts.
    test: likewise.
    describe: for people.
    validation: likewise; empty: cut from the training clips, which in the end train.
  """

  train: tuple
  test: tuple
  describe: str
  validation: tuple = ()

  def __post_init__(self):
    if len(set(self.names)) != len(self.names):
      raise ValueError(f"a part serves two purposes: {', '.join(self.names)}")

  @property
  def names(self):
    """Names of all parts that it needs."""
    return (*self.train, *self.validation, *self.test)

  def __call__(self, clips, seed):
    train, test = self._members(clips, "train"), self._members(clips, "test")
    validation = self._members(clips, "validation") if self.validation else None
    cut = functools.partial(within_classes, groups=WHOLE_IF_SEVERAL)
    return [Split("given", train, test, validation, refit=not self.validation, cut=cut)]

  def _members(self, clips, purpose):
    names = getattr(self, purpose)
    members = np.flatnonzero([part in names for part in clips.parts])
    if not len(members):
      raise UserError(
        f"no clip of the part {' or '.join(names)}, which is for {purpose}: the data set is not "
        "all there"
      )
    return members


@dataclasses.dataclass(frozen=True)
class Folds:
  """Parts that the data set names, each tested once, trained on the others."""

  names: tuple
  describe: str

  def __call__(self, clips, seed):
    return leave_one_out(clips.parts, "fold")


@dataclasses.dataclass(frozen=True)
class WithinClasses:
  """A share of each class, drawn by the seed, by whole groups as far as `groups` says.

  Attributes:
    fraction: share of the clips of each class that is tested.
    describe: for people.
    groups: one of GROUPS.
  """

  fraction: float
  describe: str
  groups: str = WHOLE

  def __call__(self, clips, seed):
    missing = [key for key, group in zip(clips.keys, clips.groups) if group is None]
    if missing and self.groups != IGNORED:
      raise UserError(
        f"{len(missing)} of {len(clips.keys)} clips have no group, {missing[0]!r} among them: "
        "clips of one group must not train and test"
      )
    cut = functools.partial(within_classes, groups=self.groups)
    train, test = cut(np.arange(len(clips.keys)), clips, self.fraction, seed)
    return [Split(f"seed {seed}", train, test, cut=cut)]


def within_classes(clip_ids, clips, fraction, seed, groups):
  """Divides clips into two parts, each class in the same way.

  In the order of the seed the second part gets every group that still fits into its share; if none
  does, the smallest. A group with clips of several classes counts for that of most of them.

  Args:
    clip_ids: int `[n]`.
    clips: the splits.Clips.
    fraction: share of the second part.
    seed: int.
    groups: one of GROUPS.

  Returns:
    (int `[n - m]`, int `[m]`), both sorted.
  """
  rng = np.random.default_rng([seed, 3])
  second = []
  for _, together in sorted(_groups_of_classes(clip_ids, clips, groups).items()):
    if len(together) == 1 and groups == WHOLE_IF_SEVERAL:
      together = [[clip_id] for clip_id in together[0]]
    if len(together) > 1:
      second += _draw(together, fraction, rng)
  return np.setdiff1d(clip_ids, second), np.array(sorted(second), int)


def _groups_of_classes(clip_ids, clips, groups):
  """Returns class -> list of lists of clips that stay together."""
  together = collections.defaultdict(list)
  for clip_id in clip_ids:
    group = None if groups == IGNORED else clips.groups[clip_id]
    together[("clip", clip_id) if group is None else ("group", group)].append(clip_id)
  of_classes = collections.defaultdict(list)
  for members in together.values():
    ((name, _),) = collections.Counter(clips.labels[i] for i in members).most_common(1)
    of_classes[name].append(members)
  return of_classes


def _draw(together, fraction, rng):
  """Returns the clips of some of at least two groups."""
  wanted = max(1, round(fraction * sum(map(len, together))))
  chosen = []
  for number in rng.permutation(len(together)):
    if len(chosen) + len(together[number]) <= wanted:
      chosen += together[number]
  return chosen or min(together, key=len)
