"""What becomes of a clip without samples, or with one that is NaN or infinite."""

import numpy as np
import tensorflow as tf


def checked_waves(waves: tf.Tensor) -> tf.Tensor:
  """Refuses clips without samples; replaces all of a clip with NaN if a sample is not finite.

  Otherwise a single sample would decide how much of a clip's embedding is lost, by the windows that
  hold it.

  Args:
    waves: float32 `[B, n]`.

  Returns:
    float32 `[B, n]`.

  Raises:
    tf.errors.InvalidArgumentError: n is 0.

  Example:
    >>> checked_waves(tf.constant([[1.0, 2.0], [3.0, np.inf]])).numpy().tolist()
    [[1.0, 2.0], [nan, nan]]
  """
  message = "the waveform has no samples; an embedding needs at least one"
  with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(waves)[1], message)]):
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


def zeros_unless_finite(values: tf.Tensor, finite: tf.Tensor) -> tf.Tensor:
  """Replaces rows that are not finite with zeros, so that nothing of them reaches a network.

  In a batch that is quantised together, a NaN would reach the other rows, too. tf2onnx turns a
  tf.where of zeros into products, which keep NaN, but not one of infinities.

  Args:
    values: float `[B, ...]`.
    finite: bool, of each row; it broadcasts.

  Returns:
    The same type and shape.

  Example:
    >>> rows = tf.constant([[1.0, -2.0], [3.0, np.nan]])
    >>> zeros_unless_finite(rows, all_finite(rows)).numpy().tolist()
    [[1.0, -2.0], [0.0, 0.0]]
  """
  bounded = tf.minimum(tf.where(finite, values, np.inf), values.dtype.max)
  return bounded * tf.cast(finite, values.dtype)
