"""How clips are held out: whole groups, or within classes."""

import numpy as np

from downstream.cards.splits import Clips, Split, cut_validation, hold_out
from tests.downstream.cards.made_up_clips import make_clips


def test_validation_is_cut_by_group_where_there_are_groups():
  given = make_clips(groups=[f"g{i // 6}" for i in range(60)])
  first, second = hold_out(np.arange(40), given.labels, given.groups, 0.2, seed=0)
  assert not {given.groups[i] for i in first} & {given.groups[i] for i in second}
  assert sorted([*first, *second]) == list(range(40))


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
