"""Checks without labels whether an encoder is healthy, as it will be exported.

Two things can go wrong unnoticed while the loss falls. BatchNorm's moving statistics may be far
from those of the batches: then inference mode, which is exported, gives other embeddings than the
training produced. And all clips may get nearly the same embedding.
"""

import keras
import numpy as np
import tensorflow as tf
import tqdm

from contrastive_audio.distributed import replicas
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.monitoring.complaints import chance_complaint, complaints, is_at_chance
from contrastive_audio.monitoring.knn import normalise_rows
from contrastive_audio.networks import batchnorm
from contrastive_audio.runs import Run
from contrastive_audio.views.excerpts import ExcerptPairs

MAX_EXCERPTS = 128
_FEWEST_ROWS = 5  # of metrics, over 10 steps each, before the contrastive accuracy says something


class HealthMonitor:
  """Compares the two modes of an encoder, and its embeddings with each other, on clean excerpts.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=front_end)
    >>> pairs = ExcerptPairs(store, batch_size=8, layout=front_end.layout)
    >>> HealthMonitor(run, pairs, front_end, frame_cnn(64)).check(step=0)
    >>> run.metrics("exported_spread")[0]
    array([0])
  """

  def __init__(
    self,
    run: Run,
    pairs: ExcerptPairs,
    front_end: FrontEnd,
    encoder: keras.Model,
    chance: float = 0.0,
  ):
    """Prepares the checks.

    Args:
      run: where measurements are logged.
      pairs: the excerpts of the training; the first ones are used.
      front_end: excerpts -> log-mels.
      encoder: the encoder being trained.
      chance: the contrastive accuracy of an untrained one; 0: that is not looked at.
    """
    self._run, self._pairs, self._front_end, self._encoder = run, pairs, front_end, encoder
    self._chance = chance
    self._log_mels: tf.Tensor | None = None  # once they are needed

  def check(self, step: int) -> None:
    """Measures the encoder, logs the results and prints warnings, once for each step.

    Args:
      step: number of training steps that the encoder has had.
    """
    if step in self._run.metrics("mode_agreement")[0]:
      return
    if self._log_mels is None:
      self._log_mels = self._measured_log_mels()
    log_mels = self._log_mels
    exported = self._encoder(log_mels, training=False)
    trained = batchnorm.embed_in_training_mode(self._encoder, log_mels)
    mode_agreement = float(agreement(exported, trained))
    exported_spread = float(spread(exported))
    self._run.log(step, {"mode_agreement": mode_agreement, "exported_spread": exported_spread})
    of_pairs, of_others = similarities(exported.numpy())
    self._run.trackers.histogram(step, "monitor/similarity_of_pairs", of_pairs)
    self._run.trackers.histogram(step, "monitor/similarity_of_others", of_others)
    are_random = step == 0 and not self._run.config["config"].get("init_digest")
    if not are_random:  # those are no reason to warn
      for complaint in complaints(mode_agreement, exported_spread) + self._about_chance():
        tqdm.tqdm.write(f"warning    step {step}: {complaint}")

  def _about_chance(self) -> list[str]:
    """Returns a complaint if the contrastive accuracy is at chance, once there are enough steps."""
    accuracy = recent_accuracy(self._run)
    if accuracy is None or not is_at_chance(accuracy, self._chance):
      return []
    store, rate_hz = self._pairs.store, self._front_end.sample_rate_hz
    median_s = float(np.median(store.num_samples)) / rate_hz
    are_pieces = len(np.unique(store.recordings)) < store.num_clips
    return [chance_complaint(accuracy, self._chance, store.num_clips, median_s, are_pieces)]

  def _measured_log_mels(self) -> tf.Tensor:
    """Log-mels `[M, T, F, 1]` of the first excerpts of the training, always the same."""
    (excerpts,) = self._pairs.dataset(0, 1)
    waves = tf.reshape(excerpts[:, :2], [-1, excerpts.shape[-1]])[:MAX_EXCERPTS]
    return self._front_end(waves)[..., None]


def recent_accuracy(run: Run) -> float | None:
  """Returns the contrastive accuracy over the last quarter of a training; None: too few steps.

  Args:
    run: its record.

  Example:
    >>> import types
    >>> run = types.SimpleNamespace(metrics=lambda name: (np.arange(20), np.linspace(0, 0.95, 20)))
    >>> print(f"{recent_accuracy(run):.3f}")
    0.850
  """
  _, accuracies = run.metrics("contrastive_accuracy")
  if len(accuracies) < _FEWEST_ROWS:
    return None
  return float(np.mean(accuracies[-max(_FEWEST_ROWS, len(accuracies) // 4) :]))


def similarities(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the cosines of the two excerpts of each clip, and of the first ones of any two clips.

  Args:
    embeddings: `[2B, D]`: first and second excerpt of the first clip, those of the next, ...

  Example:
    >>> rows = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> [cosines.round(2).tolist() for cosines in similarities(rows)]
    [[1.0, 0.71], [0.0]]
  """
  rows = normalise_rows(embeddings)
  first, second = rows[::2], rows[1::2]
  others = first @ first.T
  return np.sum(first[: len(second)] * second, axis=1), others[np.triu_indices(len(first), k=1)]


def spread(embeddings: tf.Tensor) -> tf.Tensor:
  """Measures how evenly embeddings fill all directions: 1 if they are isotropic, 0 if collapsed.

  That is the mean over units of their standard deviation, times sqrt(D), of the l2-normalised
  embeddings of all replicas.

  Args:
    embeddings: `[B, D]`.

  Returns:
    A float32 scalar.

  Example:
    >>> float(spread(tf.ones([10, 64]))) < 1e-6
    True
  """
  normalised = tf.math.l2_normalize(tf.cast(embeddings, tf.float32), axis=1)
  centred = normalised - replicas.mean(tf.reduce_mean(normalised, axis=0))
  deviations = tf.sqrt(replicas.mean(tf.reduce_mean(tf.square(centred), axis=0)))
  return tf.reduce_mean(deviations) * tf.sqrt(tf.cast(tf.shape(embeddings)[1], tf.float32))


def agreement(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
  """Returns the mean cosine between the rows of two sets, each centred on its own mean.

  Args:
    one: embeddings `[M, D]`.
    other: embeddings `[M, D]` of the same excerpts.

  Example:
    >>> rows = tf.random.normal([64, 256])
    >>> print(f"{agreement(rows, 3 * rows + 7):.3f}")
    1.000
  """
  one, other = (
    tf.math.l2_normalize(rows - tf.reduce_mean(rows, axis=0), axis=1)
    for rows in (tf.cast(one, tf.float32), tf.cast(other, tf.float32))
  )
  return tf.reduce_mean(tf.reduce_sum(one * other, axis=1))
