"""Many clips of any length -> embeddings, in memory that does not grow with a clip.

Letters: B clips, n samples, W windows, M windows of any clips, N samples of a window, T frames,
F mel bands, D embedding.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from contrastive_audio.exporting.clip_encoder import WINDOWS_AT_ONCE, ClipEncoder
from contrastive_audio.exporting.rows import Rows, pool_by_clip, rows_of_clips
from contrastive_audio.frontend.clip_layout import WHOLE_SAMPLES, read_laid_out, read_windows
from contrastive_audio.frontend.clip_store import StoredClip
from contrastive_audio.frontend.front_end import FRAME_HOP_S
from contrastive_audio.utils.ahead import ahead

ROWS = ("clips", "windows", "frames")  # what an embedding is of

Clip = np.ndarray | StoredClip


@runtime_checkable
class Embedder(Protocol):
  """What embeds clips: a ClipEmbedder, or a baseline that needs no network.

  Attributes:
    clip_pooling: one of configuration.CLIP_POOLINGS.
    excerpt_samples: how much of a clip it hears at once.

  Example:
    >>> isinstance(np.zeros(3), Embedder)
    False
  """

  clip_pooling: str
  excerpt_samples: int

  def embed(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields the embedding, float32 `[D]`, of each clip, in order."""

  def embed_batch(self, waves: np.ndarray) -> np.ndarray:
    """Returns the embeddings, float32 `[B, D]`, of clips `[B, n]` of one length, all at once."""

  def embed_windows(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: windows that cover it."""

  def embed_frames(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: a window every 50 ms, see `frame_times_s`."""

  def embed_rows(self, clips: Iterable[Clip], rows: str = "windows") -> Iterator[Rows]:
    """Yields (number of the clip of each row `[W]`, embeddings `[W, D]`), a few rows at a time.

    Args:
      clips: numbered from 0.
      rows: one of ROWS: an embedding of each clip, window, or frame.
    """

  def log_mels(self, clip: Clip) -> Iterator[np.ndarray]:
    """Yields the log-mel `[T, F]` of each window of a clip."""


class ClipEmbedder:
  """Embeds many clips of any length with a ClipEncoder; short ones share a batch.

  Windows of any clips are one batch; clips that are embedded as wholes, if they are equally long.

  Clips are arrays, float32 `[n]`, or StoredClips. Of those, long ones are read a few windows at a
  time, so that one of hours needs no more memory than one of minutes. Models that were exported by
  version 0.1 read every clip whole.

  Args:
    clip_encoder: a ClipEncoder, or one that was loaded from a SavedModel.
    clip_pooling: "windows" or "windows_max", in place of that of the encoder; None: that.

  Attributes:
    clip_pooling: one of configuration.CLIP_POOLINGS.
    excerpt_samples: how much of a clip a window covers.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> from contrastive_audio.frontend.front_end import FrontEnd
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> embedder = ClipEmbedder(ClipEncoder(front_end, frame_cnn(64)))
    >>> waves = [np.zeros(n, np.float32) for n in (800, 40_000)]
    >>> [windows.shape for windows in embedder.embed_windows(waves)]
    [(1, 3072), (3, 3072)]
  """

  def __init__(self, clip_encoder: ClipEncoder, clip_pooling: str | None = None):
    self._clip_encoder = clip_encoder
    self._window_samples = int(clip_encoder.window_samples)
    mirrored_samples = int(getattr(clip_encoder, "mirrored_samples", 0))  # not in version 0.1
    self.excerpt_samples = self._window_samples - 2 * mirrored_samples
    self.clip_pooling = clip_pooling or pooling_of(clip_encoder)

  def embed(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields the embedding, float32 `[D]`, of each clip, in order."""
    for _, embeddings in self.embed_rows(clips, "clips"):
      yield from embeddings

  def embed_batch(self, waves: np.ndarray) -> np.ndarray:
    """Returns the embeddings, float32 `[B, D]`, of clips `[B, n]` of one length, all at once."""
    if self.clip_pooling != pooling_of(self._clip_encoder):
      return np.stack(list(self.embed(waves)))
    return self._clip_encoder.embed(tf.constant(waves))["embedding"].numpy()

  def embed_windows(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: windows that cover it."""
    return rows_of_clips(self.embed_rows(clips))

  def embed_frames(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: a window every 50 ms, see `frame_times_s`."""
    return rows_of_clips(self.embed_rows(clips, "frames"))

  def embed_rows(self, clips: Iterable[Clip], rows: str = "windows") -> Iterator[Rows]:
    """Yields (number of the clip of each row `[W]`, embeddings `[W, D]`), a few rows at a time.

    Args:
      clips: numbered from 0.
      rows: one of ROWS: an embedding of each clip, window, or frame.
    """
    if rows == "clips" and self.clip_pooling == "clip":
      return self._embed_whole(clips)
    if rows == "clips":
      return pool_by_clip(self._embed_windows(clips, frames=False), self.clip_pooling)
    return self._embed_windows(clips, frames=rows == "frames")

  def _embed_whole(self, clips: Iterable[Clip]) -> Iterator[Rows]:
    """Embeds clips by all their frames; those in a row that are equally long share a batch."""
    for num_samples, equal in itertools.groupby(enumerate(clips), lambda pair: _length(pair[1])):
      while batch := list(itertools.islice(equal, self._at_once(num_samples))):
        numbers, some = zip(*batch)
        yield np.array(numbers), self._embed_equal(some)

  def _at_once(self, num_samples: int) -> int:
    """Returns how many clips of a length share a batch: as much sound as a batch of windows."""
    if num_samples > WHOLE_SAMPLES:
      return 1
    return max(1, WINDOWS_AT_ONCE * self.excerpt_samples // max(num_samples, self.excerpt_samples))

  def _embed_equal(self, clips: Sequence[Clip]) -> np.ndarray:
    """Embeds clips of one length, `[B, D]`; a long one, which is alone, block after block."""
    first = clips[0]
    if isinstance(first, StoredClip) and first.num_samples > WHOLE_SAMPLES:
      return self._embed_in_blocks(first)
    waves = np.stack([clip.read() if isinstance(clip, StoredClip) else clip for clip in clips])
    return self._clip_encoder.embed(tf.constant(waves))["embedding"].numpy()

  def _embed_in_blocks(self, clip: StoredClip) -> np.ndarray:
    model = self._clip_encoder
    state = model.clip_blocks.start()
    for block in model.clip_blocks.cut(tf.constant(clip.num_samples, tf.int64)).numpy():
      first, end, skipped, owned = map(int, block)
      samples = self._read(clip, first, end, int(model.mirrored_samples))
      state = model.clip_blocks.add(state, samples[None], skipped, owned)
    return model.clip_blocks.finish(state).numpy()

  def _embed_windows(self, clips: Iterable[Clip], frames: bool) -> Iterator[Rows]:
    # Reading, cutting and log-mels keep few processors busy: they go on beside the encoder.
    for numbers, log_mels in ahead(self._batches(clips, frames)):
      yield numbers, self._clip_encoder.encode(log_mels).numpy()

  def _batches(self, clips: Iterable[Clip], frames: bool) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Yields (number of the clip of each window, log-mels `[M, T, F]`), full batches at a time."""
    windows = (
      (number, window)
      for number, clip in enumerate(clips)
      for excerpts in self._excerpts(clip, frames)
      for window in excerpts
    )
    while batch := list(itertools.islice(windows, WINDOWS_AT_ONCE)):
      numbers, excerpts = zip(*batch)
      yield np.array(numbers), self._clip_encoder.log_mels(np.stack(excerpts))

  def log_mels(self, clip: Clip) -> Iterator[np.ndarray]:
    """Yields the log-mel `[T, F]` of each window of `embed_windows`."""
    for excerpts in self._excerpts(clip, frames=False):
      yield from self._clip_encoder.log_mels(excerpts).numpy()

  def _excerpts(self, clip: Clip, frames: bool) -> Iterator[np.ndarray]:
    """Yields the laid-out windows of a clip, float32 `[w, N]`, a few at a time."""
    model = self._clip_encoder
    if isinstance(clip, StoredClip):
      if clip.num_samples > WHOLE_SAMPLES and hasattr(model, "frame_starts"):
        yield from self._read_excerpts(clip, frames)
        return
      clip = clip.read()
    laid_out = (model.cut_frames if frames else model.cut)(clip)
    samples = laid_out["wave"].numpy()
    for starts in _blocks(laid_out["starts"].numpy()):
      yield np.stack([samples[start : start + self._window_samples] for start in starts])

  def _read_excerpts(self, clip: StoredClip, frames: bool) -> Iterator[np.ndarray]:
    model = self._clip_encoder
    find_starts = model.frame_starts if frames else model.starts
    all_starts = find_starts(tf.constant(clip.num_samples, tf.int64)).numpy()
    mirrored_samples = 0 if frames else int(model.mirrored_samples)
    size, level = self._window_samples, self._level()
    return read_windows(clip, all_starts, size, mirrored_samples, level, WINDOWS_AT_ONCE)

  def _read(self, clip: StoredClip, first: int, end: int, mirrored_samples: int) -> np.ndarray:
    return read_laid_out(clip, first, end, mirrored_samples, self._level())

  def _level(self) -> str:
    return "clip_peak" if self._clip_encoder.has_clip_level else "as_is"


def pooling_of(clip_encoder: Any) -> str:
  """Returns how a ClipEncoder makes the embedding of a clip.

  Args:
    clip_encoder: a ClipEncoder, or one of any version that was loaded from a SavedModel.

  Example:
    >>> pooling_of(tf.Module())  # of earlier versions
    'windows'
  """
  variable = getattr(clip_encoder, "clip_pooling", None)
  return "windows" if variable is None else variable.numpy().decode()


def _length(clip: Clip) -> int:
  return clip.num_samples if isinstance(clip, StoredClip) else len(clip)


def _blocks(starts: np.ndarray) -> Iterator[np.ndarray]:
  for first in range(0, len(starts), WINDOWS_AT_ONCE):
    yield starts[first : first + WINDOWS_AT_ONCE]


def frame_times_s(num_windows: int) -> np.ndarray:
  """Returns the centres of the windows of `embed_frames`, float64 `[W]` in seconds.

  Args:
    num_windows: W.

  Example:
    >>> frame_times_s(3).tolist()
    [0.0, 0.05, 0.1]
  """
  return FRAME_HOP_S * np.arange(num_windows)
