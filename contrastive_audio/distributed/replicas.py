"""What replicas exchange within a step; with one replica nothing is sent.

Letters: B rows of this replica, G rows of all replicas.
"""

from typing import Any, TypeVar

import tensorflow as tf

Tensors = TypeVar("Tensors")  # a tensor, or a list, tuple or dictionary of tensors


def count() -> int:
  """Returns how many replicas train together.

  Example:
    >>> count()
    1
  """
  return tf.distribute.get_strategy().num_replicas_in_sync


def number() -> int | tf.Tensor:
  """Returns the number of this replica, from 0.

  Example:
    >>> number()
    0
  """
  if _is_alone():
    return 0
  return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)


def first_row(rows: tf.Tensor) -> int | tf.Tensor:
  """Returns which row of the whole batch, of all replicas, is the first row of this replica.

  Args:
    rows: `[B, ...]`, the rows of this replica.

  Example:
    >>> first_row(tf.zeros([4, 2]))
    0
  """
  return 0 if _is_alone() else number() * tf.shape(rows)[0]


def gather(rows: tf.Tensor) -> tuple[tf.Tensor, int | tf.Tensor]:
  """Collects the rows of all replicas; the gradient flows back to each of them.

  Args:
    rows: float32 `[B, ...]`, the rows of this replica.

  Returns:
    (rows of all replicas `[G, ...]`, the index among them of this replica's first row).

  Example:
    >>> all_rows, first = gather(tf.zeros([4, 2]))
    >>> all_rows.shape, first
    (TensorShape([4, 2]), 0)
  """
  if _is_alone():
    return rows, 0
  gathered = tf.distribute.get_replica_context().all_gather(rows, axis=0)
  return gathered, first_row(rows)


def total(tensors: Tensors) -> Tensors:
  """Sums each tensor over all replicas.

  Args:
    tensors: a tensor, or a list, tuple or dictionary of tensors.

  Example:
    >>> float(total(tf.constant(2.0)))  # the number of replicas times as much
    2.0
  """
  return _reduce(tensors, tf.distribute.ReduceOp.SUM)


def mean(tensors: Tensors) -> Tensors:
  """Averages each tensor over all replicas.

  Args:
    tensors: a tensor, or a list, tuple or dictionary of tensors.

  Example:
    >>> loss, accuracy = mean([tf.constant(2.0), tf.constant(0.5)])
    >>> float(loss), float(accuracy)
    (2.0, 0.5)
  """
  return _reduce(tensors, tf.distribute.ReduceOp.MEAN)


def _reduce(tensors: Any, operation: tf.distribute.ReduceOp) -> Any:
  if _is_alone():
    return tensors
  return tf.distribute.get_replica_context().all_reduce(operation, tensors)


def _is_alone() -> bool:
  # There is no replica context while a model is built in the scope of a strategy.
  return count() == 1 or tf.distribute.in_cross_replica_context()
