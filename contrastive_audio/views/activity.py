"""How much happens where in a clip: excerpts are then drawn in proportion to it.

The measure is energy over the background, in decibels, for each tenth of a second. The background
of a recording is what a fifth of it does not exceed. One decibel is added everywhere, so that every
place can be drawn.
"""

from collections.abc import Iterator

import numpy as np

from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.frontend.clip_store import ClipStore
from contrastive_audio.utils.kept_arrays import kept_arrays

HOP_S = 0.1
_BACKGROUND = 20  # percentile of the energies of a recording
_HIGHEST_DB = 40  # over the background; louder is not more
_FLOOR = 1e-12  # energy of silence, relative to full scale
_HOPS_AT_ONCE = 4096


class Activity:
  """Where excerpts of clips may start, and how likely each place is.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> activity = Activity(store, ClipLayout(15_600, 15_600), sample_rate_hz=16_000)
    >>> words = np.array([[0, 2**32 - 1]], np.uint32)
    >>> activity.pick(np.array([0]), words), int(store.num_samples[0]) - 15_600
    (array([[    0, 20683]]), 20683)
  """

  def __init__(self, store: ClipStore, layout: ClipLayout, sample_rate_hz: int):
    """Measures the clips, or reads what was measured before from the folder of their store.

    Args:
      store: the clips.
      layout: how excerpts are cut.
      sample_rate_hz: of the clips.
    """
    self._hop_samples = max(1, round(HOP_S * sample_rate_hz))
    self._grid_samples = layout.grid_samples
    kept = kept_arrays(
      store.folders[0],
      "activity",
      store.digest,
      lambda: {"excess_db": excess_db(store, self._hop_samples)},
    )
    self._num_starts = layout.num_starts(store.num_samples)
    self._first, self._cumulative = self._sums(
      kept["excess_db"] + 1.0, store.num_samples, layout.num_samples
    )

  def pick(self, clip_ids: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Returns int64 `[b, E]`, which of the layout's starts each word picks.

    Args:
      clip_ids: int64 `[b]`.
      words: uint32 `[b, E]`, uniform.
    """
    first, end = self._first[clip_ids][:, None], self._first[clip_ids + 1][:, None]
    low, high = self._cumulative[first], self._cumulative[end]
    targets = low + words / 2**32 * (high - low)
    places = np.searchsorted(self._cumulative, targets.ravel(), side="right").reshape(words.shape)
    places = np.clip(places - 1, first, end - 1)
    below, above = self._cumulative[places], self._cumulative[places + 1]
    samples = (places - first + (targets - below) / (above - below)) * self._hop_samples
    last = self._num_starts[clip_ids][:, None] - 1
    return np.clip((samples / self._grid_samples).astype(np.int64), 0, last)

  def _sums(
    self, weights: np.ndarray, num_samples: np.ndarray, excerpt_samples: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the places of each clip begin, and sums over the places before each.

    A place is a tenth of a second in which an excerpt may start. Its weight is that of all that the
    excerpt covers, times the share of it in which one may start.
    """
    hop = self._hop_samples
    hops = -(-num_samples // hop)
    ends = np.cumsum(hops)
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    room = self._num_starts * self._grid_samples
    places = np.minimum(-(-room // hop), hops)
    first = np.concatenate([[0], np.cumsum(places)])
    numbers = np.arange(first[-1]) - np.repeat(first[:-1], places)
    begin = numbers + np.repeat(ends - hops, places)
    end = np.minimum(begin + max(1, round(excerpt_samples / hop)), np.repeat(ends, places))
    share = np.clip(np.repeat(room, places) / hop - numbers, 0, 1)
    return first, np.concatenate([[0.0], np.cumsum((sums[end] - sums[begin]) * share)])


def excess_db(store: ClipStore, hop_samples: int) -> np.ndarray:
  """Returns uint8, the energy of each hop over the background of its recording; clip after clip.

  Args:
    store: the clips.
    hop_samples: of a hop; the last one of a clip may be shorter.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> excess_db(store.select([0]), hop_samples=8_000).shape  # 36,283 samples
    (5,)
  """
  energies = [np.concatenate([*_energies(store, n, hop_samples)]) for n in range(store.num_clips)]
  decibels = 10 * np.log10(np.concatenate(energies) + _FLOOR)
  recordings = np.repeat(store.recordings, [len(each) for each in energies])
  order = np.argsort(recordings, kind="stable")
  bounds = np.flatnonzero(np.diff(recordings[order])) + 1
  excess = np.empty(len(decibels))
  for hops in np.split(order, bounds):
    excess[hops] = decibels[hops] - np.percentile(decibels[hops], _BACKGROUND)
  return np.rint(np.clip(excess, 0, _HIGHEST_DB)).astype(np.uint8)


def _energies(store: ClipStore, clip_id: int, hop_samples: int) -> Iterator[np.ndarray]:
  """Yields the energies of the hops of a clip, without their means, some at a time."""
  length, block = int(store.num_samples[clip_id]), hop_samples * _HOPS_AT_ONCE
  for start in range(0, length, block):
    wave = np.empty(min(block, length - start), np.float32)
    store.copy_excerpt(clip_id, start, wave)
    whole = len(wave) // hop_samples * hop_samples
    yield wave[:whole].reshape(-1, hop_samples).var(axis=1, dtype=np.float64)
    if whole < len(wave):
      yield wave[whole:].var(dtype=np.float64, keepdims=True)
