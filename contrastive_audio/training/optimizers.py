"""Adam with one operation per weight, SGD as in PyTorch, and a learning-rate schedule."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas

# Names of weights that do not decay, as TensorFlow has them: "dense/bias:0", "bias/replica_1:0".
_UNDECAYED = r"(^|/)(gamma|beta|bias)(/replica_\d+)?(:\d+)?$"


def apply_sums(
  optimizer: keras.optimizers.Optimizer,
  gradients: Sequence[tf.Tensor],
  weights: Sequence[keras.Variable],
) -> list[tf.Tensor]:
  """Applies the gradients of all replicas.

  Args:
    optimizer: a built optimizer.
    gradients: the gradients of this replica.
    weights: the variables, one for each gradient.

  Returns:
    The sums of the gradients over all replicas.

  Example:
    >>> weight, optimizer = keras.Variable(1.0), keras.optimizers.SGD(0.1)
    >>> optimizer.build([weight])
    >>> _ = apply_sums(optimizer, [tf.constant(2.0)], [weight])
    >>> print(f"{weight.numpy():.1f}")
    0.8
  """
  sums = replicas.total(list(gradients))
  optimizer.apply(sums if _takes_sums(optimizer) else gradients, weights)
  return sums


def _takes_sums(optimizer: keras.optimizers.Optimizer) -> bool:
  """Whether it wants gradients that are already summed; Keras' own optimizers sum them."""
  return isinstance(getattr(optimizer, "inner_optimizer", optimizer), _OfSummedGradients)


class _OfSummedGradients:
  """Takes gradients that are already summed over the replicas, as a step logs their norm."""

  def _all_reduce_sum_gradients(self, grads_and_vars):
    return list(grads_and_vars)


@keras.saving.register_keras_serializable("audio")
class Adam(_OfSummedGradients, keras.optimizers.Adam):
  """keras.optimizers.Adam, computed by TensorFlow's own kernel.

  Keras writes the update out in some forty operations for each of the 213 weights of
  EfficientNet-B0: half of the graph, and half of the time it takes to build. The result is the same
  up to rounding.

  Example:
    >>> weight = keras.Variable([1.0])
    >>> Adam(learning_rate=0.1).apply([tf.constant([5.0])], [weight])
    >>> print(f"{weight.numpy()[0]:.4f}")  # the first step is as long as the learning rate
    0.9000
  """

  def _backend_update_step(self, grads, trainable_variables, learning_rate):
    self._scalars: dict[tuple[tf.DType, str], dict[str, tf.Tensor]] = {}
    super()._backend_update_step(grads, trainable_variables, learning_rate)
    self._scalars = {}

  def update_step(
    self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
  ) -> None:
    if self.amsgrad:
      super().update_step(gradient, variable, learning_rate)
      return
    index = self._get_variable_index(variable)
    tf.raw_ops.ResourceApplyAdam(
      var=variable.handle,  # Keras passes its tf.Variable here
      m=self._momentums[index].value.handle,
      v=self._velocities[index].value.handle,
      grad=gradient,
      **self._shared_scalars(variable.dtype, variable.device, learning_rate),
    )

  def _shared_scalars(
    self, dtype: tf.DType, device: str, learning_rate: tf.Tensor
  ) -> dict[str, tf.Tensor]:
    """Numbers that all weights of a type need: made once in a step, not for each weight."""
    if (dtype, device) not in self._scalars:
      step = tf.cast(self.iterations.value + 1, dtype)
      self._scalars[dtype, device] = {
        # Of betas in float32, also in float64, as Keras has them.
        "beta1_power": tf.pow(tf.cast(self.beta_1, dtype), step),
        "beta2_power": tf.pow(tf.cast(self.beta_2, dtype), step),
        "lr": tf.cast(learning_rate, dtype),
        "beta1": tf.constant(self.beta_1, dtype),
        "beta2": tf.constant(self.beta_2, dtype),
        "epsilon": tf.constant(self.epsilon, dtype),
      }
    return self._scalars[dtype, device]


