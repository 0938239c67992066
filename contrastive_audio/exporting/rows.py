"""Embeddings of windows, a few rows at a time -> those of whole clips.

Rows are (number of the clip of each row, ascending, int `[W]`; embeddings, float32 `[W, D]`).
"""

from collections.abc import Iterable, Iterator

import numpy as np

Rows = tuple[np.ndarray, np.ndarray]


def mean_by_clip(blocks: Iterable[Rows]) -> Iterator[Rows]:
  """Yields (clip numbers `[n]`, means over their rows, float32 `[n, D]`), a few clips at a time.

  Args:
    blocks: rows of clips, one of which may go on in the next block.

  Example:
    >>> rows = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
    >>> blocks = [(np.array([4, 7]), rows[:2]), (np.array([7]), rows[2:])]
    >>> [(clips.tolist(), means.tolist()) for clips, means in mean_by_clip(blocks)]
    [([4], [[1.0, 2.0]]), ([7], [[4.0, 5.0]])]
  """
  held: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # the clip that may go on
  for numbers, rows in blocks:
    clips, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    sums = np.add.reduceat(rows, first, axis=0, dtype=np.float64)
    if held is not None and held[0][0] == clips[0]:
      sums[:1] += held[1]
      counts[:1] += held[2]
    elif held is not None:
      clips, sums, counts = map(np.concatenate, zip(held, (clips, sums, counts)))
    held = clips[-1:], sums[-1:], counts[-1:]
    if len(clips) > 1:
      yield _means(clips[:-1], sums[:-1], counts[:-1])
  if held is not None:
    yield _means(*held)


def _means(clips: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> Rows:
  return clips, (sums / counts[:, None]).astype(np.float32)


def rows_of_clips(blocks: Iterable[Rows]) -> Iterator[np.ndarray]:
  """Yields all rows of a clip, float32 `[W, D]`, clip after clip.

  Args:
    blocks: rows of clips.

  Example:
    >>> blocks = [(np.array([0, 1]), np.ones([2, 3])), (np.array([1]), np.ones([1, 3]))]
    >>> [rows.shape for rows in rows_of_clips(blocks)]
    [(1, 3), (2, 3)]
  """
  last, kept = None, list[np.ndarray]()
  for numbers, rows in blocks:
    clips, first = np.unique(numbers, return_index=True)
    for clip, part in zip(clips, np.split(rows, first[1:])):
      if kept and clip != last:
        yield np.concatenate(kept)
        kept = []
      kept.append(part)
      last = clip
  if kept:
    yield np.concatenate(kept)


def position_in_clip(blocks: Iterable[Rows]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """Yields clip numbers, embeddings, and which row of its clip each is, int `[W]`.

  Args:
    blocks: rows of clips.

  Example:
    >>> blocks = [(np.array([0, 1]), np.ones([2, 3])), (np.array([1]), np.ones([1, 3]))]
    >>> [positions.tolist() for _, _, positions in position_in_clip(blocks)]
    [[0, 0], [1]]
  """
  last, num_seen = None, 0
  for numbers, rows in blocks:
    clips, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    positions = np.arange(len(numbers)) - np.repeat(first, counts)
    if last == clips[0]:
      positions[: counts[0]] += num_seen
    last, num_seen = clips[-1], int(positions[-1]) + 1
    yield numbers, rows, positions
