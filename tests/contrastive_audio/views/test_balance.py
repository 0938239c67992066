"""Sampling by group: the shares are those of the formula, and a draw never repeats a clip."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.views.balance import draw_without_repeats
from contrastive_audio.views.excerpts import ExcerptPairs
from tests.contrastive_audio.views.test_excerpts import FakeStore

GROUPS = ["large"] * 90 + ["middle"] * 9 + ["small"]


class GroupedStore(FakeStore):
  def __init__(self, groups):
    super().__init__([20] * len(groups))
    self._groups = groups

  def groups(self, clip_ids=None):
    return self._groups if clip_ids is None else [self._groups[i] for i in clip_ids]


def make(balance, groups=GROUPS, batch_size=1):
  return ExcerptPairs(GroupedStore(groups), batch_size, ClipLayout(8, 8), balance=balance)


def shares(pairs, steps=4000):
  draw = tf.function(pairs.clip_ids)
  clips = np.concatenate([draw(tf.constant(step, tf.int64)).numpy() for step in range(steps)])
  counts = collections.Counter(GROUPS[clip] for clip in clips)
  return [counts[name] / len(clips) for name in ("large", "middle", "small")]


@pytest.mark.parametrize(
  ("balance", "expected"),
  [(0.0, [1 / 3, 1 / 3, 1 / 3]), (0.5, np.sqrt([90, 9, 1]) / np.sqrt([90, 9, 1]).sum())],
)
def test_a_group_is_drawn_by_its_number_of_clips_to_the_power_of_balance(balance, expected):
  np.testing.assert_allclose(shares(make(balance)), expected, atol=0.04)


def test_clips_of_one_group_are_drawn_alike():
  pairs = make(0.0, groups=["one"] * 8)
  draws = tf.function(lambda: tf.map_fn(pairs.clip_ids, tf.range(8000, dtype=tf.int64)))()
  np.testing.assert_allclose(
    np.bincount(draws.numpy().ravel(), minlength=8) / 8000, 1 / 8, atol=0.02
  )


def test_two_clips_without_repeats_have_the_closed_form_of_a_draw_one_by_one():
  weights = np.array([0.5, 0.3, 0.2])
  seeds = tf.stack([tf.zeros([20_000], tf.int32), tf.range(20_000)], 1)

  @tf.function
  def draw_all():
    logs = tf.constant(np.log(weights), tf.float32)
    return tf.map_fn(
      lambda seed: draw_without_repeats(logs, 2, seed), seeds, fn_output_signature=tf.int64
    )

  draws = draw_all().numpy()
  for first in range(3):
    for second in {0, 1, 2} - {first}:
      expected = weights[first] * weights[second] / (1 - weights[first])
      measured = np.mean((draws[:, 0] == first) & (draws[:, 1] == second))
      assert abs(measured - expected) < 0.015, (first, second)


def test_no_clip_comes_twice_in_a_step_even_if_its_group_is_drawn_most():
  pairs = make(0.0, batch_size=40)
  for step in range(20):
    assert len(set(pairs.clip_ids(step).numpy().tolist())) == 40


def test_the_same_seed_and_step_draw_the_same_clips_and_shares_of_hosts_are_the_batch():
  pairs = make(0.5, batch_size=12)
  whole = pairs.clip_ids(7).numpy().tolist()
  assert whole == make(0.5, batch_size=12).clip_ids(7).numpy().tolist()
  assert whole != pairs.clip_ids(8).numpy().tolist()
  parts = [pairs.clip_ids(7, (number, 3)).numpy().tolist() for number in range(3)]
  assert whole == [*parts[0], *parts[1], *parts[2]]


def test_in_a_dataset_the_excerpts_are_those_of_the_drawn_clips():
  pairs = make(0.5, batch_size=6)
  for step, batch in enumerate(pairs.dataset(0, 5)):
    clips = np.floor(batch.numpy()[:, :, 0] + 1e-4).astype(int)
    assert (clips == pairs.clip_ids(step).numpy()[:, None]).all()


def test_a_clip_without_a_group_is_refused_at_once():
  with pytest.raises(UserError, match="balance=0.5 .* 1 of the 3 clips have none"):
    make(0.5, groups=["a", None, "b"])


def test_balance_1_is_the_permutation_of_before_and_asks_for_no_groups():
  pairs = make(1.0, groups=[None] * 10, batch_size=5)
  draws = np.concatenate([pairs.clip_ids(step).numpy() for step in (0, 1)])
  assert sorted(draws.tolist()) == list(range(10))
