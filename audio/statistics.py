"""Mean and standard deviation of the log-mels of a whole data set, computed once."""

import dataclasses
import hashlib
import json
import os

import keras
import numpy as np
import tensorflow as tf

from audio import progress_bar
from audio.errors import UserError
from audio.runs import Run

FRAMES_AT_ONCE = 4096  # bounds the memory of a long clip


def log_mel_statistics(store, windows):
  """Returns mean and standard deviation over all frames and bands of all clips.

  The result is kept beside the store, so that the next run on it does not wait.

  Args:
    store: a store.Store.
    windows: a LogMelWindows; its own mean and std play no part.

  Returns:
    (mean, std), floats.

  Raises:
    UserError: the data set is silent.
  """
  name = f"statistics-{store.digest[:16]}-{_identity(windows)}.json"
  path = os.path.join(store.folders[0], name)
  if os.path.exists(path):
    with open(path, encoding="utf-8") as file:
      kept = json.load(file)
    return kept["mean"], kept["std"]
  mean, std = _measure(store, windows)
  if std < 1e-5:
    raise UserError(
      f"all log-mels of the {store.num_clips} clips are the same (standard deviation {std:.1g}): "
      "they hold nothing but silence, and nothing can be learnt from them"
    )
  with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
    json.dump({"mean": mean, "std": std}, file)
  os.replace(f"{path}.{os.getpid()}", path)
  return mean, std


def with_statistics(config, store, run_folder):
  """Returns a configuration whose mean and std are those of the run, or are measured.

  Args:
    config: a configuration with the fields mean and std; None: to be filled in.
    store: a store.Store.
    run_folder: where the run is, or will be.
  """
  if config.mean is not None and config.std is not None:
    return config
  if os.path.exists(os.path.join(run_folder, "config.json")):
    known = Run.open(run_folder).config["config"]
    mean, std = known.get("mean"), known.get("std")
  else:
    mean, std = log_mel_statistics(store, config.windows())
    print(f"statistics mean {mean:.3f}, standard deviation {std:.3f} of the log-mels", flush=True)
  return dataclasses.replace(config, mean=mean, std=std)


def _measure(store, windows):
  measure = _totals_of_windows if windows.level == "excerpt_l2" else _totals_of_clips
  count, total, squares = measure(store, windows)
  mean = total / count
  return float(mean), float(np.sqrt(max(0.0, squares / count - mean**2)))


def _totals_of_windows(store, windows):
  """Of windows that are brought to their level one by one: those that cover each clip."""

  @tf.function(input_signature=[tf.TensorSpec([1, None], tf.float32)])
  def totals(wave):
    laid_out, starts = windows.covering(wave)
    return _sums(windows.log_mel.compress(windows.energies(windows.cut(laid_out, starts))))

  with progress_bar.make(store.num_clips, "statistics", "clip") as bar:
    result = np.zeros(3)
    for clip_id in range(store.num_clips):
      result += totals(store.wave(clip_id)[None]).numpy()
      bar.update()
    return result


def _totals_of_clips(store, windows):
  """Of clips that are brought to their level as a whole: each frame once."""
  sums = tf.function(
    lambda block: _sums(windows.log_mel.compress(windows.log_mel.mel_of(block))),
    input_signature=[tf.TensorSpec([1, None], tf.float32)],
  )
  lay_out = tf.function(windows.lay_out, input_signature=[tf.TensorSpec([1, None], tf.float32)])
  totals = np.zeros(3)
  with progress_bar.make(store.num_clips, "statistics", "clip") as bar:
    for clip_id in range(store.num_clips):
      for block in frame_blocks(windows.log_mel, lay_out(store.wave(clip_id)[None])):
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


def _identity(windows):
  """A short digest of everything that the log-mels of a clip depend on."""
  described = keras.saving.serialize_keras_object(windows)["config"]
  names = ["level", "short_clips", "shortest_samples"]
  names += ["frames", "hop_frames"] if windows.level == "excerpt_l2" else []
  parts = {name: described[name] for name in names} | {"log_mel": described["log_mel"]}
  parts["log_mel"] = {k: v for k, v in parts["log_mel"].items() if k not in ("name", "dtype")}
  return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
