"""How a clip of any length is laid out before excerpts are cut from it; NumPy, on the host.

`FrontEnd` does the same in TensorFlow, for evaluation and export.

Letters: n samples of a clip, N samples of an excerpt.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from contrastive_audio.frontend.clip_store import ClipStore, StoredClip

WHOLE_SAMPLES = 1 << 22  # the longest clip of a store that is read whole, 3 to 4 minutes
HEAD_ROOM = 0.005  # of "clip_peak" (published code of mix-back)


@dataclasses.dataclass(frozen=True)
class ClipLayout:
  """A clip, filled up if it is short and mirrored at its ends; excerpts start on a grid.

  Attributes:
    num_samples: N.
    shortest_samples: clips shorter than this are filled up to it.
    short_clips: how they are filled up: "zeros" (on both sides), "tile" (repeated from a random
      phase, drawn for each excerpt) or "repeat" (repeated from the start).
    mirrored_samples: how far the clip continues beyond both ends, mirrored, as a centred STFT has
      it.
    grid_samples: excerpts start at multiples of this.
    level: "clip_peak": the mean of the whole clip is removed, and the clip is divided by its
      largest absolute value plus HEAD_ROOM; "as_is": untouched.

  Example:
    >>> layout = ClipLayout(num_samples=400, shortest_samples=400, grid_samples=160)
    >>> int(layout.num_starts(1000))  # at samples 0, 160, 320 and 480
    4
  """

  num_samples: int
  shortest_samples: int
  short_clips: str = "zeros"
  mirrored_samples: int = 0
  grid_samples: int = 1
  level: str = "as_is"

  def num_starts(self, clip_samples: int | np.ndarray) -> np.ndarray:
    """Returns at how many places an excerpt can start.

    Args:
      clip_samples: n, of one clip or of many.
    """
    filled = np.maximum(clip_samples, self.shortest_samples)
    return 1 + (filled + 2 * self.mirrored_samples - self.num_samples) // self.grid_samples

  @property
  def span_samples(self) -> int:
    """How much of the clip itself an excerpt covers, without mirrored margins."""
    return self.num_samples - 2 * self.mirrored_samples

  def copy(
    self, store: ClipStore, clip_id: int, start_index: int, phase: float, out: np.ndarray
  ) -> None:
    """Writes one excerpt.

    Args:
      store: holds the clip.
      clip_id: which clip.
      start_index: which of the `num_starts`.
      phase: in [0, 1), where "tile" begins within the clip.
      out: float32 `[N]`.
    """
    clip_samples = int(store.num_samples[clip_id])
    first = start_index * self.grid_samples - self.mirrored_samples
    if first >= 0 and first + self.num_samples <= clip_samples:
      self._read(store, clip_id, first, out)
      return
    filled_samples = max(clip_samples, self.shortest_samples)
    left, right = max(0, -first), max(0, first + self.num_samples - filled_samples)
    end = self.num_samples - right
    # The sample at the end is not repeated, so a margin needs one more than it is long.
    start, stop = min(first + left, filled_samples - 1 - right), max(first + end, 1 + left)
    if clip_samples >= self.shortest_samples:
      wave = np.empty(stop - start, np.float32)
      self._read(store, clip_id, start, wave)  # only the samples needed: the clip may be long
    else:
      wave = self._fill(_scale(store, clip_id, store.wave(clip_id), self.level), phase)[start:stop]
    out[left:end] = wave[first + left - start : first + end - start]
    out[:left] = wave[left:0:-1]
    out[end:] = wave[-2 : -2 - right : -1]

  def read_ahead(self, store: ClipStore, clip_ids: np.ndarray, start_indices: np.ndarray) -> None:
    """Has excerpts loaded that are copied next.

    Args:
      store: holds the clips.
      clip_ids: int64 `[b]`.
      start_indices: int64 `[b, E]`, which of the `num_starts`.
    """
    starts = start_indices * self.grid_samples - self.mirrored_samples
    store.read_ahead(clip_ids, starts, self.num_samples)

  def _read(self, store: ClipStore, clip_id: int, first: int, out: np.ndarray) -> None:
    store.copy_excerpt(clip_id, first, out)
    _scale(store, clip_id, out, self.level)

  def _fill(self, wave: np.ndarray, phase: float) -> np.ndarray:
    missing = self.shortest_samples - len(wave)
    if self.short_clips == "zeros":
      return np.pad(wave, (missing // 2, missing - missing // 2))
    first = int(phase * len(wave)) if self.short_clips == "tile" else 0
    return wave[(first + np.arange(missing + len(wave))) % len(wave)]


def read_laid_out(
  clip: StoredClip, first: int, end: int, mirrored_samples: int, level: str
) -> np.ndarray:
  """Returns a piece of a long clip as it is laid out, without the rest of it.

  Args:
    clip: at least as long as `ClipLayout.shortest_samples`.
    first: first sample of the piece, counted from the start of the clip; may lie before it.
    end: end of the piece; may lie beyond that of the clip.
    mirrored_samples: how far the clip goes on beyond both ends, mirrored; then zeros follow.
    level: see ClipLayout.

  Returns:
    float32 `[end - first]`.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> clip = StoredClip(prepare(open_synthetic(clips_per_class=1), 16_000), 0)
    >>> piece = read_laid_out(clip, -2, 3, mirrored_samples=1, level="as_is")
    >>> bool(piece[0] == 0), bool(piece[1] == clip.read(1, 2)[0])
    (True, True)
  """
  length, indices = clip.num_samples, np.arange(first, end)
  is_clip = (indices >= -mirrored_samples) & (indices < length + mirrored_samples)
  folded = _mirror(np.clip(indices, -mirrored_samples, length - 1 + mirrored_samples), length)
  lowest = int(folded.min())
  wave = clip.read(lowest, int(folded.max()) + 1)
  _scale(clip.store, clip.clip_id, wave, level)
  return np.where(is_clip, wave[folded - lowest], np.float32(0))


def read_windows(
  clip: StoredClip,
  starts: np.ndarray,
  num_samples: int,
  mirrored_samples: int,
  level: str,
  at_once: int,
) -> Iterator[np.ndarray]:
  """Yields windows of a long clip as it is laid out, float32 `[w, N]`, a few at a time.

  Args:
    clip: see `read_laid_out`.
    starts: int `[W]`, first sample of each window, in ascending order.
    num_samples: N.
    mirrored_samples: see `read_laid_out`.
    level: see ClipLayout.
    at_once: w; only the samples of so many windows are in memory.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> clip = StoredClip(prepare(open_synthetic(clips_per_class=1), 16_000), 0)
    >>> [windows.shape for windows in read_windows(clip, np.arange(9), 400, 0, "as_is", 5)]
    [(5, 400), (4, 400)]
  """
  for first in range(0, len(starts), at_once):
    some = starts[first : first + at_once]
    begin, end = int(some[0]), int(some[-1]) + num_samples
    samples = read_laid_out(clip, begin, end, mirrored_samples, level)
    yield np.stack([samples[offset : offset + num_samples] for offset in some - begin])


def _scale(store: ClipStore, clip_id: int, wave: np.ndarray, level: str) -> np.ndarray:
  """Brings samples of a clip to its level, in place."""
  if level == "clip_peak":
    wave -= store.mean[clip_id]
    wave /= store.centred_peak[clip_id] + np.float32(HEAD_ROOM)
  return wave


def _mirror(indices: np.ndarray, length: int) -> np.ndarray:
  """Folds indices beyond both ends back; the end samples are not repeated (NumPy's "reflect")."""
  return length - 1 - np.abs(length - 1 - np.abs(indices))
