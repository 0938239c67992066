"""Layers computed by other operations, which makes training steps faster on a CPU.

The results differ only by rounding. `use_cpu_kernels` is the only entrance, and ENCODERS the only
switch: an empty tuple leaves every layer as Keras has it. Nothing changes where TensorFlow sees a
GPU. Only objects in memory change, not what they save: a model that is loaded from its file is
plain Keras again.

- BatchNorm is one fused operation; Keras writes it out in a dozen, each a walk through memory.
- The gradient of a depthwise kernel of 5x5 or more on a small map, where oneDNN has no good code
  (31 ms for EfficientNet-B0's last maps of 3x2, of which 2 remain), comes from the products of all
  positions of the input with all of the output, which is a matrix product.
- A 1x1 convolution is a matrix product.

`python -m benchmarks.step_peers` compares with plain Keras; docs/speed.md has its tables. ResNet-18
is not listed: of its step, which is convolutions, fused BatchNorm takes 2 % away.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.distributed import replicas

ENCODERS: tuple[str, ...] = ("efficientnet_b0", "vgg_like", "crnn", "frame_cnn")

# Positions of an input up to which the gradient of a depthwise kernel is a matrix product.
_MAX_POSITIONS = 64


def use_cpu_kernels(model: keras.Model) -> keras.Model:
  """Changes how layers of an encoder compute if ENCODERS lists it and there is no GPU.

  Args:
    model: a built encoder, recognised by its name; its layers are changed in place.

  Returns:
    The same model.

  Example:
    >>> layer = keras.layers.BatchNormalization()
    >>> model = keras.Sequential([keras.Input([4, 4, 2]), layer], name="crnn")
    >>> inputs = tf.random.normal([8, 4, 4, 2])
    >>> before = model(inputs, training=True)
    >>> float(tf.reduce_max(abs(use_cpu_kernels(model)(inputs, training=True) - before))) < 1e-5
    True
  """
  if model.name in ENCODERS and not tf.config.list_physical_devices("GPU"):
    for layer in model.layers:
      if kernel := _kernel(layer):
        layer.call = functools.partial(kernel, layer)
  return model


def _kernel(layer: keras.Layer) -> Callable[..., tf.Tensor] | None:
  """Returns the function that computes a layer faster than its own `call`; None: there is none."""
  if type(layer) is keras.layers.BatchNormalization:
    return _fused_normalisation
  if type(layer) is keras.layers.DepthwiseConv2D:
    return _depthwise_convolution if _has_large_kernel(layer) and _is_plain(layer) else None
  if type(layer) is keras.layers.Conv2D and layer.kernel_size == layer.strides == (1, 1):
    return _matrix_product if layer.groups == 1 and _is_plain(layer) else None
  return None


def _is_plain(layer: keras.Layer) -> bool:
  """Whether a convolution does nothing else."""
  is_linear = layer.activation is None or layer.activation is keras.activations.linear
  return is_linear and layer.dilation_rate == (1, 1) and not layer.use_bias


def _has_large_kernel(layer: keras.layers.DepthwiseConv2D) -> bool:
  return min(layer.kernel_size) >= 5 and layer.depth_multiplier == 1


def _fused_normalisation(
  layer: keras.layers.BatchNormalization,
  inputs: tf.Tensor,
  training: bool | None = None,
  mask: tf.Tensor | None = None,
) -> tf.Tensor:
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


def _matrix_product(layer: keras.layers.Conv2D, inputs: tf.Tensor) -> tf.Tensor:
  if inputs.dtype != tf.float32:
    return type(layer).call(layer, inputs)
  rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
  outputs = tf.matmul(rows, tf.convert_to_tensor(layer.kernel)[0, 0])
  return tf.reshape(outputs, tf.concat([tf.shape(inputs)[:-1], [layer.filters]], 0))


def _depthwise_convolution(layer: keras.layers.DepthwiseConv2D, inputs: tf.Tensor) -> tf.Tensor:
  positions = inputs.shape[1:3].num_elements()
  if inputs.dtype != tf.float32 or positions is None or positions > _MAX_POSITIONS:
    return type(layer).call(layer, inputs)
  strides = (1, *layer.strides, 1)
  settings = {"strides": strides, "padding": layer.padding.upper()}

  @tf.custom_gradient
  def convolve(inputs, kernel):
    def gradients(slopes):
      of_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.shape(inputs), filter=kernel, out_backprop=slopes, **settings
      )
      taps = _taps(inputs.shape, slopes.shape, layer)
      return of_inputs, tf.reshape(_kernel_slopes(inputs, slopes, taps), kernel.shape)

    return tf.raw_ops.DepthwiseConv2dNative(input=inputs, filter=kernel, **settings), gradients

  return convolve(inputs, tf.convert_to_tensor(layer.kernel))


def _kernel_slopes(inputs: tf.Tensor, slopes: tf.Tensor, taps: np.ndarray) -> tf.Tensor:
  """Returns the gradient of a depthwise kernel.

  Letters: B rows, C channels, P positions of the input, Q of the output, K of the kernel.

  Args:
    inputs: `[B, ..., C]`.
    slopes: of the outputs, `[B, ..., C]`.
    taps: `[P * Q, K]`.

  Returns:
    `[K, C]`.
  """
  pairs, channels = taps.shape[0], inputs.shape[-1]
  num_outputs = slopes.shape[1:3].num_elements()
  by_channel = [
    tf.reshape(inputs, [-1, pairs // num_outputs, channels]),
    tf.reshape(slopes, [-1, num_outputs, channels]),
  ]
  products = tf.matmul(
    tf.transpose(by_channel[0], [2, 1, 0]), tf.transpose(by_channel[1], [2, 0, 1])
  )
  return tf.matmul(
    taps, tf.reshape(products, [channels, pairs]), transpose_a=True, transpose_b=True
  )


def _taps(
  inputs: tf.TensorShape, outputs: tf.TensorShape, layer: keras.layers.DepthwiseConv2D
) -> np.ndarray:
  """Returns 1 where a place in the kernel joins a position of the input with one of the output.

  Args:
    inputs: shape `[B, height, width, C]`.
    outputs: the same of the output.
    layer: kernel_size, strides and padding.

  Returns:
    float32 `[P * Q, K]`.
  """
  by_axis = []
  for axis in (0, 1):
    size, step = layer.kernel_size[axis], layer.strides[axis]
    num_inputs, num_outputs = inputs[axis + 1], outputs[axis + 1]
    before = (
      max(0, (num_outputs - 1) * step + size - num_inputs) // 2 if layer.padding == "same" else 0
    )
    seen = step * np.arange(num_outputs)[:, None] + np.arange(size) - before  # [outputs, taps]
    by_axis.append(np.arange(num_inputs)[:, None, None] == seen)
  joint = np.einsum("ixk,jyl->ijxykl", *by_axis, dtype=np.float32, casting="unsafe")
  return joint.reshape(-1, np.prod(layer.kernel_size))
