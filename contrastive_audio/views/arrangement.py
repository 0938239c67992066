"""Pieces of recordings -> batches with at most one piece of a recording, where the data allows it.

Two pieces of one recording would be a negative pair that shares microphone, place and weather.
"""

import functools

import numpy as np


class Arrangement:
  """The order of the pieces in each epoch, a pure function of (seed, epoch).

  Letters: n pieces, B pieces of a batch, S = n // B batches of an epoch. A recording with at most S
  pieces is never twice in a batch; one with more is, as seldom as that can be.

  Example:
    >>> arrangement = Arrangement(np.repeat([0, 1, 2, 3], 3), batch_size=4, seed=0)
    >>> np.sort(arrangement.batch(0) // 3), np.sort(arrangement.batch(5) // 3)
    (array([0, 1, 2, 3]), array([0, 1, 2, 3]))
  """

  def __init__(self, recordings: np.ndarray, batch_size: int, seed: int):
    """Prepares the epochs.

    Args:
      recordings: int `[n]`, the recording of each piece.
      batch_size: B.
      seed: of all draws.
    """
    _, self._recordings = np.unique(recordings, return_inverse=True)
    self._batch_size, self._seed = batch_size, seed
    self._num_batches = len(recordings) // batch_size
    self._epoch = functools.lru_cache(maxsize=2)(self._arrange)

  def batch(self, step: int | np.ndarray) -> np.ndarray:
    """Returns int64 `[B]`, the pieces of a step.

    Args:
      step: its number, from 0.
    """
    epoch, number = divmod(int(step), self._num_batches)
    return self._epoch(epoch)[number]

  def _arrange(self, epoch: int) -> np.ndarray:
    """Returns int64 `[S, B]`, the pieces of the batches of an epoch."""
    bits = np.random.Philox(key=np.array([self._seed, epoch], np.uint64))

    def shuffled(count: int) -> np.ndarray:
      return np.argsort(bits.random_raw(count), kind="stable")

    num_batches, size = self._num_batches, self._batch_size
    kept = shuffled(len(self._recordings))[: num_batches * size]
    place = shuffled(int(self._recordings.max()) + 1)
    # The pieces of a recording stand side by side, and those side by side go to different batches.
    order = kept[np.argsort(place[self._recordings[kept]], kind="stable")]
    batches = order.reshape(size, num_batches).T[shuffled(num_batches)]
    within = np.argsort(bits.random_raw(num_batches * size).reshape(num_batches, size), axis=1)
    return np.take_along_axis(batches, within, axis=1)
