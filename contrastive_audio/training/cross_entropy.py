"""Cross entropy of choosing a column for each row, where logits are products of rows and columns.

The logits of a large batch, G x G, are its largest array. In blocks they are computed a few rows at
a time, and again for the gradient: the same numbers in the memory of one block.

Letters: B rows of this replica, G columns of all replicas, P projection.
"""

import keras
import tensorflow as tf


def dtype() -> str:
  """Returns the type of losses: float32 even under mixed precision, float64 where all is float64.

  Example:
    >>> dtype()
    'float32'
  """
  return "float64" if keras.config.dtype_policy().name == "float64" else "float32"


def cross_entropy(
  rows: tf.Tensor,
  columns: tf.Tensor,
  targets: tf.Tensor,
  excluded: tf.Tensor | None = None,
  block: int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Cross entropy of choosing, for row i, column `targets[i]` by the logits `rows @ columns^T`.

  Args:
    rows: `[B, P]`.
    columns: `[G, P]`.
    targets: int32 `[B]`.
    excluded: int32 `[B]`, one column for each row that cannot be chosen; None: all can.
    block: rows whose logits are in memory at once; 0: all. The last block may be smaller.

  Returns:
    (mean loss, share of rows whose target has the largest logit), scalars.

  Example:
    >>> loss, accuracy = cross_entropy(tf.zeros([7, 3]), tf.zeros([7, 3]), tf.range(7))
    >>> print(f"{loss:.4f}, as log(7)")  # all columns are equally likely
    1.9459, as log(7)
  """
  rows, columns, targets = map(tf.convert_to_tensor, (rows, columns, targets))
  # The one_hot of -1 is all zeros.
  excluded = tf.fill(tf.shape(targets), -1) if excluded is None else tf.convert_to_tensor(excluded)
  if not block:
    losses, hits = _losses_and_hits(_logits(rows, columns, excluded), targets)
  else:
    losses, hits = _Blocks(targets, excluded, block).losses_and_hits(rows, columns)
  return tf.reduce_mean(losses), tf.reduce_mean(hits)


def _logits(rows: tf.Tensor, columns: tf.Tensor, excluded: tf.Tensor) -> tf.Tensor:
  logits = tf.matmul(rows, columns, transpose_b=True)
  impossible = tf.one_hot(excluded, tf.shape(logits)[1], True, False)
  return tf.where(impossible, logits.dtype.min, logits)


def _losses_and_hits(logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """Logits `[b, G]` -> losses and hits, `[b]` each."""
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
  hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), targets)
  return losses, tf.cast(hits, logits.dtype)


class _Blocks:
  """Computes losses and their gradients with the logits of one block of rows at a time."""

  def __init__(self, targets: tf.Tensor, excluded: tf.Tensor, size: int):
    self._targets, self._excluded, self._size = targets, excluded, size
    self._starts = tf.range(0, tf.shape(targets)[0], size)

  def losses_and_hits(self, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns losses and hits, `[B]` each; the gradient computes the logits again."""

    @tf.custom_gradient
    def compute(rows, columns):
      results = self._forward(rows, columns)
      return results, lambda slopes, _: self._backward(slopes, rows, columns)

    return compute(rows, columns)

  def _forward(self, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    def of_block(start):
      logits = _logits(self._cut(rows, start), columns, self._cut(self._excluded, start))
      results = _losses_and_hits(logits, self._cut(self._targets, start))
      return tuple(map(self._pad, results))  # map_fn needs results of one size

    spec = (tf.TensorSpec([None], rows.dtype),) * 2
    blocks = tf.map_fn(of_block, self._starts, fn_output_signature=spec, parallel_iterations=1)
    losses, hits = (tf.reshape(values, [-1])[: tf.shape(rows)[0]] for values in blocks)
    return losses, hits

  def _backward(
    self, slopes: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of the losses `[B]`, times `slopes` `[B]`, by rows and by columns."""
    num_blocks = tf.size(self._starts)

    def add_block(number, row_gradients, column_gradients):
      start = self._starts[number]
      errors = self._errors(rows, columns, start) * self._cut(slopes, start)[:, None]
      row_gradients = row_gradients.write(number, tf.matmul(errors, columns))
      column_gradients += tf.matmul(errors, self._cut(rows, start), transpose_a=True)
      return number + 1, row_gradients, column_gradients

    row_gradients = tf.TensorArray(
      rows.dtype, num_blocks, infer_shape=False, element_shape=[None, rows.shape[1]]
    )
    _, row_gradients, column_gradients = tf.while_loop(
      lambda number, *_: number < num_blocks,
      add_block,
      (0, row_gradients, tf.zeros_like(columns)),
      parallel_iterations=1,
    )
    return row_gradients.concat(), column_gradients

  def _errors(self, rows: tf.Tensor, columns: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Softmax minus one-hot target, `[b, G]`: the gradient of a block's losses by its logits."""
    logits = _logits(self._cut(rows, start), columns, self._cut(self._excluded, start))
    targets = tf.one_hot(self._cut(self._targets, start), tf.shape(columns)[0], dtype=rows.dtype)
    return tf.nn.softmax(logits) - targets

  def _cut(self, tensor: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    return tensor[start : start + self._size]

  def _pad(self, values: tf.Tensor) -> tf.Tensor:
    return tf.pad(values, [[0, self._size - tf.shape(values)[0]]])
