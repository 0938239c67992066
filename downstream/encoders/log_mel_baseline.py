"""Mean and standard deviation of each log-mel band: the baseline that every encoder has to beat."""

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import Clip
from contrastive_audio.exporting.rows import Rows
from contrastive_audio.frontend.clip_store import StoredClip
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.frontend.statistics import frame_spans
from contrastive_audio.utils.tracing import traced

EXCERPT_FRAMES = 96  # of the papers' encoders, whose default windows it shares
SHOWN_FRAMES = 400  # at the beginning of a clip, in a picture of it


class StatisticsEmbedder:
  """Embeds clips as a ClipEmbedder does, without a network.

  The statistics are those of the log-mels of the whole clip; the level is not normalised. D = 2F.

  Attributes:
    clip_pooling: "windows", of which a clip has one.
    excerpt_samples: a window of the papers' length, if nobody asks for another.

  Example:
    >>> from downstream.encoders.models import cola_front_end
    >>> embedder = StatisticsEmbedder(cola_front_end().log_mel)
    >>> (silence,) = embedder.embed([np.zeros(16_000, np.float32)])
    >>> silence.shape, round(float(silence[0]), 3), float(silence[-1])  # ln 1e-5, deviation 0
    ((128,), -11.513, 0.0)
  """

  clip_pooling = "windows"

  def __init__(self, log_mel: LogMel):
    """Prepares the log-mels.

    Args:
      log_mel: a layer without padding.
    """
    self._log_mel = log_mel
    self.excerpt_samples = log_mel.num_samples(EXCERPT_FRAMES)
    self._compute = traced(waves=tf.TensorSpec([1, None]))(log_mel.call)

  def embed(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[D]` for each clip: means, then standard deviations."""
    for clip in clips:
      totals = np.zeros([2, self._log_mel.num_mels])
      num_frames = 0
      for log_mel in self._blocks(clip):
        totals += log_mel.sum(0), np.square(log_mel).sum(0)
        num_frames += len(log_mel)
      mean, mean_square = totals / num_frames
      std = np.sqrt(np.maximum(0, mean_square - mean**2))
      yield np.concatenate([mean, std]).astype(np.float32)

  def embed_batch(self, waves: np.ndarray) -> np.ndarray:
    """Returns float32 `[B, D]` of clips `[B, n]`."""
    return np.stack(list(self.embed(waves)))

  def embed_windows(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[1, D]` for each clip: the whole clip is one window."""
    for embedding in self.embed(clips):
      yield embedding[None]

  def embed_rows(self, clips: Iterable[Clip], rows: str = "windows") -> Iterator[Rows]:
    """Yields (number of the clip `[1]`, float32 `[1, D]`) for each clip.

    Raises:
      UserError: frames are asked for.
    """
    if rows == "frames":
      self.embed_frames(clips)
    for number, embedding in enumerate(self.embed(clips)):
      yield np.array([number]), embedding[None]

  def embed_frames(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Raises an error: statistics of a whole clip have no times.

    Raises:
      UserError: always.
    """
    raise UserError("logmel_stats describes whole clips: it has no --frames")

  def log_mels(self, clip: Clip) -> Iterator[np.ndarray]:
    """Yields one log-mel `[T, F]`, of the beginning of a clip."""
    yield next(self._blocks(clip))[:SHOWN_FRAMES]

  def _blocks(self, clip: Clip) -> Iterator[np.ndarray]:
    """Yields float64 log-mels `[T, F]` of one section of a clip after another."""
    shortest = self._log_mel.num_samples(1)
    length = clip.num_samples if isinstance(clip, StoredClip) else len(clip)
    for first, end in frame_spans(self._log_mel, max(length, shortest)):
      end = min(end, length)
      block = clip.read(first, end) if isinstance(clip, StoredClip) else clip[first:end]
      block = np.pad(block, (0, max(0, shortest - len(block))))
      yield self._compute(block[None])[0].numpy().astype(np.float64)
