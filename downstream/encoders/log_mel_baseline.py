"""Mean and standard deviation of each log-mel band: the baseline every encoder has to beat."""

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.statistics import frame_blocks

SHOWN_FRAMES = 400  # of the clip, in a picture of it


class StatisticsEmbedder:
  """Embeds clips as an embedding.ClipEmbedder does, without a network.

  The log-mels are those of the whole clip as it is read; D = 2F.
  """

  def __init__(self, log_mel):
    """Takes a LogMel layer without padding."""
    self._log_mel = log_mel
    self._compute = tf.function(log_mel.call, input_signature=[tf.TensorSpec([1, None])])

  def embed(self, waves):
    """Yields float32 `[D]` for each of `waves`, an iterable of float32 `[n]`: means, then stds."""
    for wave in waves:
      totals = np.zeros([2, self._log_mel.num_mels])
      num_frames = 0
      for log_mel in self._blocks(wave):
        totals += log_mel.sum(0), np.square(log_mel).sum(0)
        num_frames += len(log_mel)
      mean, mean_square = totals / num_frames
      std = np.sqrt(np.maximum(0, mean_square - mean**2))
      yield np.concatenate([mean, std]).astype(np.float32)

  def embed_windows(self, waves):
    """Yields float32 `[1, D]` for each of `waves`."""
    for embedding in self.embed(waves):
      yield embedding[None]

  def embed_frames(self, waves):
    """Refuses: statistics of a whole clip have no times.

    Raises:
      UserError: always.
    """
    raise UserError("logmel_stats describes whole clips: it has no --frames")

  def log_mels(self, wave):
    """Yields the log-mel `[T, F]` of the start of a clip."""
    yield next(self._blocks(wave))[:SHOWN_FRAMES]

  def _blocks(self, wave):
    """Yields float64 log-mels `[T, F]` of parts of a clip."""
    missing = max(0, self._log_mel.num_samples(1) - len(wave))
    for block in frame_blocks(self._log_mel, np.pad(wave, (0, missing))[None]):
      yield self._compute(block)[0].numpy().astype(np.float64)
