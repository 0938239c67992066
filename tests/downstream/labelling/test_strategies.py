"""Each strategy wants what its definition says, in cases that can be computed by hand."""

import numpy as np
import pytest

from downstream.labelling import strategies
from tests.support import assert_close

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.05, 0.45, 0.5]])


def test_top_wants_the_most_probable_of_a_class():
  for target in range(3):
    assert strategies.top(PROBABILITIES, target).tolist() == PROBABILITIES[:, target].tolist()


def test_uncertain_compares_the_two_most_probable_classes():
  assert_close(strategies.uncertain(PROBABILITIES, False), np.array([-0.5, -0.05, -0.05]), 1e-12)
  two = np.array([[0.5, 0.5], [1.0, 0.0]])
  assert strategies.uncertain(two, False).tolist() == [0, -1]


def test_uncertain_of_several_labels_counts_the_class_nearest_to_one_half():
  probabilities = np.array([[0.0, 1.0], [0.5, 1.0], [0.9, 0.25]])
  assert_close(strategies.uncertain(probabilities, True), np.array([-1, 0, -0.5]), 1e-12)


def test_diverse_takes_the_middle_of_the_larger_crowd_then_the_other_and_an_outlier_last():
  angles = np.radians([0, 4, 8, 12, 16, 60, 64, 68, 180])  # five, three, and one alone
  rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
  similarities = strategies.cosines(rows, rows, np.zeros(2))
  assert_close(similarities, np.cos(angles[:, None] - angles), atol=1e-12)
  covered, chosen = np.zeros(len(rows)), []
  for _ in range(3):
    values = strategies.diverse(similarities**9 * (similarities > 0), covered)
    chosen.append(int(values.argmax()))
    covered = np.maximum(covered, (similarities**9 * (similarities > 0))[:, chosen[-1]])
  assert chosen == [2, 6, 8]


def test_what_is_stood_for_already_is_worth_nothing():
  similarities = np.eye(4)
  covered = strategies.cover(similarities[:, [1, 2]])
  assert covered.tolist() == [0, 1, 1, 0]
  assert strategies.diverse(similarities, covered).tolist() == [1, 0, 0, 1]


def test_random_is_an_order_that_the_seed_determines():
  orders = [strategies.random(100, seed) for seed in (0, 0, 1)]
  assert sorted(orders[0]) == list(range(100))
  assert orders[0].tolist() == orders[1].tolist() != orders[2].tolist()
  first = [strategies.random(4, seed).argmax() for seed in range(400)]
  assert np.bincount(first, minlength=4).min() > 70  # each window is as likely


@pytest.mark.parametrize("scale", [0.01, 100])
def test_similarity_is_that_of_the_nearest_example_whatever_the_level(scale):
  rows = np.array([[3.0, 2.0], [1.0, 4.0]])
  examples = np.array([[2.0, 1.0], [1.0, 2.0]])  # around the centre: right, and up
  centre = np.ones(2)
  near = strategies.similar(centre + scale * (rows - centre), examples, centre)
  assert_close(near, np.array([2 / np.sqrt(5), 1.0]), atol=1e-12)
