"""Mix-back: golden array, formula, nothing to mix, who is whose background."""

import numpy as np
import pytest
import tensorflow as tf

from mixback import mixing
from mixback.config import MIX_ENERGIES, Config
from tests.support import GOLDEN, assert_close

ARRAYS = np.load(GOLDEN / "augment.npz")
CONFIG = Config()


def energies(count=4, seed=0):
  return np.random.default_rng(seed).gamma(0.3, 2.0, [count, 101, 96]).astype("f")


def test_mix_back_meets_the_golden_array():
  log_mel = CONFIG.log_mel()
  patch, background = (log_mel.expand(ARRAYS[name][None]) for name in ("patch", "background"))
  mixed = mixing.mix_back(patch, background, tf.constant([ARRAYS["lam"]], tf.float32))
  # The array adds the floor of both logarithms to the energies; here silence stays silence.
  error = np.abs(log_mel.compress(mixed)[0] - ARRAYS["mix_back"])
  assert error.mean() < 1e-3
  assert np.median(error) < 1e-5


def test_mix_back_equals_the_formula_of_the_paper():
  x, b, lam = energies(3, 0), energies(3, 1), np.array([0.0, 0.03, 0.9], "f")
  mixed = mixing.mix_back(x, b, lam)
  for row in range(3):
    desired = (1 - lam[row]) * x[row] + lam[row] * x[row].sum() / b[row].sum() * b[row]
    assert_close(mixed[row], desired, rtol=1e-4, atol=1e-6)
  assert_close(mixed[0], x[0])
  assert_close(tf.reduce_sum(mixed, [1, 2]), x.sum((1, 2)), rtol=1e-5)  # the energy stays


def test_the_foreground_keeps_at_least_one_minus_lambda_of_the_energy_whatever_the_levels():
  quiet, loud = 1e-8 * energies(1, 0), 1e8 * energies(1, 1)
  mixed = mixing.mix_back(quiet, loud, np.array([0.05], "f"))
  assert ((mixed - 0.95 * quiet) >= -1e-14).numpy().all()
  assert_close(tf.reduce_sum(mixed - 0.95 * quiet), 0.05 * quiet.sum(), rtol=1e-3)


@pytest.mark.parametrize("energy", MIX_ENERGIES)
def test_without_a_background_the_foreground_stays_as_it_is(energy):
  x, nothing, lam = energies(2), np.zeros([2, 101, 96], "f"), np.array([0.05, 1.0], "f")
  assert_close(mixing.mix_back(x, nothing, lam, energy), x)
  assert_close(mixing.mix_back(nothing, nothing, lam, energy), nothing)


def test_a_foreground_without_energy_gets_none_of_the_background():
  x, nothing = energies(1), np.zeros([1, 101, 96], "f")
  assert_close(mixing.mix_back(nothing, x, np.array([0.05], "f")), nothing)


@pytest.mark.parametrize("clips", [3, 4, 9])
def test_a_clip_is_never_its_own_background_and_its_two_backgrounds_are_different_clips(clips):
  views = tf.constant([[[clip, view] for view in (0, 1)] for clip in range(clips)])
  seen = set()
  for number in range(100):
    picked = mixing.pick_backgrounds(views, tf.constant([5, number])).numpy()
    assert picked.shape == (clips, 2, 2)
    first, second = picked[:, 0, 0], picked[:, 1, 0]
    assert ((first != np.arange(clips)) & (second != np.arange(clips)) & (first != second)).all()
    seen |= {(row, *other) for row in range(clips) for other in picked[row].reshape(-1, 2).tolist()}
  assert len(seen) == clips * (clips - 1) * 2  # every other clip, either of its views
