"""Mean and standard deviation of each log-mel band: the baseline that every encoder has to beat."""

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.frontend.statistics import frame_blocks

SHOWN_FRAMES = 400  # at the beginning of a clip, in a picture of it


class StatisticsEmbedder:
  """Embeds clips as a ClipEmbedder does, without a network.

  The statistics are those of the log-mels of the whole clip; the level is not normalised. D = 2F.

  Example:
    >>> from downstream.encoders.models import cola_front_end
    >>> embedder = StatisticsEmbedder(cola_front_end().log_mel)
    >>> (silence,) = embedder.embed([np.zeros(16_000, np.float32)])
    >>> silence.shape, round(float(silence[0]), 3), float(silence[-1])  # ln 1e-5, deviation 0
    ((128,), -11.513, 0.0)
  """

  def __init__(self, log_mel: LogMel):
    """Prepares the log-mels.

    Args:
      log_mel: a layer without padding.
    """
    self._log_mel = log_mel
    self._compute = tf.function(log_mel.call, input_signature=[tf.TensorSpec([1, None])])

  def embed(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float32 `[D]` for each wave float32 `[n]`: means, then standard deviations."""
    for wave in waves:
      totals = np.zeros([2, self._log_mel.num_mels])
      num_frames = 0
      for log_mel in self._blocks(wave):
        totals += log_mel.sum(0), np.square(log_mel).sum(0)
        num_frames += len(log_mel)
      mean, mean_square = totals / num_frames
      std = np.sqrt(np.maximum(0, mean_square - mean**2))
      yield np.concatenate([mean, std]).astype(np.float32)

  def embed_windows(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float32 `[1, D]` for each wave: the whole clip is one window."""
    for embedding in self.embed(waves):
      yield embedding[None]

  def embed_frames(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Raises an error: statistics of a whole clip have no times.

    Raises:
      UserError: always.
    """
    raise UserError("logmel_stats describes whole clips: it has no --frames")

  def log_mels(self, wave: np.ndarray) -> Iterator[np.ndarray]:
    """Yields one log-mel `[T, F]`, of the beginning of a clip."""
    yield next(self._blocks(wave))[:SHOWN_FRAMES]

  def _blocks(self, wave: np.ndarray) -> Iterator[np.ndarray]:
    """Yields float64 log-mels `[T, F]` of one section of a clip after another."""
    num_missing = max(0, self._log_mel.num_samples(1) - len(wave))
    for block in frame_blocks(self._log_mel, np.pad(wave, (0, num_missing))[None]):
      yield self._compute(block)[0].numpy().astype(np.float64)
