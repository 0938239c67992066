"""Embeddings of windows, a few rows at a time -> those of whole clips.

Rows are (number of the clip of each row, ascending, int `[W]`; embeddings, float32 `[W, D]`).
"""

from collections.abc import Iterable, Iterator

import numpy as np

Rows = tuple[np.ndarray, np.ndarray]


def pool_by_clip(blocks: Iterable[Rows], clip_pooling: str) -> Iterator[Rows]:
  """Yields (clip numbers `[n]`, embeddings float32 `[n, D]`), a few clips at a time.

  Args:
    blocks: rows of clips, one of which may go on in the next block.
    clip_pooling: one of configuration.CLIP_POOLINGS: "windows_max" takes the maximum over the rows
      of a clip, the others their mean ("clip" has a single row).

  Example:
    >>> rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    >>> blocks = [(np.array([4, 7]), rows[:2]), (np.array([7]), rows[2:])]
    >>> [(clips.tolist(), means.tolist()) for clips, means in pool_by_clip(blocks, "windows")]
    [([4], [[1.0, 2.0]]), ([7], [[4.0, 5.0]])]
    >>> [maxima.tolist() for _, maxima in pool_by_clip(blocks, "windows_max")]
    [[[1.0, 2.0]], [[5.0, 6.0]]]
  """
  combine = np.maximum if clip_pooling == "windows_max" else np.add
  held: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # the clip that may go on
  for numbers, rows in blocks:
    clips, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    pooled = combine.reduceat(rows, first, axis=0, dtype=np.float64)
    if held is not None and held[0][0] == clips[0]:
      pooled[:1] = combine(pooled[:1], held[1])
      counts[:1] += held[2]
    elif held is not None:
      clips, pooled, counts = map(np.concatenate, zip(held, (clips, pooled, counts)))
    held = clips[-1:], pooled[-1:], counts[-1:]
    if len(clips) > 1:
      yield _finish(clip_pooling, clips[:-1], pooled[:-1], counts[:-1])
  if held is not None:
    yield _finish(clip_pooling, *held)


def _finish(clip_pooling: str, clips: np.ndarray, pooled: np.ndarray, counts: np.ndarray) -> Rows:
  divisor = 1 if clip_pooling == "windows_max" else counts[:, None]
  return clips, (pooled / divisor).astype(np.float32)


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
