"""Numbers are functions of a seed; shares of a batch get the rows that the whole batch would."""

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
