"""Split rules: disjoint by clip and by group, and stateless."""

import collections

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.cards import split_rules
from downstream.cards.splits import Clips
from tests.downstream.cards.made_up_clips import make_clips

RULES = {
  "by key": (
    split_rules.ByKey(r"^(\d)", ("0", "1"), ""),
    make_clips(keys=[f"{i % 5}-{i}.wav" for i in range(60)]),
  ),
  "folds": (
    split_rules.FoldsByKey(r"^(\d)", ""),
    make_clips(keys=[f"{i % 5}-{i}" for i in range(60)]),
  ),
  "groups": (
    split_rules.LeaveOneGroupOut(""),
    make_clips(groups=[f"g{i // 10}" for i in range(60)]),
  ),
  "every third": (split_rules.EveryThird(""), make_clips()),
  "given": (
    split_rules.OwnSplits(),
    make_clips(split_names=[["train", "test", "validation"][i // 3 % 3] for i in range(60)]),
  ),
  "given folds": (
    split_rules.OwnSplits(),
    make_clips(split_names=[str(1 + i % 4) for i in range(60)]),
  ),
  "seeded": (split_rules.Seeded(), make_clips()),
  "seeded groups": (split_rules.Seeded(), make_clips(groups=[f"g{i // 6}" for i in range(60)])),
}


@pytest.mark.parametrize("name", RULES)
def test_parts_are_disjoint_and_no_clip_is_lost(name):
  rule, given = RULES[name]
  for split in rule(given, seed=0):
    parts = [split.train, split.test]
    parts += [] if split.validation is None else [split.validation]
    together = np.concatenate(parts)
    assert len(together) == len(set(together.tolist())) == 60
    assert all(len(part) for part in parts)


@pytest.mark.parametrize("name", ["folds", "groups", "given folds"])
def test_every_clip_is_tested_once(name):
  rule, given = RULES[name]
  tested = np.concatenate([split.test for split in rule(given, seed=0)])
  assert sorted(tested) == list(range(60))


@pytest.mark.parametrize("name", ["groups", "seeded groups"])
def test_no_group_is_on_both_sides(name):
  rule, given = RULES[name]
  for split in rule(given, seed=3):
    train, test = ({given.groups[i] for i in part} for part in (split.train, split.test))
    assert train
    assert test
    assert not train & test


def test_a_seeded_split_depends_on_the_seed_and_has_every_class_on_both_sides():
  rule, given = RULES["seeded"]
  first, again, other = (rule(given, seed)[0] for seed in (0, 0, 1))
  assert first.test.tolist() == again.test.tolist() != other.test.tolist()
  for part, count in ((first.train, 16), (first.test, 4)):
    assert collections.Counter(given.labels[i] for i in part) == {
      f"class{c}": count for c in range(3)
    }


def test_the_instrument_split_is_by_name_within_each_class():
  given = Clips(
    keys=["b/2", "a/1", "b/0", "a/0", "b/1", "a/2", "a/3"],
    labels=list("bababaa"),
    groups=[None] * 7,
    split_names=[None] * 7,
  )
  (split,) = split_rules.EveryThird("")(given, 0)
  assert [given.keys[i] for i in split.test] == ["b/2", "a/2"]


@pytest.mark.parametrize(
  ("rule", "given", "message"),
  [
    (
      split_rules.LeaveOneGroupOut(""),
      make_clips(),
      "60 of 60 clips have no group, and there are 0",
    ),
    (
      split_rules.OwnSplits(),
      make_clips(split_names=["train"] * 60),
      "has the splits train: a task needs train and te",
    ),
    (
      split_rules.ByKey(r"^(x)", ("x",), ""),
      make_clips(),
      "the clip '000.wav' is not named as this data se",
    ),
  ],
)
def test_what_cannot_be_divided_is_refused(rule, given, message):
  with pytest.raises(UserError, match=message):
    rule(given, 0)


@pytest.mark.parametrize("num_groups", [2, 4])
@pytest.mark.parametrize("seed", range(10))
def test_a_class_in_a_single_group_is_never_tested_without_being_trained(seed, num_groups):
  groups = [f"g{number * num_groups // 24}" for number in range(24)]
  labels = ["other"] * 18 + ["wren"] * 6
  clips = Clips([str(number) for number in range(24)], labels, groups, [None] * 24)
  (split,) = split_rules.Seeded()(clips, seed)
  trained, tested = ({labels[number] for number in ids} for ids in (split.train, split.test))
  assert tested <= trained == {"other", "wren"}
  assert sorted([*split.train, *split.test]) == list(range(24))
  assert len(split.test)  # another group is drawn if it was that of the wren
  assert not {groups[number] for number in split.train} & {groups[number] for number in split.test}
