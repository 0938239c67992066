"""Splits: disjoint by clip and by group, stateless, and what becomes of labels."""

import collections

import numpy as np
import pytest

from contrastive_audio.errors import UserError
from downstream.cards import split_rules
from downstream.cards.split_rules import Clips


def clips(count=60, groups=None, parts=None, keys=None, classes=3):
  keys = keys or [f"{i:03d}.wav" for i in range(count)]
  labels = [f"class{i % classes}" for i in range(count)]
  return Clips(keys, labels, groups or [None] * count, parts or [None] * count)


RULES = {
  "by key": (
    split_rules.ByKey(r"^(\d)", ("0", "1"), ""),
    clips(keys=[f"{i % 5}-{i}.wav" for i in range(60)]),
  ),
  "folds": (split_rules.FoldsByKey(r"^(\d)", ""), clips(keys=[f"{i % 5}-{i}" for i in range(60)])),
  "groups": (split_rules.LeaveOneGroupOut(""), clips(groups=[f"g{i // 10}" for i in range(60)])),
  "every third": (split_rules.EveryThird(""), clips()),
  "given": (
    split_rules.Given(),
    clips(parts=[["train", "test", "validation"][i // 3 % 3] for i in range(60)]),
  ),
  "given folds": (split_rules.Given(), clips(parts=[str(1 + i % 4) for i in range(60)])),
  "seeded": (split_rules.Seeded(), clips()),
  "seeded groups": (split_rules.Seeded(), clips(groups=[f"g{i // 6}" for i in range(60)])),
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


def test_validation_is_cut_by_group_where_there_are_groups():
  given = RULES["seeded groups"][1]
  first, second = split_rules.hold_out(np.arange(40), given.labels, given.groups, 0.2, seed=0)
  assert not {given.groups[i] for i in first} & {given.groups[i] for i in second}
  assert sorted([*first, *second]) == list(range(40))


def test_validation_is_cut_as_the_test_part_was_within_classes_where_groups_are_on_both_sides():
  groups = [f"g{i % 5}" for i in range(60)]
  given = Clips([str(i) for i in range(60)], groups, groups, [None] * 60)  # as the task speaker
  split = split_rules.Split("given", np.arange(40), np.arange(40, 60))
  train, validation = split_rules.validation_part(split, split.train, given, seed=0)
  assert {groups[i] for i in train} == {groups[i] for i in validation} == set(groups)
  last = np.arange(60) % 5 == 4
  apart = split_rules.Split("apart", np.flatnonzero(~last), np.flatnonzero(last))
  train, validation = split_rules.validation_part(apart, apart.train, given, seed=0)
  assert not {groups[i] for i in train} & {groups[i] for i in validation}
  assert sorted([*train, *validation]) == apart.train.tolist()


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
    parts=[None] * 7,
  )
  (split,) = split_rules.EveryThird("")(given, 0)
  assert [given.keys[i] for i in split.test] == ["b/2", "a/2"]


@pytest.mark.parametrize(
  ("rule", "given", "message"),
  [
    (split_rules.LeaveOneGroupOut(""), clips(), "60 of 60 clips have no group, and there are 0"),
    (
      split_rules.Given(),
      clips(parts=["train"] * 60),
      "has the parts train: a task needs train and te",
    ),
    (
      split_rules.ByKey(r"^(x)", ("x",), ""),
      clips(),
      "the clip '000.wav' is not named as this data se",
    ),
  ],
)
def test_what_cannot_be_divided_is_refused(rule, given, message):
  with pytest.raises(UserError, match=message):
    rule(given, 0)


def test_few_labels_are_as_many_of_each_class_from_training_clips_only():
  given, train = clips(), np.arange(45)
  few = split_rules.few_labels(train, given.labels, 5, seed=0)
  assert collections.Counter(given.labels[i] for i in few) == {f"class{c}": 5 for c in range(3)}
  assert set(few) <= set(train)
  assert few.tolist() != split_rules.few_labels(train, given.labels, 5, seed=1).tolist()
  with pytest.raises(UserError, match="the class 'class0' has 15 training clips"):
    split_rules.few_labels(train, given.labels, 16, seed=0)


def test_flipped_labels_are_exactly_the_share_and_of_training_clips_only():
  given, train = clips(), np.arange(50)
  flipped = split_rules.flip_labels(train, given.labels, 0.4, seed=0)
  changed = [i for i in range(60) if flipped[i] != given.labels[i]]
  assert len(changed) == 20
  assert max(changed) < 50
  assert set(flipped) == set(given.labels)
  assert flipped == split_rules.flip_labels(train, given.labels, 0.4, seed=0)
  assert flipped != split_rules.flip_labels(train, given.labels, 0.4, seed=1)


def test_one_clip_of_a_class_stays_in_training_and_two_are_divided():
  labels = ["one"] + ["two"] * 2 + ["many"] * 20
  first, second = split_rules.hold_out(np.arange(23), labels, [None] * 23, 0.2, 0)
  assert 0 in first
  assert len({1, 2} & set(first)) == len({1, 2} & set(second)) == 1
