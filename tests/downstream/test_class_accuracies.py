"""The accuracies of classes are those of their clips."""

from downstream.class_accuracies import class_accuracies
from tests.support import assert_close


def test_accuracies_are_sorted_and_of_classes_that_have_clips():
  names, accuracies, clips = class_accuracies(
    ["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "b", "b", "d"]
  )
  assert names == ["b", "a", "c"]
  assert_close(accuracies, [1, 2 / 3, 0])
  assert clips.tolist() == [2, 3, 1]
