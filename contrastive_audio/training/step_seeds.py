"""What a step draws: all of it is a function of (seed, step), so that a run resumes exactly."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from contrastive_audio.views import stateless_random


def step_seed(seed: int, step: int | tf.Tensor) -> tf.Tensor:
  """Returns the seed of one step, int32 `[2]`.

  Args:
    seed: of the training.
    step: from 0.

  Example:
    >>> bool(tf.reduce_all(step_seed(0, 1) == step_seed(0, 1)))
    True
    >>> bool(tf.reduce_all(step_seed(0, 1) == step_seed(0, 2)))
    False
  """
  step = tf.cast(tf.convert_to_tensor(step), tf.int32)
  key = stateless_random.fold(tf.constant([seed, 0], tf.int32), step)
  return stateless_random.fold(key, 0)  # the stream of views and dropout


def drop_states(model: keras.Model) -> list[keras.Variable]:
  """Returns the variables that the dropout and drop-connect of a model draw from.

  Args:
    model: a built model.

  Example:
    >>> model = keras.Sequential([keras.Input([4]), keras.layers.Dropout(0.5)])
    >>> len(drop_states(model))
    1
  """
  return [variable for variable in model.variables if "seed_generator_state" in variable.path]


def set_drop_states(states: Sequence[keras.Variable], seed: tf.Tensor) -> None:
  """Makes dropout and drop-connect a function of the step, so that a run resumes exactly.

  Args:
    states: variables, from `drop_states`.
    seed: int32 `[2]`, from `step_seed`.

  Example:
    >>> model = keras.Sequential([keras.Input([64]), keras.layers.Dropout(0.5)])
    >>> def drop():
    ...   set_drop_states(drop_states(model), step_seed(0, 7))
    ...   return model(tf.ones([1, 64]), training=True)
    >>> bool(tf.reduce_all(drop() == drop()))
    True
  """
  for index, state in enumerate(states):
    # A layer adds 1 to the second word whenever it draws, so layers differ by the first one.
    folded = stateless_random.fold(stateless_random.fold(seed, index), 0)
    state.assign(tf.cast(tf.bitcast(folded, tf.uint32), state.dtype))


class StepCount:
  """Number of the steps that a training has taken.

  It is what the optimizer counts, plus the steps that loss scaling has skipped, which it does not.

  Example:
    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    >>> weight, steps = keras.Variable(1.0), StepCount()
    >>> optimizer.build([weight])
    >>> for gradient in (float("inf"), 1.0):
    ...   number = steps.taken(optimizer)
    ...   optimizer.apply([tf.constant(gradient)], [weight])
    ...   steps.count(number, optimizer)
    >>> int(optimizer.iterations), int(steps.taken(optimizer))
    (1, 2)
  """

  def __init__(self):
    """Makes the variable, in the scope of the strategy that trains."""
    once = tf.VariableAggregation.ONLY_FIRST_REPLICA
    self._skipped = tf.Variable(0, trainable=False, dtype=tf.int32, aggregation=once)

  def taken(self, optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Returns the number, int32 `[]`."""
    return _applied(optimizer) + self._skipped

  def count(self, number: tf.Tensor, optimizer: keras.optimizers.Optimizer) -> None:
    """Counts a step after the optimizer has applied it, or skipped it.

    Args:
      number: of the steps before it, from `taken`.
      optimizer: of the training.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
      self._skipped.assign(number + 1 - _applied(optimizer))

  def set(self, number: int, optimizer: keras.optimizers.Optimizer) -> None:
    """Goes on from a checkpoint.

    Args:
      number: of its steps.
      optimizer: restored from it.
    """
    self._skipped.assign(number - _applied(optimizer))


def _applied(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
  return tf.cast(tf.convert_to_tensor(optimizer.iterations), tf.int32)
