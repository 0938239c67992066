"""Numbers are functions of a seed; shares of a batch get the rows that the whole batch would."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.views import augment, stateless_random
from mixback import mixing
from mixback.config import Config
from tests.support import assert_close

SEED = tf.constant([3, 4], tf.int32)
PATCHES = np.random.default_rng(0).normal(size=[6, 20, 16]).astype("f")
DRAWS = {
  "uniform": lambda count, seed: stateless_random.uniform([count, 5], seed),
  "integers": lambda count, seed: stateless_random.integers([count], seed, 0, 1000),
  "words": lambda count, seed: stateless_random.words([count, 2, 3], seed),
  "normal": lambda count, seed: stateless_random.normal([count, 3], seed),
  "below": lambda count, seed: stateless_random.below(tf.fill([count, 2], 1000), seed),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_seed_for_rows_draws_those_rows_of_the_whole(draw, compiled):
  call = tf.function(draw) if compiled else draw
  folded = stateless_random.fold(SEED, 7)
  shares = [
    call(2, stateless_random.fold(stateless_random.for_rows(SEED, first, 6), 7))
    for first in (0, 2, 4)
  ]
  np.testing.assert_array_equal(tf.concat(shares, 0), draw(6, folded))


CALLS = {
  "eager": lambda draw: draw,
  "graph": lambda draw: tf.function(draw, autograph=False),
  "XLA": lambda draw: tf.function(draw, autograph=False, jit_compile=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("seed", [[0, 1], [-3, 4], [2**31 - 1, -(2**31)]])
@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_numbers_are_those_of_philox_in_tensorflow(dtype, seed, call):
  philox, seed = {"alg": "philox"}, tf.constant(seed, dtype)
  fold_in = tf.random.experimental.stateless_fold_in
  full = functools.partial(tf.random.stateless_uniform, minval=None, maxval=None, **philox)
  words = call(lambda seed: stateless_random.words([3, 5], stateless_random.fold(seed, 7)))(seed)
  assert_close(words, full([3, 5], fold_in(seed, 7, **philox), dtype=tf.uint32))
  integers = call(lambda seed: stateless_random.integers([9], seed, -3, 8))(seed)
  assert_close(integers, tf.random.stateless_uniform([9], seed, -3, 8, tf.int32, **philox))
  seeds = tf.stack(stateless_random.split(seed, 3))
  assert seeds.dtype == tf.int32
  assert_close(seeds, tf.stack([fold_in(seed, number, **philox) for number in range(3)]))


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_a_share_of_a_batch_is_augmented_as_in_the_whole(name):
  apply = augment.compose(Config(augment=name, mean=0.0, std=1.0))
  whole = apply(PATCHES, SEED)
  assert np.abs(whole - PATCHES).max() > 1e-3
  shares = [apply(PATCHES[i : i + 3], stateless_random.for_rows(SEED, i, 6)) for i in (0, 3)]
  assert_close(tf.concat(shares, 0), whole, atol=1e-5)


def test_other_seeds_steps_and_rows_draw_other_numbers():
  seeds = [SEED, stateless_random.fold(SEED, 0), stateless_random.fold(SEED, 1)]
  seeds += [stateless_random.for_rows(SEED, 3, 9)]
  draws = {tuple(stateless_random.words([3], seed).numpy().tolist()) for seed in seeds}
  assert len(draws) == len(seeds)


def test_backgrounds_of_one_replica_are_other_clips_of_the_batch():
  views = tf.reshape(tf.range(10.0), [5, 2])
  picked = mixing.pick_backgrounds(views, SEED).numpy() // 2
  assert (picked != np.arange(5)[:, None]).all()
  assert (picked[:, 0] != picked[:, 1]).all()
