"""A run's encoder as a file for other runtimes: TFLite, ONNX.

With a classifier, the class names are written beside the file, one per line.
"""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting import onnx_weights, tflite_weights
from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.portable import PortableEncoder, build_encoder_function
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.utils import quiet
from contrastive_audio.utils.exchange import replacing_whole
from contrastive_audio.utils.extras import require_onnx
from contrastive_audio.utils.files import write_text

ONNX_OPSET = 18


class _DoesNotConvert(UserError):
  """An encoder does not convert; the message is the converter's."""


def export_tflite(
  front_end: FrontEnd,
  encoder: keras.Model,
  path: str,
  classifier: LinearClassifier | None = None,
  quantise: str = "none",
) -> None:
  """Writes a TFLite model, waveform `[B, n]` -> embedding `[B, D]`, of builtin operations only.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    path: to write; replaced if it exists.
    classifier: trained on the embeddings of this encoder; with it the model also gives `scores`.
    quantise: one of configuration.QUANTISATIONS.

  Raises:
    UserError: the encoder needs operations that TFLite lacks.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> log_mels = keras.Input([None, 64, 1])
    >>> encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))
    >>> export_tflite(front_end, encoder, "model.tflite")
    >>> os.listdir(".")
    ['model.tflite']
  """
  module = PortableEncoder(front_end, encoder, classifier)
  with tempfile.TemporaryDirectory() as folder, _quietly():
    # By way of a SavedModel: from functions, the converter silently drops the variables.
    tf.saved_model.save(module, folder, {"serving_default": module.embed})
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, ["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
      content = converter.convert()
    except Exception as error:  # its class is not public
      raise UserError(
        "--format=tflite: this encoder does not convert to builtin operations "
        f"({_first_line(error)}): use --format=saved_model"
      ) from error
  if quantise != "none":
    content = tflite_weights.quantise(content, quantise, module.front_end_kernels)
  _write(path, content, classifier)


def export_onnx(
  front_end: FrontEnd,
  encoder: keras.Model,
  path: str,
  classifier: LinearClassifier | None = None,
  quantise: str = "none",
) -> str:
  """Writes an ONNX model, waveform `[B, n]` -> embedding `[B, D]`.

  If that does not convert, the model is the encoder alone, `log_mels` `[N, T, F]` -> `embedding`
  `[N, D]`.

  Args:
    front_end: of the run.
    encoder: `[B, T, F, 1] -> [B, D]`.
    path: to write; replaced if it exists.
    classifier: trained on the embeddings of this encoder; with it the model also gives `scores`.
    quantise: one of configuration.QUANTISATIONS.

  Returns:
    The input of the model, human-readable.

  Raises:
    UserError: a package of the extra [onnx] is missing, or nothing converts.

  Example:
    >>> import pytest
    >>> _ = pytest.importorskip("tf2onnx")
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> log_mels = keras.Input([None, 64, 1])
    >>> encoder = keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))
    >>> export_onnx(front_end, encoder, "model.onnx")
    'waveform [B, n] at 16000 Hz'
  """
  require_onnx(quantise)
  takes = f"waveform [B, n] at {front_end.sample_rate_hz} Hz"
  try:
    module = PortableEncoder(front_end, encoder, classifier, by_convolution=True)
    # The function does not keep its module alive.
    content = _to_onnx(module.embed, quantise, module.front_end_kernels)
  except _DoesNotConvert as reason:
    if front_end.clip_pooling != "windows":
      raise UserError(
        f"--format=onnx: the path from waveform to embedding does not convert ({reason}), and "
        f"clip_pooling={front_end.clip_pooling} is part of it: use --format=saved_model or tflite"
      ) from reason
    if classifier:
      raise UserError(
        f"--classifier: the path from waveform to scores does not convert to ONNX ({reason}): use "
        "--format=saved_model or tflite"
      ) from reason
    takes = f"log_mels [N, {front_end.frames}, {front_end.num_mels}], as the front end does not "
    takes += f"convert ({reason})"
    content = _encoder_to_onnx(front_end, encoder, quantise)
  _write(path, content, classifier)
  return takes


def labels_path(path: str) -> str:
  """Returns the path of the class names of a model file: those of each format have their own.

  Args:
    path: of the model file.

  Example:
    >>> labels_path("runs/mine/model.tflite")
    'runs/mine/model.tflite.labels.txt'
  """
  return f"{path}.labels.txt"


def _encoder_to_onnx(front_end: FrontEnd, encoder: keras.Model, quantise: str) -> bytes:
  try:
    return _to_onnx(build_encoder_function(front_end, encoder), quantise, kept=())
  except _DoesNotConvert as reason:
    raise UserError(
      f"--format=onnx: this encoder does not convert ({reason}): use --format=saved_model or tflite"
    ) from reason


def _to_onnx(
  function: tf.types.experimental.PolymorphicFunction, quantise: str, kept: Sequence[np.ndarray]
) -> bytes:
  """Converts a tf.function to the content of an ONNX file; `kept` is not quantised."""
  import onnx
  import tf2onnx

  with _quietly():
    function.get_concrete_function()  # a failure here is not one of the conversion
    try:
      model, _ = tf2onnx.convert.from_function(function, function.input_signature, ONNX_OPSET)
      if quantise != "none":
        model = onnx_weights.quantise(model, quantise, kept)
      onnx.checker.check_model(model)  # tf2onnx leaves operations that it does not know
    except Exception as error:  # tf2onnx has no error class of its own
      raise _DoesNotConvert(_first_line(error)) from error
  return model.SerializeToString()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
  """Hides the messages of converters, which are of no use to users."""
  disabled = logging.root.manager.disable
  logging.disable(logging.ERROR)
  try:
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings():
      warnings.simplefilter("ignore")
      with contextlib.redirect_stderr(nowhere), quiet.native_stderr():
        yield
  finally:
    logging.disable(disabled)


def _first_line(error: Exception) -> str:
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return (lines[0] if lines else type(error).__name__)[:200]


def _write(path: str, content: bytes, classifier: LinearClassifier | None) -> None:
  """Replaces the file, and the class names beside it; never leaves a file with other names."""
  names = "".join(f"{name}\n" for name in classifier.class_names) if classifier else None
  old = _read_text(labels_path(path))
  if old is not None and old != names:
    os.remove(labels_path(path))
  with replacing_whole(path) as unfinished, open(unfinished, "wb") as file:
    file.write(content)
  if names is not None:
    write_text(labels_path(path), names)


def _read_text(path: str) -> str | None:
  try:
    with open(path, encoding="utf-8") as file:
      return file.read()
  except FileNotFoundError:
    return None
  except ValueError:  # text of another kind
    return ""
