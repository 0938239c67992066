"""Rows become columns: every row, in order, across batches, whatever is null."""

import numpy as np
import pyarrow as pa
import pytest

from contrastive_audio.datasets.compact_columns import Columns

ROWS = 10_001  # some batches and a part of one


@pytest.mark.parametrize("first_text", [0, 5000, ROWS])
def test_all_rows_come_back_in_order_across_batches(first_text):
  kind = pa.dictionary(pa.int32(), pa.large_string())
  columns = Columns("S3", "f8", kind)
  texts = [None] * first_text + [f"text {row % 7}" for row in range(first_text, ROWS)]
  for row, text in enumerate(texts):
    columns.add(f"{row % 1000:03d}".encode(), row / 8, text)
  ids, numbers, found = columns.finish()
  assert [int(value) for value in ids] == [row % 1000 for row in range(ROWS)]
  np.testing.assert_array_equal(numbers, np.arange(ROWS) / 8)
  assert found.to_pylist() == texts


def test_no_rows_are_empty_columns():
  ids, found = Columns("S3", pa.large_string()).finish()
  assert len(ids) == len(found) == 0


def test_a_column_of_nulls_takes_no_memory():
  columns = Columns(pa.large_string())
  for _ in range(ROWS):
    columns.add(None)
  (found,) = columns.finish()
  assert len(found) == ROWS
  assert found.nbytes == 0
