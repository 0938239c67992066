"""Rows -> columns, without a Python object for each cell that stays."""

import numpy as np
import pyarrow as pa

_BATCH_ROWS = 1 << 16


class Columns:
  """Collects rows, and turns every 65,536 of them into arrays."""

  def __init__(self, *types):
    """Takes the type of each column, of NumPy or of pyarrow."""
    self._types = types
    self._rows, self._batches = [], []

  def add(self, *cells):
    """Adds a row."""
    self._rows.append(cells)
    if len(self._rows) >= _BATCH_ROWS:
      self._flush()

  def finish(self):
    """Returns the columns: NumPy arrays, and chunked arrays of pyarrow."""
    self._flush()
    columns = [list(column) for column in zip(*self._batches)]
    self._batches = []
    return tuple(
      pa.chunked_array(c) if isinstance(c[0], pa.Array) else np.concatenate(c) for c in columns
    )

  def _flush(self):
    cells = zip(*self._rows) if self._rows else [()] * len(self._types)
    self._batches.append([_array(*pair) for pair in zip(cells, self._types)])
    self._rows = []


def _array(cells, kind):
  if isinstance(kind, pa.DataType):
    return pa.array(cells, kind)
  return np.array(cells, kind)
