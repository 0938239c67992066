"""The same layers by other kernels: the same numbers, faster steps on a CPU.

Only the objects in memory change, not what they save: a model loaded from its file is plain Keras
again. On a GPU nothing is changed. See benchmarks/train_step.py.
"""

import functools

import keras
import tensorflow as tf

from contrastive_audio.distributed import replicas


def use_matrix_products(model):
  """Computes the 1x1 convolutions of a model as matrix products: B0 gets up to 1.3 times faster.

  Args:
    model: a built keras.Model; its convolutions are changed in place.

  Returns:
    The same model.
  """
  for layer in [] if _has_gpu() else model.layers:
    if type(layer) is keras.layers.Conv2D and _is_pointwise(layer):
      layer.convolution_op = functools.partial(_matrix_product, layer)
  return model


def use_fused_normalisation(model):
  """Computes BatchNorm in training by one operation: networks with few, large channels gain.

  Steps of CRNN get 1.3 and of VGG-like 1.15 times faster, those of ResNet-18 stay as they are; and
  EfficientNet-B0, which has many small channels, would lose.

  Args:
    model: a built keras.Model; its BatchNorm layers are changed in place.

  Returns:
    The same model.
  """
  for layer in [] if _has_gpu() else model.layers:
    if type(layer) is keras.layers.BatchNormalization:
      layer.call = functools.partial(_fused_normalisation, layer)
  return model


def draw_dropout_by_rows(model, blocks):
  """Lets each replica drop what one device with the whole batch would drop in its rows.

  Args:
    model: a keras.Model; its Dropout layers, drop-connect among them, are changed in place.
    blocks: how often the clips of a batch come one after the other in the model's input.
  """
  for layer in model.layers:
    if type(layer) is keras.layers.Dropout:
      layer.call = functools.partial(_dropout_by_rows, layer, blocks)


def _dropout_by_rows(layer, blocks, inputs, training=False):
  if not training or not layer.rate:
    return inputs
  rows, clips = tf.shape(inputs)[0], tf.shape(inputs)[0] // blocks
  total = rows * replicas.count()
  shape = [total, *(layer.noise_shape or inputs.shape)[1:]]
  seed = tf.cast(layer.seed_generator.next() % (tf.int32.max - 1), tf.int32)  # as Keras does
  # The same operation on a batch of ones: the numbers of Keras' own layer.
  whole = tf.nn.experimental.stateless_dropout(tf.ones(shape, inputs.dtype), layer.rate, seed)
  whole = tf.reshape(whole, tf.concat([[blocks, -1], tf.shape(whole)[1:]], 0))
  first = replicas.first_row(inputs) // blocks
  own = whole[:, first : first + clips]
  return inputs * tf.reshape(own, tf.concat([[rows], tf.shape(own)[2:]], 0))


def _has_gpu():
  return bool(tf.config.list_physical_devices("GPU"))


def _fused_normalisation(layer, inputs, training=None, mask=None):
  fits = inputs.dtype == tf.float32 and len(inputs.shape) == 4
  if not training or not layer.trainable or not fits or replicas.count() > 1:
    return type(layer).call(layer, inputs, training=training, mask=mask)
  outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
    x=inputs,
    scale=tf.convert_to_tensor(layer.gamma),
    offset=tf.convert_to_tensor(layer.beta),
    mean=tf.zeros([0]),
    variance=tf.zeros([0]),
    epsilon=layer.epsilon,
    is_training=True,
  )
  count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
  variance *= (count - 1) / count  # Keras keeps the variance of the batch, not its estimate
  for moving, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
    moving.assign(moving * layer.momentum + batch * (1 - layer.momentum))
  return outputs


def _is_pointwise(layer):
  return layer.kernel_size == (1, 1) and layer.strides == (1, 1) and layer.groups == 1


def _matrix_product(layer, inputs, kernel):
  rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
  products = tf.matmul(rows, tf.reshape(kernel, [inputs.shape[-1], layer.filters]))
  if None not in inputs.shape:
    return tf.reshape(products, [*inputs.shape[:-1], layer.filters])
  outputs = tf.reshape(products, tf.concat([tf.shape(inputs)[:-1], [layer.filters]], 0))
  return tf.ensure_shape(outputs, [*inputs.shape[:-1], layer.filters])
