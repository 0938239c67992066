"""Encoders: log-mels `[B, T, F, 1]` -> embeddings `[B, D]`, functional Keras models, any T.

No name of a layer has a dot in it, because Keras on PyTorch cannot open such a model.
"""

import keras
import tensorflow as tf

from contrastive_audio.configuration import INPUT_SCALINGS
from contrastive_audio.networks.cpu_kernels import use_cpu_kernels
from contrastive_audio.networks.pytorch_defaults import pytorch_dense, uniform_by_inputs
from contrastive_audio.utils.backend import require_channels_last

layers = keras.layers

# Encoder -> how many of the last units of its embedding a head with head_input="last" sees; others
# have no such part.
HEAD_UNITS = {"frame_cnn": 1024}


def efficientnet_b0(
  num_mels: int,
  pooling: str = "max",
  input_scaling: str = "keras",
  batchnorm_momentum: float = 0.99,
) -> keras.Model:
  """Builds EfficientNet-B0 for one channel (COLA, section 2): 4.0 M weights, D = 1280.

  Args:
    num_mels: F, at least 32.
    pooling: "max" (COLA) or "avg", over time and frequency of the last layer.
    input_scaling: "keras" keeps the Rescaling(1/255) at the start of Keras' model, as in the
      published results; "none" undoes it.
    batchnorm_momentum: momentum of the moving averages; 0.99 is Keras' default.

  Returns:
    The encoder.

  Raises:
    ValueError: unknown input_scaling.

  Example:
    >>> encoder = efficientnet_b0(num_mels=64)
    >>> encoder.output_shape, encoder.count_params()
    ((None, 1280), 4048991)
  """
  if input_scaling not in INPUT_SCALINGS:
    raise ValueError(f"input_scaling={input_scaling!r}: it can be {' or '.join(INPUT_SCALINGS)}")
  log_mels = _input(num_mels)
  scaled = layers.Rescaling(255.0)(log_mels) if input_scaling == "none" else log_mels
  network = keras.applications.EfficientNetB0(
    include_top=False, weights=None, input_tensor=scaled, pooling=pooling
  )
  # Keras' model takes its input as a list of one; this one takes a tensor.
  model = keras.Model(log_mels, network.output, name="efficientnet_b0")
  for layer in model.layers:
    if isinstance(layer, layers.BatchNormalization):
      layer.momentum = batchnorm_momentum
  return use_cpu_kernels(model)


def resnet18(num_mels: int, batchnorm_momentum: float = 0.9) -> keras.Model:
  """Builds ResNet-18 for one channel, padded as in PyTorch (mix-back): 11.2 M weights, D = 512.

  Args:
    num_mels: F, at least 32.
    batchnorm_momentum: momentum of the moving averages; PyTorch's 0.1 is 0.9 here.

  Returns:
    The encoder. Its layers have the names of the published state dict, with _ for each dot.

  Example:
    >>> encoder = resnet18(num_mels=96)
    >>> encoder.output_shape, encoder.layers[2].name
    ((None, 512), 'conv1')
  """
  log_mels = _input(num_mels)
  x = layers.ZeroPadding2D(3)(log_mels)
  x = _resnet_convolution("conv1", 64, 7, 2)(x)
  x = layers.ReLU()(_normalisation("bn1", batchnorm_momentum)(x))
  # Padding with zeros does not change the maximum: after a ReLU nothing is below zero.
  x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
  for stage, filters in enumerate((64, 128, 256, 512), start=1):
    for block in (0, 1):
      stride = 2 if stage > 1 and block == 0 else 1
      x = _residual_block(x, f"layer{stage}_{block}", filters, stride, batchnorm_momentum)
  return _model(log_mels, layers.GlobalAveragePooling2D()(x), "resnet18")


def vgg_like(num_mels: int, batchnorm_momentum: float = 0.9) -> keras.Model:
  """Builds the small VGG of mix-back: 0.28 M weights, D = 512.

  Args:
    num_mels: F, at least 8.
    batchnorm_momentum: momentum of the moving averages; PyTorch's 0.1 is 0.9 here.

  Returns:
    The encoder. Its layers have the names of the published state dict, with _ for each dot.

  Example:
    >>> vgg_like(num_mels=96).output_shape
    (None, 512)
  """
  x = log_mels = _input(num_mels)
  for number, (filters, pools) in enumerate(
    [(32, False), (32, False), (32, True), (64, False), (64, True), (128, True)]
  ):
    x = _convolution_block(x, f"conv{number}", filters, 3, batchnorm_momentum)
    x = layers.MaxPooling2D(2)(x) if pools else x
  summary = [layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)]
  x = layers.Concatenate()(summary)
  dense = pytorch_dense(x.shape[-1], 512, name="dense1")
  return _model(log_mels, layers.ReLU()(dense(x)), "vgg_like")


def crnn(num_mels: int, batchnorm_momentum: float = 0.9) -> keras.Model:
  """Builds the convolutional recurrent network of mix-back: 0.95 M weights, D = 64.

  The embedding is the product of the two directions of a bidirectional GRU at the last time step,
  as in the published code. There the backward direction has seen only that one step, so only that
  step is computed.

  Args:
    num_mels: F, at least 40.
    batchnorm_momentum: momentum of the moving averages; PyTorch's 0.1 is 0.9 here.

  Returns:
    The encoder. Its layers have the names of the published state dict, with _ for each dot.

  Example:
    >>> encoder = crnn(num_mels=96)
    >>> encoder(tf.zeros([1, 101, 96, 1])).shape
    TensorShape([1, 64])
  """
  x = log_mels = _input(num_mels)
  for number, pool in enumerate([(2, 5), (2, 4), (2, 2)], start=1):
    x = _convolution_block(x, f"conv{number}", 128, 5, batchnorm_momentum)
    x = layers.MaxPooling2D(pool)(x)
  steps = layers.Reshape([-1, x.shape[2] * x.shape[3]])(x)
  forward = _gru("rnn1_forward")(steps)
  backward = _gru("rnn1_backward")(steps[:, -1:])
  return _model(log_mels, layers.Multiply()([forward, backward]), "crnn")


