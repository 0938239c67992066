"""Waves -> embeddings, as every run is evaluated and exported.

Letters: B clips, n samples, W windows, M windows of any clips, N samples of a window, T frames,
F mel bands, D embedding.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.exporting.finite import nan_unless_finite
from contrastive_audio.exporting.rows import Rows, mean_by_clip, rows_of_clips
from contrastive_audio.frontend.clip_layout import read_laid_out
from contrastive_audio.frontend.clip_store import StoredClip
from contrastive_audio.frontend.front_end import FRAME_HOP_S, FrontEnd

WINDOWS_AT_ONCE = 64  # bounds the memory of a long clip
WHOLE_SAMPLES = 1 << 22  # the longest clip of a store that is read whole, 3 to 4 minutes

Clip = np.ndarray | StoredClip


class ClipEncoder(tf.Module):
  """What a SavedModel holds: normalisation, log-mels and encoder, from waveform to embedding.

  `embed` and `embed_frames` do all of it. The other methods are its steps; with them, ClipEmbedder
  puts windows of many clips into one batch.

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
    self._encoder = encoder
    self._cut = getattr(front_end, windows)
    self._starts = getattr(front_end, f"{windows}_starts")

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def embed(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"embedding": [B, D]}`, the mean over windows that cover the clip."""
    laid_out, starts = self._cut(nan_unless_finite(waveform))
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
    laid_out, starts = self._cut(nan_unless_finite(waveform[None]))
    return {"wave": laid_out[0], "starts": starts}

  @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="waveform")])
  def cut_frames(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[n]` -> the laid-out clip `[n']` and starts `[W]` of those of `embed_frames`."""
    laid_out, starts, _ = self._front_end.centred(nan_unless_finite(waveform[None]))
    return {"wave": laid_out[0], "starts": starts}

  @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="num_samples")])
  def starts(self, num_samples: tf.Tensor) -> tf.Tensor:
    """Length of a clip that is not short -> int64 starts `[W]` of the windows of `embed` in it."""
    margin = tf.cast(self._front_end.layout.mirrored_samples, tf.int64)
    return tf.cast(self._starts(num_samples + 2 * margin), tf.int64) - margin

  @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="num_samples")])
  def frame_starts(self, num_samples: tf.Tensor) -> tf.Tensor:
    """Length of a clip -> int64 starts `[W]` of the windows of `embed_frames` in it."""
    half = tf.cast(self._front_end.num_samples // 2, tf.int64)
    return self._front_end.centred_starts(num_samples) - half

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


@runtime_checkable
class Embedder(Protocol):
  """What embeds clips: a ClipEmbedder, or a baseline that needs no network.

  Example:
    >>> issubclass(ClipEmbedder, Embedder)
    True
  """

  def embed(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields the embedding, float32 `[D]`, of each clip, in order."""

  def embed_windows(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: the windows whose mean is the embedding."""

  def embed_frames(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: a window every 50 ms, see `frame_times_s`."""

  def embed_rows(self, clips: Iterable[Clip], frames: bool = False) -> Iterator[Rows]:
    """Yields (number of the clip of each row `[W]`, embeddings `[W, D]`), a few rows at a time."""

  def log_mels(self, clip: Clip) -> Iterator[np.ndarray]:
    """Yields the log-mel `[T, F]` of each window of a clip."""


class ClipEmbedder:
  """Embeds many clips of any length with a ClipEncoder; windows of short clips share a batch.

  Clips are arrays, float32 `[n]`, or StoredClips. Of those, long ones are read a few windows at a
  time, so that one of hours needs no more memory than one of minutes. Models that were exported by
  version 0.1 read every clip whole.

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

  def embed(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields the embedding, float32 `[D]`, of each clip, in order."""
    for _, means in mean_by_clip(self.embed_rows(clips)):
      yield from means

  def embed_windows(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: the windows whose mean is the embedding."""
    return rows_of_clips(self.embed_rows(clips))

  def embed_frames(self, clips: Iterable[Clip]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]` for each clip: a window every 50 ms, see `frame_times_s`."""
    return rows_of_clips(self.embed_rows(clips, frames=True))

  def embed_rows(self, clips: Iterable[Clip], frames: bool = False) -> Iterator[Rows]:
    """Yields (number of the clip of each row `[W]`, embeddings `[W, D]`), a few rows at a time.

    Args:
      clips: numbered from 0.
      frames: the windows of `embed_frames`, instead of those of `embed_windows`.
    """
    windows = (
      (number, log_mel)
      for number, clip in enumerate(clips)
      for log_mel in self._log_mels(clip, frames)
    )
    while batch := list(itertools.islice(windows, WINDOWS_AT_ONCE)):
      numbers, log_mels = zip(*batch)
      yield np.array(numbers), self._clip_encoder.encode(np.stack(log_mels)).numpy()

  def log_mels(self, clip: Clip) -> Iterator[np.ndarray]:
    """Yields the log-mel `[T, F]` of each window of `embed_windows`."""
    return self._log_mels(clip, frames=False)

  def _log_mels(self, clip: Clip, frames: bool) -> Iterator[np.ndarray]:
    for excerpts in self._excerpts(clip, frames):
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
    level = "clip_peak" if model.has_clip_level else "as_is"
    for starts in _blocks(all_starts):
      first, end = starts[0], starts[-1] + self._window_samples
      samples = read_laid_out(clip, first, end, mirrored_samples, level)
      offsets = starts - first
      yield np.stack([samples[offset : offset + self._window_samples] for offset in offsets])


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


def _constant(value: int, dtype: tf.DType = tf.int32) -> tf.Variable:
  return tf.Variable(value, trainable=False, dtype=dtype)
