"""Waveform -> embedding in operations that other runtimes also have.

The numbers are those of ClipEncoder.embed, whose own operations do not convert: TFLite lacks lists
of tensors of unknown shape (tf.map_fn, GRU); ONNX by tf2onnx lacks the real and imaginary part of a
Fourier transform.

Letters: B clips, n samples, W windows, T frames, F mel bands, D embedding.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.finite import all_finite, zeros_unless_finite
from contrastive_audio.exporting.whole_clip import WholeClip
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.frontend.log_mel import LogMel
from contrastive_audio.utils.tracing import traced

WINDOWS_AT_ONCE = 16


class PortableEncoder(tf.Module):
  """What is converted: one function, `embed`.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    classifier: trained on the embeddings of this encoder, or None.
    by_convolution: whether spectra are computed by convolution, and all windows at once, as ONNX
      requires.

  Attributes:
    front_end_kernels: the arrays by which the front end multiplies.

  Example:
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> log_mels = keras.Input([None, 64, 1])
    >>> encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))
    >>> by_fft = PortableEncoder(front_end, encoder)
    >>> by_convolution = PortableEncoder(front_end, encoder, by_convolution=True)
    >>> wave = tf.sin(tf.range(20_000.0))[None]
    >>> a, b = (module.embed(wave)["embedding"] for module in (by_fft, by_convolution))
    >>> bool(tf.reduce_max(tf.abs(a - b)) < 1e-3)
    True
  """

  def __init__(
    self,
    front_end: FrontEnd,
    encoder: keras.Model,
    classifier: LinearClassifier | None = None,
    by_convolution: bool = False,
  ):
    super().__init__()
    self._pooling = front_end.clip_pooling
    frames = None if self._pooling == "clip" else front_end.frames
    encoder = _portable_copy(encoder, frames, front_end.num_mels)
    self.encoder_variables = [variable.value for variable in encoder.variables]
    self._front_end = _with(front_end, _ConvolutionLogMel if by_convolution else _PortableLogMel)
    self._encode = lambda log_mels: encoder(log_mels, training=False)
    log_mel = self._front_end.log_mel
    self.front_end_kernels = log_mel.kernels() if isinstance(log_mel, _PortableLogMel) else []
    self._size = encoder.output_shape[-1]
    self._classifier = classifier
    if self._pooling == "clip":
      whole_clip = WholeClip(self._front_end, encoder)
      embed_whole = whole_clip.embed_at_once if by_convolution else whole_clip.embed
      self._pool = lambda waves: embed_whole(self._front_end.lay_out(waves))
    else:
      self._gather = self._gather_at_once if by_convolution else self._gather_in_blocks
      self._pool = self._pool_windows

  @traced(waveform=tf.TensorSpec([None, None]))
  def embed(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
    """Waveform `[B, n]` -> `{"embedding": [B, D]}`, and `scores` `[B, C]` with a classifier.

    NaN for clips with a sample that is NaN or infinite; other runtimes lose it on the way.
    """
    finite = all_finite(waveform)
    embedding = self._pool(zeros_unless_finite(waveform, finite))
    outputs = {"embedding": tf.ensure_shape(embedding, [None, self._size])}
    if self._classifier:
      outputs["scores"] = self._classifier.scores(embedding)
    return {name: tf.where(finite, values, np.nan) for name, values in outputs.items()}

  def _pool_windows(self, waves: tf.Tensor) -> tf.Tensor:
    """Clips `[B, n]` -> embeddings `[B, D]`: mean or maximum over windows."""
    laid_out, starts = self._front_end.covering(waves)
    gathered = self._gather(laid_out, starts)
    is_mean = self._pooling == "windows"
    return gathered / tf.cast(tf.shape(starts)[0], tf.float32) if is_mean else gathered

  def _gather_at_once(self, laid_out: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Returns sum or maximum `[B, D]` of the embeddings of all windows."""
    log_mels = self._front_end(self._front_end.cut(laid_out, starts))  # [B, W, T, F]
    flat = tf.reshape(log_mels, [-1, self._front_end.frames, self._front_end.num_mels, 1])
    embeddings = tf.cast(self._encode(flat), tf.float32)
    by_clip = tf.reshape(embeddings, tf.stack([tf.shape(laid_out)[0], -1, self._size]))
    is_mean = self._pooling == "windows"
    return tf.reduce_sum(by_clip, axis=1) if is_mean else tf.reduce_max(by_clip, axis=1)

  def _gather_in_blocks(self, laid_out: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Does the same a few windows at a time, so that a long clip needs no more memory."""
    num_windows = tf.shape(starts)[0]
    combine, nothing = (tf.add, 0.0) if self._pooling == "windows" else (tf.maximum, -np.inf)

    def add(first: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      block = starts[first : tf.minimum(first + WINDOWS_AT_ONCE, num_windows)]
      return first + WINDOWS_AT_ONCE, combine(total, self._gather_at_once(laid_out, block))

    _, total = tf.while_loop(
      lambda first, _: first < num_windows,
      add,
      [0, tf.fill(tf.stack([tf.shape(laid_out)[0], self._size]), nothing)],
      shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, self._size])],
    )
    return total


def build_encoder_function(
  front_end: FrontEnd, encoder: keras.Model
) -> tf.types.experimental.PolymorphicFunction:
  """Builds a function, log-mels `[N, T, F]` -> `{"embedding": [N, D]}`: the encoder alone.

  Args:
    front_end: of the run; only its sizes are used.
    encoder: `[B, T, F, 1] -> [B, D]`.

  Returns:
    A tf.function of a tensor.

  Example:
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> log_mels = keras.Input([None, 64, 1])
    >>> encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))
    >>> encode = build_encoder_function(front_end, encoder)
    >>> encode(tf.ones([2, 96, 64]))["embedding"].numpy().tolist()
    [[1.0], [1.0]]
  """
  portable = _portable_copy(encoder, front_end.frames, front_end.num_mels)

  @traced(log_mels=tf.TensorSpec([None, front_end.frames, front_end.num_mels]))
  def encode(log_mels: tf.Tensor) -> dict[str, tf.Tensor]:
    rows = tf.reshape(log_mels, [-1, front_end.frames * front_end.num_mels])
    finite = all_finite(rows)
    usable = tf.reshape(zeros_unless_finite(rows, finite), tf.shape(log_mels))
    embeddings = portable(tf.expand_dims(usable, -1), training=False)
    return {"embedding": tf.where(finite, tf.cast(embeddings, tf.float32), np.nan)}

  return encode


def _portable_copy(encoder: keras.Model, frames: int | None, num_mels: int) -> keras.Model:
  """Copies an encoder with plain kernels, no loops and, where it is known, a number of frames."""
  copies = []

  def copy(layer: Any) -> Any:
    if isinstance(layer, keras.layers.Normalization):
      return _as_rescaling(layer)
    config = layer.get_config()
    if isinstance(layer, keras.layers.RNN):
      config["unroll"] = True
    copies.append((layer, type(layer).from_config(config)))
    return copies[-1][1]

  log_mels = keras.Input([frames, num_mels, 1])
  portable = keras.models.clone_model(encoder, input_tensors=log_mels, clone_function=copy)
  for layer, copied in copies:
    if isinstance(layer, keras.layers.Layer):  # and not an operation of keras.ops
      copied.set_weights(layer.get_weights())
  return portable


def _as_rescaling(layer: keras.layers.Normalization) -> keras.layers.Rescaling:
  """Replaces Normalization, whose tensors are not variables; tf2onnx would take them for inputs."""
  mean, deviation = np.array(layer.mean), np.sqrt(np.array(layer.variance))
  scale = 1 / np.maximum(deviation, keras.config.epsilon())
  return keras.layers.Rescaling(scale, -mean * scale, name=layer.name)


def _with(front_end: FrontEnd, log_mel_class: type[LogMel]) -> FrontEnd:
  """Returns the same FrontEnd with another class of LogMel."""
  config = front_end.get_config()
  return FrontEnd(**(config | {"log_mel": log_mel_class(**config["log_mel"])}))


class _PortableLogMel(LogMel):
  """LogMel that names its constants."""

  def kernels(self) -> list[np.ndarray]:
    return [self._filters]


class _ConvolutionLogMel(_PortableLogMel):
  """LogMel whose Fourier transform is a convolution."""

  def kernels(self) -> list[np.ndarray]:
    return [self._filters, self._kernel()]

  def mel_of(self, padded_waves: tf.Tensor) -> tf.Tensor:
    waves = tf.cast(padded_waves, tf.float32) + self.wave_epsilon
    if self.padding == "reflect":
      margin = (self.fft_samples - self.frame_samples) // 2
      waves = waves[:, margin : tf.shape(waves)[1] - margin]
    spectrum = tf.nn.conv1d(tf.expand_dims(waves, -1), self._kernel(), self.hop_samples, "VALID")
    real, imaginary = tf.split(tf.square(spectrum), 2, axis=-1)
    bins = real + imaginary
    if self.power == 1:
      bins = tf.sqrt(bins)
    return tf.tensordot(bins, tf.constant(self._filters), 1)

  def _kernel(self) -> np.ndarray:
    """Returns float32 `[frame, 1, 2 * bins]`: what each sample contributes to each bin."""
    window = np.diag(self.window_values().astype(np.float64))
    responses = np.fft.rfft(window, self.fft_samples)
    kernel = np.concatenate([responses.real, responses.imag], axis=1)
    return kernel.astype(np.float32)[:, None]
