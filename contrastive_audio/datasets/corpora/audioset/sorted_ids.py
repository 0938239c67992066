"""Looks up ids in arrays of bytes by sorting, without copies of all ids."""

import numpy as np

BLOCK_ROWS = 1 << 16  # rows that are processed together where a copy of all rows would be large


def first_positions(ids: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
  """Returns the position at which each id occurs first, sorted by id.

  Args:
    ids: bytes `[n]`.
    order: int `[n]`, sorts the ids; of equal ids the first in this order counts. None: the first
      in the array counts.

  Returns:
    int32 `[m]`, one position for each different id.

  Example:
    >>> first_positions(np.array([b"b", b"a", b"b"])).tolist()
    [1, 0]
  """
  order = np.argsort(ids, kind="stable").astype(np.int32) if order is None else order
  is_first = np.ones(len(order), bool)
  for start in range(1, len(order), BLOCK_ROWS):  # no second copy of all ids
    block = ids[order[start - 1 : start + BLOCK_ROWS]]
    is_first[start : start + BLOCK_ROWS] = block[1:] != block[:-1]
  return order[is_first]


def find_positions(sorted_ids: np.ndarray, ids: np.ndarray) -> np.ndarray:
  """Returns the position of each id in a sorted array, -1 for ids that it lacks.

  Args:
    sorted_ids: bytes `[n]`.
    ids: bytes `[m]`.

  Returns:
    int32 `[m]`.

  Example:
    >>> find_positions(np.array([b"a", b"c"]), np.array([b"c", b"b"])).tolist()
    [1, -1]
  """
  positions = np.full(len(ids), -1, np.int32)
  for start in range(0, len(ids) if len(sorted_ids) else 0, BLOCK_ROWS):
    block = ids[start : start + BLOCK_ROWS]
    nearest = np.minimum(np.searchsorted(sorted_ids, block), len(sorted_ids) - 1)
    is_equal = sorted_ids[nearest] == block
    positions[start : start + BLOCK_ROWS] = np.where(is_equal, nearest, -1)
  return positions
