"""Mean and standard deviation of the log-mels of a whole data set, computed once."""

import hashlib
import json
import os

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.files import read_json, write_json

FRAMES_AT_ONCE = 4096  # bounds the memory of a long clip


def log_mel_statistics(store, front_end):
  """Returns mean and standard deviation over all frames and bands of all clips.

  The result is kept beside the store, so that the next run on it does not wait.

  Args:
    store: a store.Store.
    front_end: a FrontEnd; its own mean and std play no part.

  Returns:
    (mean, std), floats.

  Raises:
    UserError: the data set is silent.
  """
  name = f"statistics-{store.digest[:16]}-{_identity(front_end)}.json"
  path = os.path.join(store.folders[0], name)
  if kept := read_json(path):
    return kept["mean"], kept["std"]
  mean, std = _measure(store, front_end)
  if std < 1e-5:
    raise UserError(
      f"all log-mels of the {store.num_clips} clips are the same (standard deviation {std:.1g}): "
      "they hold nothing but silence, and nothing can be learnt from them"
    )
  write_json(path, {"mean": mean, "std": std})
  return mean, std


def _measure(store, front_end):
  measure = _totals_of_windows if front_end.level == "excerpt_l2" else _totals_of_clips
  count, total, squares = measure(store, front_end)
  mean = total / count
  return float(mean), float(np.sqrt(max(0.0, squares / count - mean**2)))


def _totals_of_windows(store, front_end):
  """Of windows that are brought to their level one by one: those that cover each clip."""

  @tf.function(input_signature=[tf.TensorSpec([1, None], tf.float32)])
  def totals(wave):
    laid_out, starts = front_end.covering(wave)
    return _sums(front_end.log_mel.compress(front_end.energies(front_end.cut(laid_out, starts))))

  with progress_bar.make(store.num_clips, "statistics", "clip") as bar:
    result = np.zeros(3)
    for clip_id in range(store.num_clips):
      result += totals(store.wave(clip_id)[None]).numpy()
      bar.update()
    return result


def _totals_of_clips(store, front_end):
  """Of clips that are brought to their level as a whole: each frame once."""
  sums = tf.function(
    lambda block: _sums(front_end.log_mel.compress(front_end.log_mel.mel_of(block))),
    input_signature=[tf.TensorSpec([1, None], tf.float32)],
  )
  lay_out = tf.function(front_end.lay_out, input_signature=[tf.TensorSpec([1, None], tf.float32)])
  totals = np.zeros(3)
  with progress_bar.make(store.num_clips, "statistics", "clip") as bar:
    for clip_id in range(store.num_clips):
      for block in frame_blocks(front_end.log_mel, lay_out(store.wave(clip_id)[None])):
        totals += sums(block).numpy()
      bar.update()
  return totals


def frame_blocks(log_mel, laid_out):
  """Yields parts of a padded wave `[1, n]`, so that each frame is computed once."""
  first_samples, hop = log_mel.num_samples(1), log_mel.hop_samples
  num_frames = 1 + (laid_out.shape[1] - first_samples) // hop
  for first in range(0, num_frames, FRAMES_AT_ONCE):
    frames = min(FRAMES_AT_ONCE, num_frames - first)
    yield laid_out[:, first * hop : first * hop + log_mel.num_samples(frames)]


def _sums(log_mels):
  """Returns float64 [number, sum, sum of squares]."""
  values = tf.cast(log_mels, tf.float64)
  count = tf.cast(tf.size(values), tf.float64)
  return tf.stack([count, tf.reduce_sum(values), tf.reduce_sum(tf.square(values))])


def _identity(front_end):
  """A short digest of everything that the log-mels of a clip depend on."""
  described = keras.saving.serialize_keras_object(front_end)["config"]
  names = ["level", "short_clips", "shortest_samples"]
  names += ["frames", "hop_frames"] if front_end.level == "excerpt_l2" else []
  parts = {name: described[name] for name in names} | {"log_mel": described["log_mel"]}
  parts["log_mel"] = {k: v for k, v in parts["log_mel"].items() if k not in ("name", "dtype")}
  return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
