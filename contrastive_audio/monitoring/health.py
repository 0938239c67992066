"""Whether an encoder is in order, seen without labels, as it will be exported.

Two things go wrong in silence while the loss falls: BatchNorm's moving statistics are far from
those of the batches, so that inference mode, which is exported, gives other embeddings than those
that were trained; and all clips get nearly the same embedding.
"""

import tensorflow as tf
import tqdm

from contrastive_audio.distributed import replicas
from contrastive_audio.networks import batchnorm

MAX_EXCERPTS = 128
AGREEMENT_MIN = 0.5  # of the modes; 1: the same, 0: nothing in common
SPREAD_MIN = 0.05  # of the embeddings; 1: in all directions, 0: all alike


class HealthMonitor:
  """Compares the modes of an encoder, and its embeddings with each other, on clean excerpts."""

  def __init__(self, run, pairs, front_end, encoder):
    """Takes a runs.Run, the ExcerptPairs, the FrontEnd and the encoder being trained."""
    self._run, self._pairs, self._front_end, self._encoder = run, pairs, front_end, encoder

  def check(self, step):
    """Looks at the encoder as it is after `step`, logs, and warns; not twice for a step."""
    if step in self._run.metrics("mode_agreement")[0]:
      return
    log_mels = self._log_mels()
    exported = self._encoder(log_mels, training=False)
    trained = batchnorm.in_training_mode(self._encoder, log_mels)
    found = {
      "mode_agreement": float(agreement(exported, trained)),
      "exported_spread": float(spread(exported)),
    }
    self._run.log(step, found)
    for line in complaints(**found) if step else ():  # random weights owe nothing
      tqdm.tqdm.write(f"warning    step {step}: {line}")

  def _log_mels(self):
    """Log-mels `[M, T, F, 1]` of the first excerpts of the training, always the same."""
    # Not in parallel: TensorFlow reports its own parallel maps to the terminal.
    for excerpts in self._pairs.dataset(0, 1, parallel=False):
      some = tf.reshape(excerpts[:, :2], [-1, excerpts.shape[-1]])[:MAX_EXCERPTS]
      return self._front_end(some)[..., None]


def spread(embeddings):
  """Mean standard deviation of the normalised embeddings times sqrt(D): 1 isotropic, 0 collapse.

  Of the embeddings `[B, D]` of all replicas.
  """
  normalised = tf.math.l2_normalize(tf.cast(embeddings, tf.float32), axis=1)
  centred = normalised - replicas.mean(tf.reduce_mean(normalised, axis=0))
  deviations = tf.sqrt(replicas.mean(tf.reduce_mean(tf.square(centred), axis=0)))
  return tf.reduce_mean(deviations) * tf.sqrt(tf.cast(tf.shape(embeddings)[1], tf.float32))


def agreement(one, other):
  """Mean cosine between the rows of two sets of embeddings `[M, D]`, each around its own mean."""
  one, other = (
    tf.math.l2_normalize(rows - tf.reduce_mean(rows, axis=0), axis=1)
    for rows in (tf.cast(one, tf.float32), tf.cast(other, tf.float32))
  )
  return tf.reduce_mean(tf.reduce_sum(one * other, axis=1))


def complaints(mode_agreement, exported_spread):
  """Returns what is wrong, a line for each thing: what was found, what to do."""
  lines = []
  if not mode_agreement >= AGREEMENT_MIN:
    lines.append(
      f"embeddings in inference mode, which is exported, are unlike those in training mode "
      f"(similarity {mode_agreement:.2f}, 1 is equal): BatchNorm's moving statistics lag behind; "
      "train longer, or with --set=batchnorm_momentum=0.9 or --set=reestimate_batches=24"
    )
  if not exported_spread >= SPREAD_MIN:
    lines.append(
      f"the embeddings of all excerpts are nearly the same (spread {exported_spread:.3f}, 1 is "
      "in all directions): the encoder has collapsed; a lower --learning_rate is the usual cure"
    )
  return lines
