"""Stretches of one recording: what overlaps is not divided, and what is divided is counted."""

import itertools

import numpy as np
import pytest

from contrastive_audio.datasets.stretches import recording_of
from downstream.cards import shared_sound
from downstream.cards.shared_sound import divide_single_group
from downstream.cards.split_rules import Seeded
from downstream.cards.splits import Clips, validation_folds

RNG = np.random.default_rng(0)


def drawn_keys(count):
  """Stretches of two recordings, in any order."""
  starts = RNG.uniform(0, 12 * count, count).round(3)
  lengths = np.where(np.arange(count) % 5, RNG.uniform(0.5, 3, count), 25).round(3)  # some are long
  spans = list(zip(starts, starts + lengths))
  return [f"{'ab'[number % 2]}.wav#t={a:g},{b:g}" for number, (a, b) in enumerate(spans)]


def share_sound(keys, some, others):
  """As in a store without copies."""
  sounds = np.unique([recording_of(key) for key in keys], return_inverse=True)[1]
  return shared_sound.share_sound(keys, some, others, sounds)


def overlap(one, other):
  (name, span), (other_name, other_span) = (key.split("#t=") for key in (one, other))
  (a, b), (c, d) = ([float(second) for second in each.split(",")] for each in (span, other_span))
  return name == other_name and a < d and c < b


@pytest.mark.parametrize("count", [2, 7, 40])
def test_stretches_that_overlap_have_one_group(count):
  keys = drawn_keys(count)
  groups = divide_single_group(keys, ["field"] * count)
  for one, other in itertools.combinations(range(count), 2):
    assert groups[one] == groups[other] or not overlap(keys[one], keys[other])


@pytest.mark.parametrize("count", [2, 7, 40])
def test_as_many_clips_share_sound_as_overlap_with_another_side(count):
  keys = drawn_keys(count)
  some, others = np.arange(count // 2), np.arange(count // 2, count)
  expected = sum(any(overlap(keys[i], keys[j]) for j in others) for i in some)
  assert share_sound(keys, some, others) == expected


def test_a_stretch_shares_sound_with_its_whole_recording_and_with_no_other():
  keys = ["a.wav", "a.wav#t=1,2", "b.wav#t=1,2"]
  assert share_sound(keys, np.array([1, 2]), np.array([0])) == 1
  assert share_sound(keys, np.array([0]), np.array([1])) == 1
  assert share_sound(["a.wav", "b.wav"], np.array([0]), np.array([1])) == 0


def test_copies_share_sound_and_so_do_the_same_stretches_of_them():
  keys = ["a.wav", "b.wav", "copy-of-a.wav", "c.wav"]
  sounds, tests = np.array([0, 1, 0, 3]), np.array([2, 3])
  assert shared_sound.share_sound(keys, tests, np.array([0, 1]), sounds) == 1
  keys = [f"{key}#t={start},{start + 1}" for start in (0, 1) for key in keys]
  sounds, tests = np.tile(sounds, 2), np.array([2, 3, 6, 7])
  assert shared_sound.share_sound(keys, tests, np.array([0, 1]), sounds) == 1
  assert shared_sound.share_sound(keys, tests, np.array([0, 4]), sounds) == 2


def test_groups_stay_where_there_are_several_or_nothing_overlaps_or_everything_does():
  windows = [f"a.wav#t={start},{start + 2}" for start in range(6)]
  apart = [f"a.wav#t={3 * start},{3 * start + 2}" for start in range(6)]
  for keys, groups in (
    (windows, ["a"] * 3 + ["b"] * 3),
    (windows, [None] * 6),
    (windows, ["a"] * 6),
    (apart, ["a"] * 6),
  ):
    assert divide_single_group(keys, groups) == groups


@pytest.mark.parametrize("seed", range(5))
def test_a_split_of_one_recording_has_no_sound_on_both_sides_and_folds_neither(seed):
  pairs = [(5 * n, 5 * n + 2) for n in range(20)] + [(5 * n + 1, 5 * n + 3) for n in range(20)]
  keys = [f"a.wav#t={start},{stop}" for start, stop in pairs]
  labels = [("wren", "rain")[start % 2] for start, _ in pairs]
  clips = Clips(keys, labels, divide_single_group(keys, ["a.wav"] * 40), [None] * 40)
  (split,) = Seeded()(clips, seed)
  assert len(split.test) == 8
  assert share_sound(keys, split.test, split.train) == 0
  for train, held_out in validation_folds(split, split.train, clips, seed):
    assert share_sound(keys, held_out, train) == 0
