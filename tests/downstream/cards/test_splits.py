"""How clips are held out: whole groups, or within classes."""

import dataclasses

import numpy as np
import pytest

from downstream.cards.corpus_split_rules import NamedSplits
from downstream.cards.holding_out import hold_out
from downstream.cards.split_rules import Seeded
from downstream.cards.splits import (
  FOLDS,
  Clips,
  Split,
  cut_validation,
  undivided_groups,
  validation_folds,
)
from tests.downstream.cards.made_up_clips import make_clips


def test_validation_is_cut_by_group_where_there_are_groups():
  given = make_clips(groups=[f"g{i // 6}" for i in range(60)])
  first, second = hold_out(np.arange(40), given.labels, given.groups, 0.2, seed=0)
  assert not {given.groups[i] for i in first} & {given.groups[i] for i in second}
  assert sorted([*first, *second]) == list(range(40))


def test_a_clip_without_a_group_stands_alone_and_divides_no_group():
  groups = [f"g{i // 6}" for i in range(54)] + [None] * 6
  given = make_clips(groups=groups)
  for seed in range(5):
    first, second = hold_out(np.arange(60), given.labels, given.groups, 0.3, seed)
    assert {groups[i] for i in first} & {groups[i] for i in second} <= {None}
    split = Split("drawn", first, second)
    assert undivided_groups(split, given) is given.groups
    train, validation = cut_validation(split, first, given, seed)
    assert {groups[i] for i in train} & {groups[i] for i in validation} <= {None}
    for train, fold in validation_folds(split, first, given, seed):
      assert {groups[i] for i in train} & {groups[i] for i in fold} <= {None}


@pytest.mark.parametrize("cut", [None, "within"])
def test_no_class_validates_that_does_not_train(cut):
  groups = [f"g{i // 3}" for i in range(18)]  # of one class each; a, b and c have two, d to i none
  labels = [*"aaaaaabbbbbbccc", *"ddd"]
  given = Clips([str(i) for i in range(18)], labels, groups, [None] * 18)
  own = None if cut is None else lambda train, *_: (train[:9], train[9:])
  split = Split("s", np.arange(18), np.array([], int), cut=own)
  for seed in range(9):
    train, validation = cut_validation(split, split.train, given, seed)
    assert sorted([*train, *validation]) == list(range(18))
    assert {labels[i] for i in validation} <= {labels[i] for i in train} == set("abcd")
    assert not {groups[i] for i in train} & {groups[i] for i in validation}


@pytest.mark.parametrize("grouped", [False, True])
def test_of_several_labels_none_validates_that_does_not_train(grouped):
  """`rain` is always with a rarer class, which alone decides how clips are cut."""
  classes = [["rain", "wren"], ["rain", "robin"], ["rain", "finch"], ["wren"], ["robin"], ["finch"]]
  classes += [["hum"]] * 6
  groups = ["g"] * 3 + [f"g{i}" for i in range(9)] if grouped else [None] * 12
  given = Clips([str(i) for i in range(12)], [names[-1] for names in classes], groups, [None] * 12)
  given = dataclasses.replace(given, classes=classes)
  for seed in range(10):
    for train, held_out in (
      cut_validation(Split("s", np.arange(12), np.array([], int)), np.arange(12), given, seed),
      *((split.train, split.test) for split in Seeded()(given, seed)),
    ):
      trained, tested = (set().union(*(classes[i] for i in ids)) for ids in (train, held_out))
      assert tested <= trained
      assert tested


def test_the_only_group_that_validates_is_given_back_as_a_whole():
  given = Clips(list("123456"), [*"aabbac"], [*"xxxxyy"], [None] * 6)  # c is in y alone
  split = Split("s", np.arange(6), np.array([], int), cut=lambda ids, *_: (ids[:4], ids[4:]))
  train, validation = cut_validation(split, split.train, given, seed=0)
  assert (train.tolist(), validation.tolist()) == ([0, 1, 2, 3, 4, 5], [])


