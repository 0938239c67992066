"""Cross entropy over rows and columns: naive loops, closed forms, and the same in blocks."""

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.training.cross_entropy import cross_entropy
from tests.support import assert_close

RNG = np.random.default_rng(0)
ROWS, COLUMNS = RNG.normal(0, 1.5, [5, 6]).astype("f"), RNG.normal(size=[9, 6]).astype("f")
TARGETS, EXCLUDED = np.array([2, 3, 0, 8, 4], "i"), np.array([1, 0, 5, 2, 7], "i")


def naive(excluded):
  losses, hits = [], []
  for row, target in enumerate(TARGETS):
    logits = {c: float(ROWS[row] @ COLUMNS[c]) for c in range(9) if c != excluded[row]}
    total = sum(np.exp(value) for value in logits.values())
    losses.append(-np.log(np.exp(logits[target]) / total))
    hits.append(max(logits, key=logits.get) == target)
  return [np.mean(losses), np.mean(hits)]


@pytest.mark.parametrize("block", [0, 1, 2, 5, 7])
@pytest.mark.parametrize("excluded", [None, EXCLUDED], ids=["all", "without itself"])
def test_it_equals_a_naive_loop(excluded, block):
  results = cross_entropy(ROWS, COLUMNS, TARGETS, excluded, block)
  assert_close(results, naive([-1] * 5 if excluded is None else excluded), atol=1e-5)


def test_with_equal_logits_it_is_the_logarithm_of_their_number():
  assert_close(
    cross_entropy(tf.zeros([7, 3]), tf.zeros([7, 3]), tf.range(7))[0], np.log(7), atol=1e-6
  )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("block", [1, 2, 5, 7])
def test_blocks_have_the_gradient_of_the_whole(block, compiled):
  def gradients(rows, columns, block):
    with tf.GradientTape() as tape:
      tape.watch([rows, columns])
      loss = 3 * cross_entropy(rows, columns, TARGETS, EXCLUDED, block)[0]
    return tape.gradient(loss, [rows, columns])

  call = tf.function(gradients) if compiled else gradients
  whole = gradients(tf.constant(ROWS), tf.constant(COLUMNS), 0)
  for desired, actual in zip(whole, call(tf.constant(ROWS), tf.constant(COLUMNS), block)):
    assert_close(actual, desired, atol=1e-6)
