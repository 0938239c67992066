"""Confusions are counted by true class, and drawn as shares of it."""

import numpy as np

from contrastive_audio.monitoring.confusion import (
  confusion_matrix,
  count_confusions,
  row_shares,
)
from tests.support import assert_close

LABELS = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "b", "d"]


def test_confusions_are_counted_by_true_class():
  names, counts = count_confusions(LABELS, PREDICTED)
  assert names == ["a", "b", "c", "d"]
  assert counts.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
  assert_close(row_shares(counts)[0], [2 / 3, 1 / 3, 0, 0])
  assert not row_shares(counts)[3].any()


def test_a_row_is_a_true_class_and_a_column_what_it_was_taken_for(axis):
  confusion_matrix("", LABELS, PREDICTED, "t")
  shares = axis().images[0].get_array()
  assert_close(shares[0], [2 / 3, 1 / 3, 0, 0])
  assert (axis().get_xlabel(), axis().get_ylabel().split(" (")[0]) == (
    "predicted class",
    "true class",
  )
  for names in (axis().get_xticklabels(), axis().get_yticklabels()):
    assert [text.get_text() for text in names] == ["a", "b", "c", "d"]


def test_counts_are_written_in_white_on_dark_and_only_where_there_is_room(axis):
  confusion_matrix("", LABELS, PREDICTED, "t")
  written = {text.get_position(): (text.get_text(), text.get_color()) for text in axis().texts}
  dark = {(0, 0): ("2", "white"), (1, 1): ("2", "white"), (3, 2): ("1", "white")}
  assert written == dark | {(1, 0): ("1", "black")}


def test_counts_of_many_classes_are_left_out_and_so_are_names_that_do_not_fit(axis):
  names = [f"{number:03}" for number in range(600)]
  confusion_matrix("", np.array(names), names, "t")
  assert not axis().texts
  assert [text.get_text() for text in axis().get_yticklabels()] == names[::5]