def test_of_one_label_per_class_and_group_nothing_validates():
  given = Clips(list("123"), list("abc"), list("xyz"), [None] * 3)
  split = Split("s", np.arange(3), np.array([], int))
  train, validation = cut_validation(split, split.train, given, seed=0)
  assert (train.tolist(), validation.tolist()) == ([0, 1, 2], [])


def test_validation_is_cut_as_the_test_part_was_within_classes_where_groups_are_on_both_sides():
  groups = [f"g{i % 5}" for i in range(60)]
  given = Clips([str(i) for i in range(60)], groups, groups, [None] * 60)  # as the task speaker
  split = Split("given", np.arange(40), np.arange(40, 60))
  train, validation = cut_validation(split, split.train, given, seed=0)
  assert {groups[i] for i in train} == {groups[i] for i in validation} == set(groups)
  last = np.arange(60) % 5 == 4
  apart = Split("apart", np.flatnonzero(~last), np.flatnonzero(last))
  train, validation = cut_validation(apart, apart.train, given, seed=0)
  assert not {groups[i] for i in train} & {groups[i] for i in validation}
  assert sorted([*train, *validation]) == apart.train.tolist()


def test_one_clip_of_a_class_stays_in_training_and_two_are_divided():
  labels = ["one"] + ["two"] * 2 + ["many"] * 20
  first, second = hold_out(np.arange(23), labels, [None] * 23, 0.2, 0)
  assert 0 in first
  assert len({1, 2} & set(first)) == len({1, 2} & set(second)) == 1


def test_folds_partition_the_clips_evenly_within_each_class():
  given = make_clips()
  split = Split("given", np.arange(40), np.arange(40, 60))
  folds = validation_folds(split, split.train, given, seed=0)
  assert sorted(np.concatenate([fold for _, fold in folds])) == list(range(40))
  for train, fold in folds:
    assert sorted([*train, *fold]) == list(range(40))
  for name in set(given.labels):
    counts = [sum(given.labels[i] == name for i in fold) for _, fold in folds]
    assert max(counts) - min(counts) <= 1
  other = validation_folds(split, split.train, given, seed=1)
  assert any(first[1].tolist() != second[1].tolist() for first, second in zip(folds, other))


def test_folds_divide_no_group_unless_the_split_does():
  given = make_clips(groups=[f"g{i // 6}" for i in range(60)])
  apart = Split("apart", np.arange(36), np.arange(36, 60))
  for train, fold in validation_folds(apart, apart.train, given, seed=0):
    assert not {given.groups[i] for i in train} & {given.groups[i] for i in fold}
  divided = Split("divided", np.arange(1, 60, 2), np.arange(0, 60, 2))
  folds = validation_folds(divided, divided.train, given, seed=0)
  assert len(folds) == FOLDS
  assert any(
    {given.groups[i] for i in train} & {given.groups[i] for i in fold} for train, fold in folds
  )


def test_folds_of_a_published_split_divide_no_recording_of_a_class_with_several():
  given = Clips(
    [str(i) for i in range(24)],
    ["solo"] * 4 + ["choir"] * 20,
    ["r0"] * 4 + [f"r{1 + i // 4}" for i in range(20)],
    ["train"] * 24,
  )
  rule = NamedSplits(("train",), ("test",), "")
  with_test = Clips(
    [*given.keys, "t"], [*given.labels, "solo"], [*given.groups, "r9"], [*given.split_names, "test"]
  )
  (split,) = rule(with_test, seed=0)
  for train, fold in validation_folds(split, split.train, with_test, seed=0):
    choirs = {given.groups[i] for i in train if i >= 4} & {given.groups[i] for i in fold if i >= 4}
    assert not choirs
  held_out = np.concatenate(
    [fold for _, fold in validation_folds(split, split.train, with_test, 0)]
  )
  assert sorted(held_out) == list(range(24))


def test_a_class_of_one_clip_is_in_no_fold():
  given = Clips(list("abc"), ["one", "two", "two"], [None] * 3, [None] * 3)
  split = Split("given", np.arange(3), np.array([], int))
  folds = validation_folds(split, split.train, given, seed=0)
  assert sorted(fold.tolist() for _, fold in folds) == [[1], [2]]
  assert validation_folds(split, np.array([0, 1]), given, seed=0) == []
