"""Mean and standard deviation of the log-mels of a whole data set, computed once."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.clip_layout import WHOLE_SAMPLES, read_laid_out, read_windows
from contrastive_audio.frontend.clip_store import ClipStore, StoredClip, stored_clips
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.checksums import read_sealed_json, write_sealed_json
from contrastive_audio.utils.tracing import traced

FRAMES_AT_ONCE = 4096  # bounds the memory that a long clip takes, as does
WINDOWS_AT_ONCE = 64


def log_mel_statistics(store: ClipStore, front_end: FrontEnd) -> tuple[float, float]:
  """Measures mean and standard deviation over all frames and bands of all clips.

  The result is cached beside the store, so that the next run on it does not wait.

  Args:
    store: the clips.
    front_end: a FrontEnd; its own mean and std have no influence.

  Returns:
    (mean, std).

  Raises:
    UserError: the data set is silent.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> mean, std = log_mel_statistics(store, FrontEnd(log_mel, frames=96, level="excerpt_l2"))
    >>> mean < 0 < std
    True
  """
  name = f"statistics-{store.digest[:16]}-{_identity(front_end)}.json"
  path = os.path.join(store.folders[0], name)
  with contextlib.suppress(FileNotFoundError):
    if cached := read_sealed_json(path):  # a damaged one is measured again
      return cached["mean"], cached["std"]
  mean, std = _measure(store, front_end)
  if std < 1e-5:
    raise UserError(
      f"all log-mels of the {store.num_clips} clips are the same (standard deviation {std:.1g}): "
      "they hold nothing but silence, and nothing can be learned from them"
    )
  with contextlib.suppress(OSError):  # it is only a cache, and the store may be another user's
    write_sealed_json(path, {"mean": mean, "std": std})
  return mean, std


def _measure(store: ClipStore, front_end: FrontEnd) -> tuple[float, float]:
  measure = _totals_of_windows if front_end.level == "excerpt_l2" else _totals_of_clips
  count, total, squares = measure(store, front_end)
  mean = total / count
  return float(mean), float(np.sqrt(max(0.0, squares / count - mean**2)))


def _totals_of_windows(store: ClipStore, front_end: FrontEnd) -> np.ndarray:
  """Totals of windows that are normalised one by one: those that cover each clip."""

  @traced(wave=tf.TensorSpec([1, None]))
  def totals_of_clip(wave: tf.Tensor) -> tf.Tensor:
    laid_out, starts = front_end.covering(wave)
    return totals_of_windows(front_end.cut(laid_out, starts)[0])

  @traced(windows=tf.TensorSpec([None, front_end.num_samples]))
  def totals_of_windows(windows: tf.Tensor) -> tf.Tensor:
    return _totals(front_end.log_mel.compress(front_end.energies(windows)))

  def totals_of(clip: StoredClip) -> Iterator[tf.Tensor]:
    if clip.num_samples <= WHOLE_SAMPLES:
      yield totals_of_clip(clip.read()[None])
    else:
      yield from map(totals_of_windows, _long_windows(clip, front_end))

  return _sums(store, totals_of)


def _long_windows(clip: StoredClip, front_end: FrontEnd) -> Iterator[np.ndarray]:
  """Yields the windows that cover a long clip, float32 `[w, N]`, a few at a time."""
  layout = front_end.layout
  length = tf.constant(clip.num_samples + 2 * layout.mirrored_samples, tf.int64)
  starts = front_end.covering_starts(length).numpy() - layout.mirrored_samples
  size, mirrored, level = front_end.num_samples, layout.mirrored_samples, layout.level
  return read_windows(clip, starts, size, mirrored, level, WINDOWS_AT_ONCE)


def _totals_of_clips(store: ClipStore, front_end: FrontEnd) -> np.ndarray:
  """Totals of clips that are normalised as a whole: each frame once."""
  one_clip, log_mel = tf.TensorSpec([1, None]), front_end.log_mel
  lay_out = traced(waves=one_clip)(front_end.lay_out)

  @traced(block=one_clip)
  def totals_of_block(block: tf.Tensor) -> tf.Tensor:
    return _totals(log_mel.compress(log_mel.mel_of(block)))

  def totals_of(clip: StoredClip) -> Iterator[tf.Tensor]:
    if clip.num_samples <= WHOLE_SAMPLES:
      blocks = frame_blocks(log_mel, lay_out(clip.read()[None]))
    else:
      blocks = _long_blocks(clip, front_end)
    return map(totals_of_block, blocks)

  return _sums(store, totals_of)


def _long_blocks(clip: StoredClip, front_end: FrontEnd) -> Iterator[np.ndarray]:
  """Yields what `frame_blocks` yields of a long clip, read block by block."""
  layout = front_end.layout
  margin = layout.mirrored_samples
  for first, end in frame_spans(front_end.log_mel, clip.num_samples + 2 * margin):
    yield read_laid_out(clip, first - margin, end - margin, margin, layout.level)[None]


def _sums(store: ClipStore, totals_of: Callable[[StoredClip], Iterator[tf.Tensor]]) -> np.ndarray:
  """Adds up the totals of all clips."""
  totals = np.zeros(3)
  with progress_bar.make(store.num_clips, "statistics", "clip") as bar:
    for clip in stored_clips(store, range(store.num_clips)):
      totals += sum(part.numpy() for part in totals_of(clip))
      bar.update()
  return totals


def frame_blocks(
  log_mel: LogMel, laid_out: tf.Tensor | np.ndarray
) -> Iterator[tf.Tensor | np.ndarray]:
  """Yields blocks of a padded wave `[1, n]` that hold each of its frames exactly once.

  Args:
    log_mel: the layer that computes the frames.
    laid_out: the padded wave.

  Example:
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> hour = np.zeros([1, 3600 * 16_000], np.float32)
    >>> max(block.shape[1] for block in frame_blocks(log_mel, hour)) / 16_000  # seconds
    40.975
  """
  for first, end in frame_spans(log_mel, laid_out.shape[1]):
    yield laid_out[:, first:end]


def frame_spans(log_mel: LogMel, num_samples: int) -> Iterator[tuple[int, int]]:
  """Yields where blocks of a padded wave begin and end that hold each of its frames exactly once.

  Args:
    log_mel: the layer that computes the frames.
    num_samples: length of the padded wave.

  Example:
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> list(frame_spans(log_mel, 700_000))  # 4,096 frames, then the rest
    [(0, 655600), (655360, 699920)]
  """
  num_frames = 1 + (num_samples - log_mel.num_samples(1)) // log_mel.hop_samples
  for first in range(0, num_frames, FRAMES_AT_ONCE):
    start, frames = first * log_mel.hop_samples, min(FRAMES_AT_ONCE, num_frames - first)
    yield start, start + log_mel.num_samples(frames)


def _totals(log_mels: tf.Tensor) -> tf.Tensor:
  """Returns float64 [count, sum, sum of squares]."""
  values = tf.cast(log_mels, tf.float64)
  count = tf.cast(tf.size(values), tf.float64)
  return tf.stack([count, tf.reduce_sum(values), tf.reduce_sum(tf.square(values))])


def _identity(front_end: FrontEnd) -> str:
  """Returns a short digest of everything that the log-mels of a clip depend on."""
  config = keras.saving.serialize_keras_object(front_end)["config"]
  names = ["level", "short_clips", "shortest_samples"]
  names += ["frames", "hop_frames"] if front_end.level == "excerpt_l2" else []
  ignored = ("name", "dtype")
  log_mel = {name: value for name, value in config["log_mel"].items() if name not in ignored}
  identity = {name: config[name] for name in names} | {"log_mel": log_mel}
  if config["shortest_samples"] is not None:  # a long excerpt needs more
    identity["shortest_samples"] = front_end.layout.shortest_samples
  return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]
