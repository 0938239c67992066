"""Cross entropy of choosing a column for each row, where logits are products of rows and columns.

The logits of a large batch are its largest array, G x G. In blocks they are made a few rows at a
time, and made again for the gradient: the same numbers in the memory of one block.

Letters: B rows of this replica, G columns, of all replicas, P projection.
"""

import keras
import tensorflow as tf


def dtype():
  """Returns the type of losses: float32 also under mixed precision, float64 where all is."""
  return "float64" if keras.config.dtype_policy().name == "float64" else "float32"


def cross_entropy(rows, columns, targets, excluded=None, block=0):
  """Cross entropy of choosing, for row i, column `targets[i]` by the logits `rows @ columns^T`.

  Args:
    rows: `[B, P]`.
    columns: `[G, P]`.
    targets: int32 `[B]`.
    excluded: int32 `[B]`, a column for each row that cannot be chosen; None: all can.
    block: rows whose logits are in memory at once; 0: all. The last block may be smaller.

  Returns:
    (mean loss, share of rows whose own column is the largest), scalars.
  """
  rows, columns, targets = (tf.convert_to_tensor(given) for given in (rows, columns, targets))
  # The one_hot of -1 is nothing.
  excluded = tf.fill(tf.shape(targets), -1) if excluded is None else tf.convert_to_tensor(excluded)
  if not block:
    losses, hits = _of_logits(_logits(rows, columns, excluded), targets)
  else:
    losses, hits = _in_blocks(rows, columns, targets, excluded, block)
  return tf.reduce_mean(losses), tf.reduce_mean(hits)


def _logits(rows, columns, excluded):
  logits = tf.matmul(rows, columns, transpose_b=True)
  impossible = tf.one_hot(excluded, tf.shape(logits)[1], True, False)
  return tf.where(impossible, logits.dtype.min, logits)


def _of_logits(logits, targets):
  """Returns losses and hits, `[B]` each."""
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
  hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
  return losses, tf.cast(hits, logits.dtype)


def _in_blocks(rows, columns, targets, excluded, block):
  starts = tf.range(0, tf.shape(rows)[0], block)

  def part(tensor, start):
    return tensor[start : start + block]

  @tf.custom_gradient
  def losses_and_hits(rows, columns):
    def forward(start):
      logits = _logits(part(rows, start), columns, part(excluded, start))
      return _padded(_of_logits(logits, part(targets, start)), block)

    spec = (tf.TensorSpec([None], rows.dtype),) * 2
    losses, hits = tf.map_fn(forward, starts, fn_output_signature=spec, parallel_iterations=1)
    count = tf.shape(rows)[0]
    losses, hits = (tf.reshape(values, [-1])[:count] for values in (losses, hits))
    return (losses, hits), lambda slopes, _: backward(slopes, rows, columns)

  def backward(slopes, rows, columns):
    def step(number, row_gradients, column_gradients):
      start = starts[number]
      own = part(rows, start)
      probabilities = tf.nn.softmax(_logits(own, columns, part(excluded, start)))
      chosen = tf.one_hot(part(targets, start), tf.shape(columns)[0], dtype=rows.dtype)
      errors = (probabilities - chosen) * part(slopes, start)[:, None]
      row_gradients = row_gradients.write(number, tf.matmul(errors, columns))
      return number + 1, row_gradients, column_gradients + tf.matmul(errors, own, transpose_a=True)

    parts = tf.TensorArray(
      rows.dtype, tf.size(starts), infer_shape=False, element_shape=[None, rows.shape[1]]
    )
    _, parts, column_gradients = tf.while_loop(
      lambda number, *_: number < tf.size(starts),
      step,
      (0, parts, tf.zeros_like(columns)),
      parallel_iterations=1,
    )
    return parts.concat(), column_gradients

  return losses_and_hits(rows, columns)


def _padded(values, size):
  """Fills vectors up to a size: the parts of a map are all of one."""
  return tuple(tf.pad(value, [[0, size - tf.shape(value)[0]]]) for value in values)
