"""The distance that --keep holds small: from the embeddings of a frozen encoder on the same views.

Letters: B views of this replica, T frames, F mel bands, D embedding.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas

_FLOOR = 0.01  # of the mean variance: dimensions that hardly vary are not blown up


class SourceEmbeddings(NamedTuple):
  """What the frozen encoder makes of the views of a step.

  Attributes:
    rows: `[B, D]`.
    variances: `[D]`, over the views of all replicas, at least a hundredth of their mean.

  Example:
    >>> SourceEmbeddings(tf.zeros([6, 4]), tf.ones([4])).rows.shape
    TensorShape([6, 4])
  """

  rows: tf.Tensor
  variances: tf.Tensor


class SourceDistance:
  """The mean squared distance between standardised embeddings, of an encoder and of its source.

  With e the embeddings of the encoder in training mode and s those of the source in inference mode,
  of n views and in D dimensions:

    distance = 1 / (n D) * sum_i sum_d (e_id - s_id)^2 / max(v_d, 0.01 * mean_d v_d)

  where v_d is the variance of s_id over the views of all replicas. So each dimension counts as much
  as any other, as it does for the classifiers of `downstream`. It is 0 for the embeddings of the
  source, 1 for their mean, and 2 for those of other views of the source.

  It is no layer, and nothing of it is trained, logged as a weight or saved in checkpoints.

  Example:
    >>> encoder = keras.Sequential([keras.Input([2, 2, 1]), keras.layers.Flatten()])
    >>> distance, views = SourceDistance(encoder), tf.random.normal([8, 2, 2, 1])
    >>> source = distance.embed(views)
    >>> print(f"{distance(encoder(views), source):.1f}")
    0.0
    >>> mean = tf.reduce_mean(encoder(views), axis=0, keepdims=True)
    >>> print(f"{distance(mean, source):.1f}")
    1.0
  """

  def __init__(self, encoder: keras.Model, scale: float = 1.0, offset: float = 0.0):
    """Freezes the source.

    Args:
      encoder: `[B, T, F, 1] -> [B, D]`; frozen in place.
      scale: of views, where the source has standardised log-mels by other statistics.
      offset: added to scaled views.
    """
    encoder.trainable = False
    self._encoder, self._scale, self._offset = encoder, scale, offset

  def embed(self, log_mels: tf.Tensor) -> SourceEmbeddings:
    """Embeds views by the source, in inference mode.

    Args:
      log_mels: views of this replica, `[B, T, F, 1]`.
    """
    return self.with_variances(self.rows(log_mels))

  def rows(self, log_mels: tf.Tensor) -> tf.Tensor:
    """Returns the embeddings alone, `[B, D]`, at least in float32.

    Args:
      log_mels: some views of this replica, `[B, T, F, 1]`.
    """
    rows = self._encoder(log_mels * self._scale + self._offset, training=False)
    return tf.stop_gradient(_precise(rows))

  def with_variances(self, rows: tf.Tensor) -> SourceEmbeddings:
    """Returns embeddings and the variances over all of them.

    Args:
      rows: of all views of this replica, `[B, D]`.
    """
    mean = replicas.mean(tf.reduce_mean(rows, axis=0))
    variances = replicas.mean(tf.reduce_mean(tf.square(rows - mean), axis=0))
    return SourceEmbeddings(rows, tf.maximum(variances, _FLOOR * tf.reduce_mean(variances)))

  def __call__(self, embeddings: tf.Tensor, source: SourceEmbeddings) -> tf.Tensor:
    """Returns the distance, a scalar, the mean over the views of this replica.

    Args:
      embeddings: `[B, D]`, of the encoder that is trained.
      source: of the same views.
    """
    squares = tf.square(_precise(embeddings) - source.rows)
    return tf.reduce_mean(tf.math.divide_no_nan(squares, source.variances))


def _precise(rows: tf.Tensor) -> tf.Tensor:
  """Returns rows in float32, or in float64 where they are that."""
  return rows if rows.dtype == tf.float64 else tf.cast(rows, tf.float32)
