"""What a replica asks of the others within a step; where it is alone, it has the answer.

Letters: B rows of this replica, G rows of all replicas.
"""

import tensorflow as tf


def count():
  """Returns how many replicas train together, an int."""
  return tf.distribute.get_strategy().num_replicas_in_sync


def first_row(rows):
  """Returns the number, among the rows of all replicas, of the first row of `[B, ...]`."""
  if _is_alone():
    return 0
  number = tf.distribute.get_replica_context().replica_id_in_sync_group
  return tf.cast(number, tf.int32) * tf.shape(rows)[0]


def gather(rows):
  """Rows float32 `[B, ...]` -> (those of all replicas `[G, ...]`, number of our first row).

  The gradient flows back through the gathering.
  """
  if _is_alone():
    return rows, 0
  gathered = tf.distribute.get_replica_context().all_gather(rows, axis=0)
  return gathered, first_row(rows)


def total(tensors):
  """Sums a structure of tensors over all replicas."""
  return _reduce(tensors, tf.distribute.ReduceOp.SUM)


def mean(tensors):
  """Averages a structure of tensors over all replicas."""
  return _reduce(tensors, tf.distribute.ReduceOp.MEAN)


def _reduce(tensors, operation):
  if _is_alone():
    return tensors
  return tf.distribute.get_replica_context().all_reduce(operation, tensors)


def _is_alone():
  # There is no context while a model is built in the scope of a strategy.
  return count() == 1 or tf.distribute.in_cross_replica_context()
