"""Rules that say which clips train and which test: `(clips, seed) -> list of Splits`.

Test clips are never used for model selection.
"""

import collections
import dataclasses
import re
from collections.abc import Collection

import numpy as np

from contrastive_audio.errors import UserError
from downstream.cards.holding_out import hold_out
from downstream.cards.splits import Clips, Split, clips_with, keep_every_class, split_by_value

TEST_FRACTION = 0.2


@dataclasses.dataclass(frozen=True)
class ByKey:
  r"""The name of a clip says whether it trains or tests.

  Attributes:
    pattern: regular expression; its first group is looked up in `test`.
    test: values of that group that are tested.
    description: human-readable.

  Example:
    >>> rule = ByKey(r"-(\d)", test=("5",), description="fold 5 tests")
    >>> (split,) = rule(Clips(["a-5", "b-1"], ["x", "x"], [None] * 2, [None] * 2), seed=0)
    >>> split.test.tolist()
    [0]
  """

  pattern: str
  test: tuple[str, ...]
  description: str

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    values = [_match(self.pattern, key) for key in clips.keys]
    is_tested = np.array([value in self.test for value in values])
    return [Split("given", np.flatnonzero(~is_tested), np.flatnonzero(is_tested))]


@dataclasses.dataclass(frozen=True)
class FoldsByKey:
  r"""The name of a clip says its fold; each fold tests once, and the others train.

  Attributes:
    pattern: regular expression; its first group is the fold.
    description: human-readable.

  Example:
    >>> rule = FoldsByKey(r"(\d)-", description="two folds")
    >>> [split.name for split in rule(Clips(["1-a", "2-b"], ["x"] * 2, [None] * 2, [None] * 2), 0)]
    ['fold 1', 'fold 2']
  """

  pattern: str
  description: str

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    return split_by_value([_match(self.pattern, key) for key in clips.keys], "fold")


@dataclasses.dataclass(frozen=True)
class LeaveOneGroupOut:
  r"""Each group (speaker, recording) tests once, and the others train.

  Attributes:
    description: human-readable.
    tested: chooses clips by their names; the others of a group neither test nor train when it is
      its turn. None: all clips test.

  Example:
    >>> rule = LeaveOneGroupOut("each speaker tests once", ByKey(r"(\d)", ("0",), ""))
    >>> clips = Clips(["a0", "a1", "b0"], ["x"] * 3, ["ann", "ann", "bob"], [None] * 3)
    >>> [(split.name, split.train.tolist(), split.test.tolist()) for split in rule(clips, seed=0)]
    [('group ann', [2], [0]), ('group bob', [0, 1], [2])]
  """

  description: str
  tested: ByKey | None = None

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    splits = split_by_value(clips.groups, "group")
    if self.tested is None:
      return splits
    (chosen,) = self.tested(clips, seed)
    return [
      dataclasses.replace(split, test=np.intersect1d(split.test, chosen.test)) for split in splits
    ]


@dataclasses.dataclass(frozen=True)
class EveryThird:
  """Sorts the names within each class; every third clip tests.

  Attributes:
    description: human-readable.

  Example:
    >>> (split,) = EveryThird("")(Clips(list("edcba"), ["x"] * 5, [None] * 5, [None] * 5), seed=0)
    >>> split.test.tolist()  # "c"
    [2]
  """

  description: str

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    is_tested = np.zeros(len(clips.keys), bool)
    for name in set(clips.labels):
      members = [number for number, label in enumerate(clips.labels) if label == name]
      is_tested[sorted(members, key=clips.keys.__getitem__)[2::3]] = True
    return [Split("every third", np.flatnonzero(~is_tested), np.flatnonzero(is_tested))]


@dataclasses.dataclass(frozen=True)
class OwnSplits:
  """The data set's own splits: train, test and, if there is one, validation; or numbered folds.

  Attributes:
    description: human-readable.

  Example:
    >>> (split,) = OwnSplits()(Clips(["a", "b"], ["x"] * 2, [None] * 2, ["test", "train"]), seed=0)
    >>> split.train.tolist(), split.test.tolist()
    ([1], [0])
  """

  description: str = "the data set's own splits"

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    names = {name for name in clips.split_names if name is not None}
    require_train_and_test(names)
    if not {"train", "test"} <= names:
      return split_by_value(clips.split_names, "fold")
    members = {name: clips_with(clips.split_names, name) for name in names}
    validation = members.get("validation", members.get("valid", members.get("dev")))
    return [Split("given", members["train"], members["test"], validation)]


def require_train_and_test(names: Collection[str]) -> None:
  """Raises an error unless a data set's own splits are train and test, or numbered folds.

  Args:
    names: of the splits.

  Raises:
    UserError: which splits there are.

  Example:
    >>> require_train_and_test({"fold 1", "fold 2"})
    >>> require_train_and_test({"train", "eval"})
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: the data set has the splits eval, train: ...
  """
  are_folds = all(re.fullmatch(r"(fold)?[ _-]?\d+", name) for name in names)
  if not {"train", "test"} <= set(names) and not (are_folds and len(names) >= 2):
    raise UserError(
      f"the data set has the splits {', '.join(sorted(names)) or 'none'}: a task needs train and "
      "test (validation is optional), or numbered folds"
    )


@dataclasses.dataclass(frozen=True)
class Seeded:
  """A fifth of the clips tests: whole groups if there are any, otherwise a fifth of each class.

  A group that alone has a class trains: nobody could have learned the class from others.

  Attributes:
    description: human-readable.

  Example:
    >>> clips = Clips(list("abcdefghij"), list("xxxxxyyyyy"), [None] * 10, [None] * 10)
    >>> (split,) = Seeded()(clips, seed=0)
    >>> [clips.labels[number] for number in split.test]
    ['x', 'y']
  """

  description: str = "a fifth, drawn by --seed: whole groups if there are any, else of each class"

  def __call__(self, clips: Clips, seed: int) -> list[Split]:
    everything = np.arange(len(clips.keys))
    train, test = _drawn(everything, clips, seed)
    if not len(test):  # all that was drawn has to train
      test = _with_classes_elsewhere(clips)
      if len({clips.groups[clip_id] for clip_id in test}) > 1:
        _, test = _drawn(test, clips, seed)
      train = np.setdiff1d(everything, test)
    return [Split(f"seed {seed}", train, test)]


def _drawn(clip_ids: np.ndarray, clips: Clips, seed: int) -> tuple[np.ndarray, np.ndarray]:
  parts = hold_out(clip_ids, clips.labels, clips.groups, TEST_FRACTION, seed)
  return keep_every_class(*parts, clips)


def _with_classes_elsewhere(clips: Clips) -> np.ndarray:
  """Returns the clips of groups none of which alone has a class."""
  units = [group or number for number, group in enumerate(clips.groups)]
  units_of = collections.defaultdict(set)
  for number, unit in enumerate(units):
    for name in clips.classes_of(number):
      units_of[name].add(unit)
  alone = {unit for few in units_of.values() if len(few) == 1 for unit in few}
  return np.array([number for number, unit in enumerate(units) if unit not in alone], int)


def _match(pattern: str, key: str) -> str:
  match = re.search(pattern, key)
  if match is None:
    raise UserError(f"the clip {key!r} is not named as this data set names its clips ({pattern})")
  return match[1]
