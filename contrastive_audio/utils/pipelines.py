"""Pipelines of tf.data that end when they are told to."""

import tensorflow as tf

BATCHES_AHEAD = 2  # that wait in memory for the step that takes them


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """Keeps TensorFlow from tuning a pipeline, and all that are made of it.

  It tunes in a thread that sleeps, the longer the older the pipeline is, up to a minute. An
  iterator that goes waits for that thread, and the call that is to wake it is sometimes lost
  (TensorFlow 2.21): then a training stands still between its last step and its export.

  Args:
    dataset: any.

  Returns:
    The same elements.

  Example:
    >>> dataset = without_tuning(tf.data.Dataset.range(3)).batch(2)
    >>> [batch.tolist() for batch in dataset.as_numpy_iterator()]
    [[0, 1], [2]]
    >>> dataset.options().autotune.enabled
    False
  """
  options = tf.data.Options()
  options.autotune.enabled = False
  return dataset.with_options(options)
