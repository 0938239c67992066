"""Waves -> embeddings, as every run is evaluated and exported.

Letters: B clips, n samples, W windows, M windows of any clips, N samples of a window, T frames,
F mel bands, D embedding.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.frontend.front_end import FRAME_HOP_S, FrontEnd

WINDOWS_AT_ONCE = 64  # bounds the memory of a long clip


class ClipEncoder(tf.Module):
  """What a SavedModel holds: normalisation, log-mels and encoder, from waveform to embedding.

  `embed` and `embed_frames` do all of it. The other methods are its steps; with them, ClipEmbedder
  puts windows of many clips into one batch.

  A clip with a sample that is NaN or infinite has NaN in every element of its embedding, and of
  those of its frames; the other clips of the batch are what they are without it.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    cut: method of FrontEnd that lays out clips and says where to cut windows.

  Attributes:
    sample_rate_hz: int32 variable, the rate that `embed` expects.
    embedding_size: int32 variable, D.
    window_samples: int32 variable, N.

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
    cut: Callable[[FrontEnd, tf.Tensor], tuple[tf.Tensor, tf.Tensor]] = FrontEnd.covering,
  ):
    super().__init__()
    self.sample_rate_hz = _constant(front_end.sample_rate_hz)
    self.embedding_size = _constant(encoder.output_shape[-1])
    self.window_samples = _constant(front_end.num_samples)
    # Plain variables: a process that loads them needs no Keras.
    self.encoder_variables = [variable.value for variable in encoder.variables]
    self._front_end = front_end
    self._encoder = encoder
    self._cut = cut

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def embed(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"embedding": [B, D]}`, the mean over windows that cover the clip."""
    laid_out, starts = self._cut(self._front_end, nan_unless_finite(waveform))
    embeddings = self._encode_all(laid_out, starts)
    return {"embedding": tf.reduce_mean(embeddings, axis=1)}

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def embed_frames(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"embedding": [B, W, D], "time_ms": [B, W]}`, a window every 50 ms.

    Times are the centres of the windows; windows hold zeros beyond the ends of the clip.
    """
    padded, starts, centres_ms = self._front_end.centred(nan_unless_finite(waveform))
    times = tf.tile(centres_ms[None], [tf.shape(waveform)[0], 1])
    return {"embedding": self._encode_all(padded, starts), "time_ms": times}

  @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="waveform")])
  def cut(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[n]` -> the laid-out clip `[n']` and starts `[W]` of the windows of `embed`."""
    laid_out, starts = self._cut(self._front_end, nan_unless_finite(waveform[None]))
    return {"wave": laid_out[0], "starts": starts}

  @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="waveform")])
  def cut_frames(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[n]` -> the laid-out clip `[n']` and starts `[W]` of those of `embed_frames`."""
    laid_out, starts, _ = self._front_end.centred(nan_unless_finite(waveform[None]))
    return {"wave": laid_out[0], "starts": starts}

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="excerpts")])
  def log_mels(self, excerpts: tf.Tensor) -> tf.Tensor:
    """Windows of laid-out clips `[M, N]` -> log-mels `[M, T, F]`."""
    return self._front_end(excerpts)

  @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32, name="log_mels")])
  def encode(self, log_mels: tf.Tensor) -> tf.Tensor:
    """Log-mels `[M, T, F]` -> embeddings `[M, D]`; NaN for those that are not finite."""
    log_mels = tf.ensure_shape(log_mels, [None, self._front_end.frames, self._front_end.num_mels])
    finite = tf.reduce_all(tf.math.is_finite(log_mels), axis=[1, 2], keepdims=True)
    # Networks lose NaN: a ReLU or a maximum may make a number of it.
    embeddings = self._encoder(tf.where(finite, log_mels, 0.0)[..., None], training=False)
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
    flat = tf.reshape(by_clip, [tf.shape(waves)[0], -1, self._encoder.output_shape[-1]])
    return flat[:, :num_windows]

  def _encode_block(self, waves: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    log_mels = self._front_end(self._front_end.cut(waves, starts))  # [B, W, T, F]
    flat = tf.reshape(log_mels, [-1, self._front_end.frames, self._front_end.num_mels])
    shape = [tf.shape(waves)[0], tf.shape(starts)[0], self._encoder.output_shape[-1]]
    return tf.reshape(self.encode(flat), shape)


def nan_unless_finite(waves: tf.Tensor) -> tf.Tensor:
  """Replaces all samples of a clip with NaN if one of them is not finite.

  Without it a single sample would decide how much of a clip's embedding is lost, by the windows
  that hold it.

  Args:
    waves: float32 `[B, n]`.

  Returns:
    float32 `[B, n]`.

  Example:
    >>> nan_unless_finite(tf.constant([[1.0, 2.0], [3.0, np.inf]])).numpy().tolist()
    [[1.0, 2.0], [nan, nan]]
  """
  return tf.where(all_finite(waves), waves, np.nan)


def all_finite(rows: tf.Tensor) -> tf.Tensor:
  """Returns whether all elements of a row are finite, by operations that TFLite and ONNX have.

  Args:
    rows: float32 `[B, n]`.

  Returns:
    bool `[B, 1]`.

  Example:
    >>> all_finite(tf.constant([[1.0, 2.0], [3.0, np.nan]])).numpy().tolist()
    [[True], [False]]
  """
  return tf.reduce_all(tf.abs(rows) <= rows.dtype.max, axis=1, keepdims=True)


@runtime_checkable
class Embedder(Protocol):
  """What embeds clips: a ClipEmbedder, or a baseline that needs no network.

  Example:
    >>> issubclass(ClipEmbedder, Embedder)
    True
  """

  def embed(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the embedding, float32 `[D]`, of each of `waves`, float32 `[n]`, in order."""

  def embed_windows(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each of `waves`: the windows whose mean is the embedding."""

  def embed_frames(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each of `waves`: a window every 50 ms, see `frame_times_s`."""

  def log_mels(self, wave: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the log-mel `[T, F]` of each window of a clip."""


class ClipEmbedder:
  """Embeds many clips of any length with a ClipEncoder; windows of short clips share a batch.

  Args:
    clip_encoder: a ClipEncoder, or one that was loaded from a SavedModel.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> embedder = ClipEmbedder(ClipEncoder(front_end, frame_cnn(64)))
    >>> waves = [np.zeros(n, np.float32) for n in (800, 40_000)]
    >>> [windows.shape for windows in embedder.embed_windows(waves)]
    [(1, 3072), (3, 3072)]
  """

  def __init__(self, clip_encoder: ClipEncoder):
    self._clip_encoder = clip_encoder
    self._window_samples = int(clip_encoder.window_samples)

  def embed(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the embedding, float32 `[D]`, of each of `waves`, float32 `[n]`, in order."""
    for embeddings in self.embed_windows(waves):
      yield np.mean(embeddings, axis=0)

  def embed_windows(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each of `waves`: the windows whose mean is the embedding."""
    return self._embed(waves, self._clip_encoder.cut)

  def embed_frames(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each of `waves`: a window every 50 ms, see `frame_times_s`."""
    return self._embed(waves, self._clip_encoder.cut_frames)

  def log_mels(self, wave: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the log-mel `[T, F]` of each window of `embed_windows`."""
    return self._log_mels(wave, self._clip_encoder.cut)

  def _embed(self, waves: Iterable[np.ndarray], cut: Callable) -> Iterator[np.ndarray]:
    windows = (
      (number, log_mel)
      for number, wave in enumerate(waves)
      for log_mel in self._log_mels(wave, cut)
    )
    for _, rows in itertools.groupby(self._encode(windows), key=lambda row: row[0]):
      yield np.stack([embedding for _, embedding in rows])

  def _log_mels(self, wave: np.ndarray, cut: Callable) -> Iterator[np.ndarray]:
    """Computes a few windows at a time, so that a clip of hours needs no more memory."""
    laid_out = cut(wave)
    samples, starts = laid_out["wave"].numpy(), laid_out["starts"].numpy()
    for first in range(0, len(starts), WINDOWS_AT_ONCE):
      block = starts[first : first + WINDOWS_AT_ONCE]
      excerpts = np.stack([samples[start : start + self._window_samples] for start in block])
      yield from self._clip_encoder.log_mels(excerpts).numpy()

  def _encode(self, windows: Iterator[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
    """(clip, log-mel) one by one -> (clip, embedding) one by one, encoded in batches."""
    while batch := list(itertools.islice(windows, WINDOWS_AT_ONCE)):
      clips, log_mels = zip(*batch)
      yield from zip(clips, self._clip_encoder.encode(np.stack(log_mels)).numpy())


def frame_times_s(num_windows: int) -> np.ndarray:
  """Returns the centres of the windows of `embed_frames`, float64 `[W]` in seconds.

  Args:
    num_windows: W.

  Example:
    >>> frame_times_s(3).tolist()
    [0.0, 0.05, 0.1]
  """
  return FRAME_HOP_S * np.arange(num_windows)


def _constant(value: int) -> tf.Variable:
  return tf.Variable(value, trainable=False, dtype=tf.int32)
