"""Adam in one operation per weight, SGD as PyTorch has it, and a rate that rises and falls."""

import keras
import tensorflow as tf


def takes_sums(optimizer):
  """Returns whether an optimiser wants gradients summed over the replicas; Keras' own sum them."""
  return isinstance(getattr(optimizer, "inner_optimizer", optimizer), _OfSummedGradients)


class _OfSummedGradients:
  """Takes gradients that are summed over the replicas already: a step looks at their norm."""

  def _all_reduce_sum_gradients(self, grads_and_vars):
    return list(grads_and_vars)


@keras.saving.register_keras_serializable("audio")
class Adam(_OfSummedGradients, keras.optimizers.Adam):
  """keras.optimizers.Adam by TensorFlow's own kernel.

  Keras writes the update out in some forty operations for each of the 213 weights of
  EfficientNet-B0: half of the graph, and half of the time it takes to build. The result is the same
  but for rounding. Under tf.distribute with several replicas Keras' own update is used.
  """

  def update_step(self, gradient, variable, learning_rate):
    if self.amsgrad or tf.distribute.get_strategy().num_replicas_in_sync > 1:
      super().update_step(gradient, variable, learning_rate)
      return
    index = self._get_variable_index(variable)
    step = tf.cast(self.iterations.value + 1, variable.dtype)
    tf.raw_ops.ResourceApplyAdam(
      var=variable.handle,  # Keras passes its tf.Variable here
      m=self._momentums[index].value.handle,
      v=self._velocities[index].value.handle,
      beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
      beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
      lr=tf.cast(learning_rate, variable.dtype),
      beta1=self.beta_1,
      beta2=self.beta_2,
      epsilon=self.epsilon,
      grad=gradient,
    )


@keras.saving.register_keras_serializable("audio")
class SGD(_OfSummedGradients, keras.optimizers.SGD):
  """Momentum and weight decay as PyTorch has them, where the paper of mix-back was trained.

  ```
  velocity = momentum * velocity + gradient + weight_decay * variable
  variable = variable - learning_rate * velocity
  ```

  Keras puts the learning rate into the velocity, so that what is left of the old rate goes on after
  each drop; and its weight decay passes by the momentum, which makes it ten times weaker at 0.9.
  """

  def __init__(self, learning_rate, momentum=0.0, weight_decay=0.0, name="SGD", **kwargs):
    super().__init__(learning_rate, momentum, name=name, **kwargs)
    self.decay_in_gradient = weight_decay

  def update_step(self, gradient, variable, learning_rate):
    gradient = gradient + self.decay_in_gradient * tf.convert_to_tensor(variable)
    if self.momentum:
      velocity = self.momentums[self._get_variable_index(variable)]
      gradient = self.momentum * tf.convert_to_tensor(velocity) + gradient
      self.assign(velocity, gradient)
    self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * gradient)

  def get_config(self):
    return super().get_config() | {"weight_decay": self.decay_in_gradient}


def decoupled_adam(learning_rate, weight_decay):
  """Returns Adam whose weight decay spares what shifts and scales: biases and normalisation."""
  optimizer = Adam(learning_rate, weight_decay=weight_decay)
  optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
  return optimizer


def warm_up_and_cosine(peak, steps, warm_up):
  """Returns a schedule: from 0 to its peak, then along a half cosine to 0 at the last step.

  Args:
    peak: largest learning rate.
    steps: of the whole training.
    warm_up: share of the steps in which it rises.
  """
  rising = max(1, round(warm_up * steps))
  return keras.optimizers.schedules.CosineDecay(
    0.0, max(1, steps - rising), warmup_target=peak, warmup_steps=rising
  )