def frame_cnn(
  num_mels: int, batchnorm_momentum: float = 0.9, width: int = 1, units: int = 512
) -> keras.Model:
  """Builds a small network for small data sets, which never averages over frequency.

  Each block is a 3x3 convolution, BatchNorm, ReLU and 2x2 max pooling. Then all channels and bands
  of a frame become one vector, and a dense layer follows. The embedding starts with the mean and
  the standard deviation over time of the outputs of the later blocks. It ends with the mean and the
  maximum over time of the dense layer, which HEAD_UNITS counts.
  With 64 mels and the defaults: 0.3 M weights, D = 3072.

  Args:
    num_mels: F, at least 8.
    batchnorm_momentum: momentum of the moving averages.
    width: the three blocks have 16, 32 and 64 times as many channels; the embedding leaves out the
      statistics of the first.
    units: units of the dense layer.

  Returns:
    The encoder.

  Example:
    >>> encoder = frame_cnn(num_mels=64)
    >>> encoder.output_shape, encoder.count_params()
    ((None, 3072), 287824)
  """
  x = log_mels = _input(num_mels)
  statistics: list[tf.Tensor] = []
  for number, channels in enumerate((16 * width, 32 * width, 64 * width), start=1):
    x = _convolution_block(x, f"block{number}", channels, 3, batchnorm_momentum, "he_normal")
    x = layers.MaxPooling2D(2)(x)
    frames = layers.Reshape([-1, x.shape[2] * channels])(x)
    statistics += mean_and_deviation(frames) if number > 1 else []
  x = layers.Dense(units, use_bias=False, kernel_initializer="he_normal", name="frames")(frames)
  x = layers.ReLU()(_normalisation("frames_bn", batchnorm_momentum)(x))
  summary = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
  return _model(log_mels, layers.Concatenate()([*statistics, *summary]), "frame_cnn")


def mean_and_deviation(frames: tf.Tensor) -> list[tf.Tensor]:
  """Computes mean and standard deviation over time.

  Args:
    frames: `[B, T, C]`.

  Returns:
    [mean, standard deviation], each `[B, C]` and at least float32.

  Example:
    >>> mean, deviation = mean_and_deviation(tf.constant([[[1.0], [3.0]]]))
    >>> print(f"{mean[0, 0]:.3f} {deviation[0, 0]:.3f}")
    2.000 1.000
  """
  # Operations of Keras instead of a layer of ours: the file of the encoder needs only Keras.
  if frames.dtype in ("float16", "bfloat16"):
    frames = keras.ops.cast(frames, "float32")
  deviation = keras.ops.sqrt(keras.ops.var(frames, axis=1) + 1e-5)  # its slope stays finite
  return [keras.ops.mean(frames, axis=1), deviation]


def _input(num_mels: int) -> keras.KerasTensor:
  require_channels_last()
  return keras.Input([None, num_mels, 1], name="log_mel")


def _model(log_mels: keras.KerasTensor, embedding: keras.KerasTensor, name: str) -> keras.Model:
  return use_cpu_kernels(keras.Model(log_mels, embedding, name=name))


def _residual_block(x, name, filters, stride, momentum):
  identity = x
  x = layers.ZeroPadding2D(1)(x)  # also with stride 2, where "same" would pad one side only
  x = _resnet_convolution(f"{name}_conv1", filters, 3, stride)(x)
  x = layers.ReLU()(_normalisation(f"{name}_bn1", momentum)(x))
  x = _resnet_convolution(f"{name}_conv2", filters, 3, 1, "same")(x)
  x = _normalisation(f"{name}_bn2", momentum)(x)
  if stride > 1:
    identity = _resnet_convolution(f"{name}_downsample_0", filters, 1, stride)(identity)
    identity = _normalisation(f"{name}_downsample_1", momentum)(identity)
  return layers.ReLU()(layers.Add()([x, identity]))


def _resnet_convolution(name, filters, size, stride, padding="valid"):
  he = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")  # published code
  return layers.Conv2D(
    filters, size, stride, padding, use_bias=False, kernel_initializer=he, name=name
  )


def _convolution_block(x, name, filters, size, momentum, initializer=None):
  x = layers.Conv2D(
    filters,
    size,
    padding="same",
    use_bias=False,
    kernel_initializer=initializer or uniform_by_inputs(size**2 * x.shape[-1]),
    name=f"{name}_conv",
  )(x)
  return layers.ReLU()(_normalisation(f"{name}_bn", momentum)(x))


def _normalisation(name, momentum):
  return layers.BatchNormalization(momentum=momentum, epsilon=1e-5, name=name)  # PyTorch's epsilon


def _gru(name, units=64):
  return layers.GRU(  # PyTorch draws all weights of a GRU by its units
    units,
    name=name,
    kernel_initializer=uniform_by_inputs(units),
    recurrent_initializer=uniform_by_inputs(units),
    bias_initializer=uniform_by_inputs(units),
  )
