"""Confusions are counted by true class."""

from downstream import confusions
from tests.support import assert_close

LABELS = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "b", "d"]


def test_confusions_are_counted_by_true_class():
  names, counts = confusions.count_confusions(LABELS, PREDICTED)
  assert names == ["a", "b", "c", "d"]
  assert counts.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
  assert_close(confusions.row_shares(counts)[0], [2 / 3, 1 / 3, 0, 0])
  assert not confusions.row_shares(counts)[3].any()


def test_accuracies_are_sorted_and_of_classes_that_have_clips():
  names, accuracies, clips = confusions.class_accuracies(LABELS, PREDICTED)
  assert names == ["b", "a", "c"]
  assert_close(accuracies, [1, 2 / 3, 0])
  assert clips.tolist() == [2, 3, 1]
