"""Rows become columns: every row, in order, across batches, whatever is null."""

import numpy as np
import pyarrow as pa
import pytest

from contrastive_audio.datasets.compact_columns import Columns

ROWS = 10_001  # two full batches and part of a third


@pytest.mark.parametrize("first_text", [0, 5000, ROWS])
def test_all_rows_come_back_in_order_across_batches(first_text):
  columns = Columns(id="S3", number="f8", text=pa.dictionary(pa.int32(), pa.large_string()))
  texts = [None] * first_text + [f"text {row % 7}" for row in range(first_text, ROWS)]
  for row, text in enumerate(texts):
    columns.add(text=text, id=f"{row % 1000:03d}".encode(), number=row / 8)
  arrays = columns.finish()
  assert list(arrays) == ["id", "number", "text"]
  assert [int(value) for value in arrays["id"]] == [row % 1000 for row in range(ROWS)]
  np.testing.assert_array_equal(arrays["number"], np.arange(ROWS) / 8)
  assert arrays["text"].to_pylist() == texts


def test_no_rows_are_empty_columns():
  arrays = Columns(id="S3", text=pa.large_string()).finish()
  assert len(arrays["id"]) == len(arrays["text"]) == 0


def test_a_row_that_lacks_a_cell_is_refused():
  columns = Columns(id="S3", number="f8")
  columns.add(id=b"abc")
  with pytest.raises(KeyError, match="number"):
    columns.finish()


def test_a_column_of_nulls_takes_no_memory():
  columns = Columns(text=pa.large_string())
  for _ in range(ROWS):
    columns.add(text=None)
  column = columns.finish()["text"]
  assert len(column) == ROWS
  assert column.nbytes == 0
