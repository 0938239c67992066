"""Waves -> embeddings, as every run is evaluated and exported.

Letters: B clips, n samples, W windows, M windows of any clips, N samples of a window, T frames,
F mel bands, D embedding.
"""

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.exporting.finite import checked_waves
from contrastive_audio.exporting.whole_clip import ClipBlocks, WholeClip
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.utils.tracing import traced

WINDOWS_AT_ONCE = 64  # bounds the memory of a long clip
_WAVES = tf.TensorSpec([None, None])


class ClipEncoder(tf.Module):
  """What a SavedModel holds: normalisation, log-mels and encoder, from waveform to embedding.

  `embed` and `embed_frames` do all of it. The other methods are its steps; with them, ClipEmbedder
  puts windows of many clips into one batch. How the embedding of a clip is made is the field
  `clip_pooling` of the front end.

  A clip with a sample that is NaN or infinite has NaN in every element of its embedding, and of
  those of its frames; the other clips of the batch are what they are without it.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    windows: one of front_end.WINDOWS: how `embed` cuts a clip.

  Attributes:
    sample_rate_hz: int32 variable, the rate that `embed` expects.
    embedding_size: int32 variable, D.
    window_samples: int32 variable, N.
    mirrored_samples: int32 variable, see clip_layout.ClipLayout.
    has_clip_level: boolean variable, whether a clip is scaled as a whole, by its peak.
    clip_pooling: string variable, one of configuration.CLIP_POOLINGS.
    clip_blocks: ClipBlocks, only if `clip_pooling` is "clip".

  Raises:
    UserError: `clip_pooling` is "clip", and the encoder cannot be run over a whole clip.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> clip_encoder = ClipEncoder(front_end, frame_cnn(64))
    >>> clip_encoder.embed(tf.zeros([2, 40_000]))["embedding"].shape
    TensorShape([2, 3072])
    >>> clip_encoder.embed_frames(tf.zeros([2, 8_000]))["time_ms"][0, :3].numpy().tolist()
    [0.0, 50.0, 100.0]
  """

  def __init__(
    self,
    front_end: FrontEnd,
    encoder: keras.Model,
    windows: str = "covering",
  ):
    super().__init__()
    self.sample_rate_hz = _constant(front_end.sample_rate_hz)
    self.embedding_size = _constant(encoder.output_shape[-1])
    self.window_samples = _constant(front_end.num_samples)
    self.mirrored_samples = _constant(front_end.layout.mirrored_samples)
    self.has_clip_level = _constant(front_end.layout.level == "clip_peak", tf.bool)
    # Plain variables: a process that loads them needs no Keras.
    self.encoder_variables = [variable.value for variable in encoder.variables]
    self._front_end = front_end
    # Not the model itself, which TensorFlow would save, too: its layers one by one, and once more
    # as a function that nobody calls.
    self._run_encoder = lambda log_mels: encoder(log_mels, training=False)
    self._size = encoder.output_shape[-1]
    self._cut = getattr(front_end, windows)
    self._starts = getattr(front_end, f"{windows}_starts")
    self.clip_pooling = tf.Variable(front_end.clip_pooling, trainable=False)
    self._pooling = front_end.clip_pooling
    if self._pooling == "clip":
      whole_clip = WholeClip(front_end, encoder)
      self._embed_whole = whole_clip.embed
      self.clip_blocks = ClipBlocks(whole_clip, front_end.layout.mirrored_samples)

  @traced(waveform=_WAVES)
  def embed(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"embedding": [B, D]}`, of clips as `clip_pooling` says."""
    waves = checked_waves(waveform)
    if self._pooling == "clip":
      return {"embedding": self._embed_whole(self._front_end.lay_out(waves))}
    embeddings = self._encode_all(*self._cut(waves))
    if self._pooling == "windows":
      return {"embedding": tf.reduce_mean(embeddings, axis=1)}
    finite = tf.reduce_all(tf.math.is_finite(embeddings), axis=1)  # a maximum may lose NaN
    return {"embedding": tf.where(finite, tf.reduce_max(embeddings, axis=1), np.nan)}

  @traced(waveform=_WAVES)
  def embed_frames(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"embedding": [B, W, D], "time_ms": [B, W]}`, a window every 50 ms.

    Times are the centres of the windows; windows hold zeros beyond the ends of the clip.
    """
    padded, starts, centres_ms = self._front_end.centred(checked_waves(waveform))
    times = tf.tile(centres_ms[None], [tf.shape(waveform)[0], 1])
    return {"embedding": self._encode_all(padded, starts), "time_ms": times}

  @traced(waveform=tf.TensorSpec([None]))
  def cut(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[n]` -> the laid-out clip `[n']` and starts `[W]` of the windows of `embed`."""
    laid_out, starts = self._cut(checked_waves(waveform[None]))
    return {"wave": laid_out[0], "starts": starts}

  @traced(waveform=tf.TensorSpec([None]))
  def cut_frames(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[n]` -> the laid-out clip `[n']` and starts `[W]` of those of `embed_frames`."""
    laid_out, starts, _ = self._front_end.centred(checked_waves(waveform[None]))
    return {"wave": laid_out[0], "starts": starts}

  @traced(num_samples=tf.TensorSpec([], tf.int64))
  def starts(self, num_samples: tf.Tensor) -> tf.Tensor:
    """Length of a clip that is not short -> int64 starts `[W]` of the windows of `embed` in it."""
    margin = tf.cast(self._front_end.layout.mirrored_samples, tf.int64)
    return tf.cast(self._starts(num_samples + 2 * margin), tf.int64) - margin

  @traced(num_samples=tf.TensorSpec([], tf.int64))
  def frame_starts(self, num_samples: tf.Tensor) -> tf.Tensor:
    """Length of a clip -> int64 starts `[W]` of the windows of `embed_frames` in it."""
    half = tf.cast(self._front_end.num_samples // 2, tf.int64)
    return self._front_end.centred_starts(num_samples) - half

  @traced(excerpts=_WAVES)
  def log_mels(self, excerpts: tf.Tensor) -> tf.Tensor:
    """Windows of laid-out clips `[M, N]` -> log-mels `[M, T, F]`."""
    return self._front_end(excerpts)

  @traced(log_mels=tf.TensorSpec([None, None, None]))
  def encode(self, log_mels: tf.Tensor) -> tf.Tensor:
    """Log-mels `[M, T, F]` -> embeddings `[M, D]`; NaN for those that are not finite."""
    log_mels = tf.ensure_shape(log_mels, [None, self._front_end.frames, self._front_end.num_mels])
    finite = tf.reduce_all(tf.math.is_finite(log_mels), axis=[1, 2], keepdims=True)
    # Networks lose NaN: a ReLU or a maximum may make a number of it.
    embeddings = self._run_encoder(tf.where(finite, log_mels, 0.0)[..., None])
    return tf.where(finite[:, :, 0], tf.cast(embeddings, tf.float32), np.nan)

  def _encode_all(self, waves: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Encodes the windows of `[B, n]` at `starts` `[W]`, a few at a time -> `[B, W, D]`."""
    num_windows = tf.shape(starts)[0]
    rounds = -(-num_windows // WINDOWS_AT_ONCE)
    at_once = -(-num_windows // rounds)
    starts = tf.pad(starts, [[0, rounds * at_once - num_windows]])
    embeddings = tf.map_fn(
      lambda block: self._encode_block(waves, block),
      tf.reshape(starts, [rounds, at_once]),
      fn_output_signature=tf.float32,
      parallel_iterations=1,
    )  # [rounds, B, at_once, D]
    by_clip = tf.transpose(embeddings, [1, 0, 2, 3])
    flat = tf.reshape(by_clip, [tf.shape(waves)[0], -1, self._size])
    return flat[:, :num_windows]

  def _encode_block(self, waves: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    log_mels = self._front_end(self._front_end.cut(waves, starts))  # [B, W, T, F]
    flat = tf.reshape(log_mels, [-1, self._front_end.frames, self._front_end.num_mels])
    shape = [tf.shape(waves)[0], tf.shape(starts)[0], self._size]
    return tf.reshape(self.encode(flat), shape)


def _constant(value: int, dtype: tf.DType = tf.int32) -> tf.Variable:
  return tf.Variable(value, trainable=False, dtype=dtype)