@keras.saving.register_keras_serializable("audio")
class SGD(_OfSummedGradients, keras.optimizers.SGD):
  """Momentum and weight decay as in PyTorch, with which mix-back was published.

  ```
  velocity = momentum * velocity + gradient + weight_decay * variable
  variable = variable - learning_rate * velocity
  ```

  Keras multiplies the learning rate into the velocity, so after a drop of the rate a part of the
  old one lives on. And its weight decay bypasses the momentum, which makes it ten times weaker at a
  momentum of 0.9.

  Example:
    >>> weight = keras.Variable([1.0])
    >>> SGD(learning_rate=0.1, weight_decay=0.5).apply([tf.constant([2.0])], [weight])
    >>> print(f"{weight.numpy()[0]:.2f}")  # 1 - 0.1 * (2 + 0.5 * 1)
    0.75
  """

  def __init__(
    self,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    name: str = "SGD",
    **kwargs: Any,
  ):
    """Sets the hyper-parameters.

    Args:
      learning_rate: a number, or a function of the step.
      momentum: share of the velocity that is kept.
      weight_decay: added to the gradient, times the weight.
      name: name of the optimizer.
      **kwargs: of keras.optimizers.SGD.
    """
    super().__init__(learning_rate, momentum, name=name, **kwargs)
    self.decay_in_gradient = weight_decay

  def update_step(
    self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
  ) -> None:
    gradient = gradient + self.decay_in_gradient * tf.convert_to_tensor(variable)
    if self.momentum:
      velocity = self.momentums[self._get_variable_index(variable)]
      gradient = self.momentum * tf.convert_to_tensor(velocity) + gradient
      self.assign(velocity, gradient)
    self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * gradient)

  def get_config(self) -> dict[str, Any]:
    return super().get_config() | {"weight_decay": self.decay_in_gradient}


def decoupled_adam(
  learning_rate: float | keras.optimizers.schedules.LearningRateSchedule, weight_decay: float
) -> Adam:
  """Returns Adam with a weight decay that leaves out biases and normalisation layers.

  Args:
    learning_rate: a number, or a function of the step.
    weight_decay: share of each weight, times the learning rate, that a step takes away.

  Example:
    >>> layer = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    >>> layer.build([None, 1])
    >>> decoupled_adam(0.1, weight_decay=0.5).apply(
    ...   [tf.zeros([1, 1]), tf.zeros([1])], layer.trainable_variables
    ... )
    >>> [round(float(value), 4) for value in (layer.kernel[0, 0], layer.bias[0])]
    [0.95, 1.0]
  """
  optimizer = Adam(learning_rate, weight_decay=weight_decay)
  optimizer.exclude_from_weight_decay(var_names=[_UNDECAYED])
  return optimizer


def rate_of_last_step(optimizer: keras.optimizers.Optimizer) -> float:
  """Returns the learning rate of the last update; the optimizer's own is that of the next one.

  Args:
    optimizer: one that has made an update; loss scaling may wrap it.

  Example:
    >>> optimizer, weight = Adam(dropping(0.1, [1])), keras.Variable([1.0])
    >>> optimizer.apply([tf.constant([5.0])], [weight])
    >>> print(f"{rate_of_last_step(optimizer):.2f}, then {float(optimizer.learning_rate):.2f}")
    0.10, then 0.01
  """
  inner = getattr(optimizer, "inner_optimizer", optimizer)
  schedule = getattr(inner, "_learning_rate", None)  # its public name gives numbers only
  if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
    return float(tf.convert_to_tensor(optimizer.learning_rate))
  return float(schedule(tf.maximum(tf.convert_to_tensor(inner.iterations) - 1, 0)))


def dropping(
  learning_rate: float, steps: Sequence[int]
) -> keras.optimizers.schedules.LearningRateSchedule:
  """Returns a schedule that drops to a tenth of its rate at each of some steps.

  Args:
    learning_rate: before the first drop.
    steps: numbers of steps, ascending, at least one: the first that have a lower rate.

  Example:
    >>> schedule = dropping(0.1, [80, 160])
    >>> [round(float(schedule(step)), 6) for step in (79, 80, 159, 160)]
    [0.1, 0.01, 0.01, 0.001]
  """
  # At the boundary itself Keras still takes the old rate, hence the 1.
  boundaries = [step - 1 for step in steps]
  rates = [learning_rate * 0.1**drops for drops in range(len(steps) + 1)]
  return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)


def warm_up_and_cosine(
  peak: float, steps: int, warm_up: float
) -> keras.optimizers.schedules.LearningRateSchedule:
  """Returns a schedule from 0 up to a peak, then along half a cosine to 0 at the last step.

  Args:
    peak: largest learning rate.
    steps: steps of the whole training.
    warm_up: share of the steps in which the rate rises.

  Example:
    >>> schedule = warm_up_and_cosine(peak=2.0, steps=100, warm_up=0.2)
    >>> [round(float(schedule(step)), 3) for step in (0, 10, 20, 60, 100)]
    [0.0, 1.0, 2.0, 1.0, 0.0]
  """
  rising_steps = max(1, round(warm_up * steps))
  return keras.optimizers.schedules.CosineDecay(
    0.0, max(1, steps - rising_steps), warmup_target=peak, warmup_steps=rising_steps
  )
