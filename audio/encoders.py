"""Encoders: log-mels [B, T, F, 1] -> embeddings [B, D], functional Keras models, T free."""

import functools

import keras
import tensorflow as tf

INPUT_SCALINGS = ("keras", "none")


def efficientnet_b0(num_mels, pooling="max", input_scaling="keras", batchnorm_momentum=0.99):
  """EfficientNet-B0 on one channel (COLA, section 2): 4.0 M weights, D = 1280.

  Args:
    num_mels: F, at least 32.
    pooling: "max" (COLA) or "avg", over time and frequency of the last layer.
    input_scaling: "keras" keeps the Rescaling(1/255) that Keras' model begins with, as the
      published results have it; "none" undoes it.
    batchnorm_momentum: of the moving averages; 0.99 is Keras' default.

  Returns:
    A keras.Model.
  """
  if input_scaling not in INPUT_SCALINGS:
    raise ValueError(f"input_scaling={input_scaling!r}: it can be {' or '.join(INPUT_SCALINGS)}")
  log_mels = keras.Input([None, num_mels, 1], name="log_mel")
  scaled = keras.layers.Rescaling(255.0)(log_mels) if input_scaling == "none" else log_mels
  layers = keras.applications.EfficientNetB0(
    include_top=False, weights=None, input_tensor=scaled, pooling=pooling
  )
  # Keras takes its own input as a list of one; this one is called with a tensor.
  model = keras.Model(log_mels, layers.output, name="efficientnet_b0")
  for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.momentum = batchnorm_momentum
  return model if tf.config.list_physical_devices("GPU") else use_matrix_products(model)


def use_matrix_products(model):
  """Computes 1x1 convolutions as matrix products: up to 1.3 times faster steps of B0 on a CPU.

  The result is the same but for rounding. Only this object changes, not what it saves: a model
  loaded from its file is plain Keras again. See benchmarks/train_step.py.

  Args:
    model: a built keras.Model; its convolutions are replaced in place.

  Returns:
    The same model.
  """
  for layer in model.layers:
    if type(layer) is keras.layers.Conv2D and _is_pointwise(layer):
      layer.convolution_op = functools.partial(_matrix_product, layer)
  return model


def _is_pointwise(layer):
  return layer.kernel_size == (1, 1) and layer.strides == (1, 1) and layer.groups == 1


def _matrix_product(layer, inputs, kernel):
  rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
  products = tf.matmul(rows, tf.reshape(kernel, [inputs.shape[-1], layer.filters]))
  if None not in inputs.shape:
    return tf.reshape(products, [*inputs.shape[:-1], layer.filters])
  outputs = tf.reshape(products, tf.concat([tf.shape(inputs)[:-1], [layer.filters]], 0))
  return tf.ensure_shape(outputs, [*inputs.shape[:-1], layer.filters])
