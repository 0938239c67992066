"""A run's encoder as a file for other runtimes: TFLite, ONNX.

Where a classifier comes with it, its class names stand beside the file, one a line.
"""

import contextlib
import logging
import os
import tempfile
import warnings

import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.portable import PortableEncoder, plain_encoder
from contrastive_audio.utils import quiet
from contrastive_audio.utils.files import replacing, write_text

ONNX_OPSET = 18


class _DoesNotConvert(UserError):
  """The message is the converter's."""


def export_tflite(front_end, encoder, path, classifier=None):
  """Writes a TFLite model, waveform `[B, n]` -> embedding `[B, D]`, of builtin operations only.

  Args:
    front_end: a FrontEnd layer.
    encoder: a keras.Model.
    path: where to; replaced if it exists.
    classifier: an exporting_classifier.LinearClassifier, or None; with it there are `scores`, too.

  Raises:
    UserError: the encoder needs operations that TFLite lacks.
  """
  module = PortableEncoder(front_end, encoder, classifier)
  with tempfile.TemporaryDirectory() as folder, _quietly():
    # From a SavedModel: of functions the converter leaves the variables behind, without a word.
    tf.saved_model.save(module, folder, {"serving_default": module.embed})
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, ["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
      content = converter.convert()
    except Exception as error:  # its class is no public name
      raise UserError(
        "--format=tflite: this encoder does not convert to builtin operations "
        f"({_first_line(error)}): use --format=saved_model"
      ) from error
  _write(path, content, classifier)


def export_onnx(front_end, encoder, path, classifier=None):
  """Writes an ONNX model, waveform `[B, n]` -> embedding `[B, D]`.

  Where that does not convert, it is the encoder alone, `log_mels` `[N, T, F]` -> `embedding`
  `[N, D]`.

  Args:
    front_end: a FrontEnd layer.
    encoder: a keras.Model.
    path: where to; replaced if it exists.
    classifier: an exporting_classifier.LinearClassifier, or None; with it there are `scores`, too.

  Returns:
    What the model takes, a line for people.

  Raises:
    UserError: a package is missing, or nothing converts.
  """
  require_onnx()
  takes = f"waveform [B, n] at {front_end.sample_rate_hz} Hz"
  try:
    module = PortableEncoder(front_end, encoder, classifier, by_convolution=True)
    content = _to_onnx(module.embed)  # which does not keep its module alive
  except _DoesNotConvert as reason:
    if classifier:
      raise UserError(
        f"--classifier: the way from waveform to scores does not convert to ONNX ({reason}): use "
        "--format=saved_model or tflite"
      ) from reason
    takes = f"log_mels [N, {front_end.frames}, {front_end.num_mels}], as the front end does not "
    takes += f"convert ({reason})"
    content = _encoder_to_onnx(front_end, encoder)
  _write(path, content, classifier)
  return takes


def require_onnx():
  """Refuses where a package of the extra [onnx] is missing.

  Raises:
    UserError: naming how to get it.
  """
  try:
    with _quietly():
      import tf2onnx  # noqa: F401, which imports onnx
  except ImportError as error:
    raise UserError(
      f"--format=onnx needs the package {error.name or 'tf2onnx'}: run pip install -e "
      '".[onnx]" in the folder of this project'
    ) from error


def labels_path(path):
  """Returns where the class names of a model file stand: model.tflite -> model.labels.txt."""
  return os.path.splitext(path)[0] + ".labels.txt"


def _encoder_to_onnx(front_end, encoder):
  try:
    return _to_onnx(plain_encoder(front_end, encoder))
  except _DoesNotConvert as reason:
    raise UserError(
      f"--format=onnx: this encoder does not convert ({reason}): use --format=saved_model or tflite"
    ) from reason


def _to_onnx(function):
  import onnx
  import tf2onnx

  with _quietly():
    function.get_concrete_function()  # what fails here is no matter of conversion
    try:
      model, _ = tf2onnx.convert.from_function(function, function.input_signature, ONNX_OPSET)
      onnx.checker.check_model(model)  # what it does not know tf2onnx leaves as it is
    except Exception as error:  # of all kinds: tf2onnx has no class of its own
      raise _DoesNotConvert(_first_line(error)) from error
  return model.SerializeToString()


@contextlib.contextmanager
def _quietly():
  """Keeps from the user what converters say to those who wrote them."""
  disabled = logging.root.manager.disable
  logging.disable(logging.ERROR)
  try:
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings():
      warnings.simplefilter("ignore")
      with contextlib.redirect_stderr(nowhere), quiet.native_stderr():
        yield
  finally:
    logging.disable(disabled)


def _first_line(error):
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return (lines[0] if lines else type(error).__name__)[:200]


def _write(path, content, classifier):
  """Writes the file atomically, after its labels; old labels go."""
  if classifier:
    write_text(labels_path(path), "".join(f"{name}\n" for name in classifier.class_names))
  with replacing(path) as unfinished, open(unfinished, "wb") as file:
    file.write(content)
  if not classifier and os.path.exists(labels_path(path)):
    os.remove(labels_path(path))
