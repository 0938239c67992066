"""Intervals: weights are repeated clips, widths are those of theory."""

import types

import numpy as np
import pytest

from downstream.cards.splits import Clips, Split
from downstream.classifiers import intervals
from downstream.classifiers.intervals import (
  Predictions,
  Units,
  difference_interval,
  draw_scores,
  score_interval,
  units_of,
)
from downstream.classifiers.scores import score
from tests.support import assert_close


def predictions_of(right, first=0):
  """Clips of which some are predicted correctly."""
  labels = np.arange(len(right)) % 2
  predicted = np.where(right, labels, (labels + 1) % 2)
  classes = np.eye(2)
  return Predictions(first + np.arange(len(right)), classes[labels], classes[predicted])


def interval(metric, tested, units):
  samples, count = draw_scores(metric, [[[tested]]], units)
  return score_interval(samples[:, 0], 100 * score(metric, tested.targets, tested.scores), count)


@pytest.mark.parametrize("metric", ["accuracy", "macro_accuracy", "mAP"])
def test_a_clip_of_weight_k_counts_as_k_clips(metric):
  rng = np.random.default_rng(0)
  scores = rng.integers(0, 5, [40, 4]) / 4  # many are equal
  targets = np.eye(4)[rng.integers(0, 4, 40)]
  if metric == "mAP":
    targets = (rng.random([40, 4]) < 0.3).astype(float)
  weights = rng.integers(0, 4, 40)
  weights[targets[:, 2] > 0] = 0  # a class that is not drawn does not count
  rows = np.repeat(np.arange(40), weights)
  scorer = intervals._scorer(metric, Predictions(np.arange(40), targets, scores))
  assert_close(scorer(weights.astype(float)), score(metric, targets[rows], scores[rows]), 1e-12)


def test_the_interval_of_an_accuracy_is_that_of_a_share():
  tested = predictions_of(np.arange(400) % 5 > 0)  # 80 %
  low, high = interval("accuracy", tested, Units(np.arange(400), "clip"))
  margin = 1.96 * 100 * np.sqrt(0.8 * 0.2 / 400)
  assert_close([low, high], [80 - margin, 80 + margin], atol=0.5)


def test_four_right_clips_are_no_certainty_and_eighty_nearly_one():
  few, many = (
    interval("accuracy", predictions_of(np.ones(n)), Units(np.arange(n), "clip")) for n in (4, 80)
  )
  assert_close(few, [51.0, 100.0], atol=0.1)
  assert_close(many, [95.4, 100.0], atol=0.1)


@pytest.mark.parametrize("metric", ["accuracy", "macro_accuracy", "mAP"])
def test_ten_folds_that_are_all_right_are_as_uncertain_as_one_test_part(metric):
  folds = [predictions_of(np.ones(7), first=7 * number) for number in range(10)]
  units = Units(np.arange(70), "clip")
  samples, count = draw_scores(metric, [[folds], [folds]], units)
  low, high = score_interval(samples[:, 0], 100.0, count)
  assert_close([low, high], [100 * 70 / (70 + 1.96**2), 100], atol=0.01)  # Wilson
  gain = difference_interval(samples[:, 0] - samples[:, 1], 0.0, count)
  assert_close(gain, [low - 100, 100 - low], atol=1e-6)


def test_groups_of_equal_clips_are_as_uncertain_as_one_clip_each():
  right = np.repeat(np.arange(30) % 3 > 0, 20)
  of_clips = interval("accuracy", predictions_of(right), Units(np.arange(600), "clip"))
  of_groups = interval(
    "accuracy", predictions_of(right), Units(np.repeat(np.arange(30), 20), "group")
  )
  alone = interval("accuracy", predictions_of(np.arange(30) % 3 > 0), Units(np.arange(30), "clip"))
  assert_close(np.ptp(of_groups), np.ptp(alone), atol=1e-9)
  assert_close(np.ptp(of_clips) * np.sqrt(20), np.ptp(of_groups), atol=6)


def test_no_class_is_lost_when_each_is_drawn_by_itself():
  labels = np.array([0] * 30 + [1])  # always right in the class of one clip
  right = np.arange(31) % 2 == 0
  targets = np.eye(2)[labels]
  tested = Predictions(np.arange(31), targets, np.where(right[:, None], targets, 1 - targets))
  low, high = interval("macro_accuracy", tested, Units(np.arange(31), "clip", labels))
  assert low > 50  # without strata, a third of all draws have the first class only
  assert high < 90


def test_splits_of_one_group_each_are_drawn_as_groups():
  right = [np.arange(50) < share for share in (20, 30, 40)]
  splits = [predictions_of(each, first=50 * number) for number, each in enumerate(right)]
  samples, count = draw_scores("accuracy", [[splits]], Units(np.repeat([0, 1, 2], 50), "group"))
  means = {
    round(float(np.mean(draw)), 6)
    for draw in np.array(np.meshgrid(*[[40, 60, 80]] * 3)).reshape(3, -1).T
  }
  assert count == 3
  assert {round(value, 6) for value in samples[:, 0]} == means


def test_differences_are_paired_and_seeds_add_their_own_spread():
  rng = np.random.default_rng(0)
  right = rng.random(200) < 0.7
  better = right | (np.arange(200) % 20 == 0)  # right wherever the other is, and elsewhere
  one, other = predictions_of(better), predictions_of(right)
  units = Units(np.arange(200), "clip")
  samples, _ = draw_scores("accuracy", [[[one]], [[other]]], units)
  gains = samples[:, 0] - samples[:, 1]
  assert gains.min() >= 0
  assert gains.std() < samples[:, 0].std() / 2
  seeds = [[predictions_of(right)], [predictions_of(~right)]]
  spread, _ = draw_scores("accuracy", [seeds], units)
  assert spread.std() > 5 * samples[:, 1].std() / 2


def test_models_that_agree_everywhere_differ_by_no_more_than_other_clips_allow():
  assert_close(difference_interval(np.zeros(9), 0.0, 4), [-49.0, 49.0], atol=0.1)
  assert difference_interval(np.array([1.0, 2.0, 3.0]), 2.0, 4) != (2.0, 2.0)


@pytest.mark.parametrize(
  ("groups", "train", "kind"),
  [
    (list("aabbccdd"), [0, 1, 2, 3], "group"),
    (list("aabbccdd"), [0, 1, 2, 4], "clip"),  # c trains and is tested
    (list("aabbcccc"), [0, 1, 2, 3], "group"),  # a single one says little about others
    (["a"] * 8, [0, 1, 2, 3], "clip"),
    ([None] * 8, [0, 1, 2, 3], "clip"),
    ([*"aabbcc", None, None], [0, 1, 2, 3], "group"),  # clips without a group stand alone
    ([*"aabbcc", None, None], [0, 1, 2, 4, 6], "clip"),
  ],
)
def test_groups_are_drawn_where_no_split_divides_them(groups, train, kind):
  clips = Clips(list("12345678"), ["x"] * 8, groups, [None] * 8)
  split = Split("s", np.array(train), np.setdiff1d(np.arange(8), train))
  data = types.SimpleNamespace(
    splits=lambda seed: [split],
    clips=clips,
    store=types.SimpleNamespace(num_clips=8),
    task=types.SimpleNamespace(metric="accuracy"),
  )
  assert units_of(data, seed=0).kind == kind


def test_many_clips_of_a_single_group_leave_open_how_others_would_do():
  low, high = interval("accuracy", predictions_of(np.ones(50)), Units(np.zeros(50, int), "group"))
  assert_close([low, high], [20.7, 100], atol=0.1)  # Wilson, one of one
