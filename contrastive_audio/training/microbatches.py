"""Large batches part by part: loss and gradients in the memory of one part (Gao et al., 2021).

The loss of a contrastive batch depends on all its pairs, but only by their projections. A first
pass makes these, part by part, and keeps nothing else. Then come the loss and its gradients by the
projections. A second pass makes each part again, now with all that backpropagation needs, and
takes these gradients on to the weights. The sums over all parts are the gradients of the batch.

Letters: K parts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

Make = Callable[[tf.Tensor], Any]  # number of a part -> tensors, in any structure


def collect(make: Make, num_parts: int, signature: Any) -> Any:
  """Makes all parts, one after the other, and keeps only what is returned.

  Updates of variables, such as moving averages, have no effect.

  Args:
    make: number of a part -> tensors.
    num_parts: K.
    signature: of what `make` returns, in the same structure: a tf.TensorSpec for each tensor.

  Returns:
    The tensors of all parts, each `[K, ...]`.

  Example:
    >>> collect(lambda number: 2 * number, 3, tf.TensorSpec([], tf.int32)).numpy().tolist()
    [0, 2, 4]
  """

  def without_updates(number: tf.Tensor) -> Any:
    with keras.StatelessScope():
      return make(number)

  numbers = tf.range(num_parts)
  return tf.map_fn(without_updates, numbers, fn_output_signature=signature, parallel_iterations=1)


def gradients_by_parts(
  make: Make, slopes: Sequence[tf.Tensor | None], weights: Sequence[keras.Variable]
) -> list[tf.Tensor]:
  """Takes gradients from what is made of all parts to the weights that make it.

  Args:
    make: as of `collect`; variables are updated, once for each part.
    slopes: gradients by what `make` returns, tensor by tensor, each `[K, ...]`; None: there are
      none, but not for all of them.
    weights: the variables.

  Returns:
    The gradients by the weights, the sums over all parts.

  Example:
    >>> weight = keras.Variable(3.0)
    >>> slopes = tf.constant([1.0, 10.0, 100.0])
    >>> make = lambda number: weight * tf.cast(number, tf.float32)
    >>> [float(gradient) for gradient in gradients_by_parts(make, [slopes], [weight])]
    [210.0]
  """
  (num_parts,) = {slope.shape[0] for slope in slopes if slope is not None}

  def add(number: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
      made = zip(tf.nest.flatten(make(number)), slopes)
      known = [(tensor, slope[number]) for tensor, slope in made if slope is not None]
    targets, by_targets = zip(*known)
    gradients = tape.gradient(list(targets), weights, output_gradients=list(by_targets))
    added = [
      total if gradient is None else total + gradient for total, gradient in zip(sums, gradients)
    ]
    return number + 1, added

  zeros = [tf.zeros(weight.shape, weight.dtype) for weight in weights]
  _, sums = tf.while_loop(
    lambda number, _: number < num_parts, add, (tf.constant(0), zeros), parallel_iterations=1
  )
  return sums
