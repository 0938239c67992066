"""Rows -> columns, without keeping a Python object for each cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_BATCH_ROWS = 1 << 12


class Columns:
  """Collects rows, and moves every 4,096 of them into arrays.

  Args:
    **types: name of each column -> its type, of NumPy or of pyarrow.

  Example:
    >>> columns = Columns(number="f8", text=pa.string())
    >>> columns.add(number=0.5, text="a")
    >>> columns.add(number=1.5, text=None)
    >>> arrays = columns.finish()
    >>> arrays["number"].tolist(), arrays["text"].to_pylist()
    ([0.5, 1.5], ['a', None])
  """

  def __init__(self, **types: npt.DTypeLike | pa.DataType):
    self._columns = {
      name: _ArrowColumn(kind) if isinstance(kind, pa.DataType) else _NumpyColumn(kind)
      for name, kind in types.items()
    }
    self._rows: list[dict[str, Any]] = []

  def add(self, **cells: Any) -> None:
    """Adds a row, a cell for each column."""
    self._rows.append(cells)
    if len(self._rows) >= _BATCH_ROWS:
      self._flush()

  def finish(self) -> dict[str, Any]:
    """Returns name -> column, an array of NumPy or a chunked array of pyarrow."""
    self._flush()
    return {name: column.finish() for name, column in self._columns.items()}

  def _flush(self) -> None:
    for name, column in self._columns.items():
      column.extend([row[name] for row in self._rows])
    self._rows = []


class _NumpyColumn:
  """A NumPy array that grows in place, so that memory never holds two copies of it."""

  def __init__(self, dtype: npt.DTypeLike):
    self._array, self._size = np.empty(_BATCH_ROWS, dtype), 0

  def extend(self, cells: Sequence[Any]) -> None:
    size = self._size + len(cells)
    if size > len(self._array):
      self._array.resize(size + size // 4, refcheck=False)
    self._array[self._size : size] = cells
    self._size = size

  def finish(self) -> np.ndarray:
    self._array.resize(self._size, refcheck=False)
    return self._array


class _ArrowColumn:
  """Chunks of pyarrow; a column that holds nothing but nulls takes no memory."""

  def __init__(self, kind: pa.DataType):
    self._kind = kind
    self._chunks: list[pa.Array] = []

  def extend(self, cells: Sequence[Any]) -> None:
    array = pa.array(cells, self._kind)
    self._chunks.append(pa.nulls(len(cells)) if array.null_count == len(cells) else array)

  def finish(self) -> pa.ChunkedArray:
    if all(pa.types.is_null(chunk.type) for chunk in self._chunks):
      return pa.chunked_array(self._chunks, pa.null())
    chunks = [chunk.cast(self._kind) for chunk in self._chunks]
    return pa.chunked_array(chunks, self._kind).unify_dictionaries()
