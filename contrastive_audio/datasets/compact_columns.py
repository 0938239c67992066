"""Rows -> columns, without a Python object for each cell that stays."""

import numpy as np
import pyarrow as pa

_BATCH_ROWS = 1 << 12


class Columns:
  """Collects rows, and moves every 4,096 of them into arrays."""

  def __init__(self, *types):
    """Takes the type of each column, of NumPy or of pyarrow."""
    self._columns = [_Chunked(t) if isinstance(t, pa.DataType) else _Growing(t) for t in types]
    self._rows = []

  def add(self, *cells):
    """Adds a row."""
    self._rows.append(cells)
    if len(self._rows) >= _BATCH_ROWS:
      self._flush()

  def finish(self):
    """Returns the columns: NumPy arrays, and chunked arrays of pyarrow."""
    self._flush()
    return tuple(column.finish() for column in self._columns)

  def _flush(self):
    for column, cells in zip(self._columns, zip(*self._rows)):
      column.extend(cells)
    self._rows = []


class _Growing:
  """An array of NumPy that grows in place: at no time there are two of it."""

  def __init__(self, kind):
    self._array, self._size = np.empty(_BATCH_ROWS, kind), 0

  def extend(self, cells):
    size = self._size + len(cells)
    if size > len(self._array):
      self._array.resize(size + size // 4, refcheck=False)
    self._array[self._size : size] = cells
    self._size = size

  def finish(self):
    self._array.resize(self._size, refcheck=False)
    return self._array


class _Chunked:
  """Arrays of pyarrow; nulls take no memory as long as there is nothing else."""

  def __init__(self, kind):
    self._kind, self._chunks = kind, []

  def extend(self, cells):
    array = pa.array(cells, self._kind)
    self._chunks.append(pa.nulls(len(cells)) if array.null_count == len(cells) else array)

  def finish(self):
    if all(pa.types.is_null(chunk.type) for chunk in self._chunks):
      return pa.chunked_array(self._chunks, pa.null())
    chunks = [chunk.cast(self._kind) for chunk in self._chunks]
    return pa.chunked_array(chunks, self._kind).unify_dictionaries()
