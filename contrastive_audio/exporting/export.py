"""A run folder -> a model to be used elsewhere: SavedModel, TFLite, ONNX, or the Keras encoder."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from typing import Protocol

import keras
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.exporting.converters import (
  export_onnx,
  export_tflite,
  labels_path,
  require_onnx,
)
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.utils.files import make_folder, replacing

# What each format is called in a run folder.
FILE_NAMES = {
  "saved_model": "saved_model",
  "tflite": "model.tflite",
  "onnx": "model.onnx",
  "keras": "encoder.keras",
}


class ExportableRun(Protocol):
  """What is exported: a runs.Run, or what has its methods."""

  def path(self, *parts: str) -> str:
    """Returns a path inside the run folder."""

  def front_end(self) -> FrontEnd:
    """Returns the front end."""

  def encoder(self) -> keras.Model:
    """Returns the trained encoder."""


@dataclasses.dataclass(frozen=True)
class Exported:
  """What was exported.

  Attributes:
    path: where it is.
    takes: its input, human-readable.
    gives: its outputs, human-readable.
    labels_path: file with the class names, where they are not part of the model.
  """

  path: str
  takes: str
  gives: str
  labels_path: str | None = None


@dataclasses.dataclass(frozen=True)
class _Job:
  """What a writer needs."""

  run: ExportableRun
  front_end: FrontEnd
  encoder: keras.Model
  path: str
  classifier: LinearClassifier | None

  @property
  def parts(self):
    """Arguments of all exporting functions."""
    return self.front_end, self.encoder, self.path, self.classifier


def export(
  run: ExportableRun,
  file_format: str,
  output: str | None = None,
  classifier_folder: str | None = None,
) -> Exported:
  """Exports a run.

  Args:
    run: a finished or stopped run.
    file_format: one of configuration.EXPORT_FORMATS.
    output: where to; None: into the run folder.
    classifier_folder: folder with a classifier.npz, or None.

  Returns:
    An Exported.

  Raises:
    UserError: the output would replace something else, or the classifier does not fit.
  """
  path = os.path.normpath(output or run.path(FILE_NAMES[file_format]))
  _require_replaceable(path, file_format)
  if file_format == "onnx":
    require_onnx()
  front_end, encoder = run.front_end(), run.encoder()
  classifier = None
  if classifier_folder:
    classifier = _open_classifier(classifier_folder, file_format, front_end, encoder)
  make_folder(os.path.dirname(os.path.abspath(path)))
  takes = _WRITERS[file_format](_Job(run, front_end, encoder, path, classifier))
  gives = f"embedding [., {encoder.output_shape[-1]}]"
  gives += f", scores [., {len(classifier.class_names)}]" if classifier else ""
  has_labels = classifier is not None and file_format in ("tflite", "onnx")
  return Exported(path, takes, gives, labels_path(path) if has_labels else None)


def _write_saved_model(job: _Job) -> str:
  export_saved_model(*job.parts)
  return _waveform(job)


def _write_tflite(job: _Job) -> str:
  export_tflite(*job.parts)
  return _waveform(job)


def _write_onnx(job: _Job) -> str:
  return export_onnx(*job.parts)


def _write_keras(job: _Job) -> str:
  source = job.run.path(FILE_NAMES["keras"])
  if os.path.realpath(source) != os.path.realpath(job.path):  # else the run holds it already
    with replacing(job.path) as unfinished:
      shutil.copyfile(source, unfinished)
  return f"log_mels [N, T, {job.front_end.num_mels}, 1]"


def _waveform(job: _Job) -> str:
  return f"waveform [B, n] at {job.front_end.sample_rate_hz} Hz"


# Format -> writes it, and returns what the model takes, human-readable.
_WRITERS: dict[str, Callable[[_Job], str]] = {
  "saved_model": _write_saved_model,
  "tflite": _write_tflite,
  "onnx": _write_onnx,
  "keras": _write_keras,
}


def _open_classifier(folder, file_format, front_end, encoder):
  if file_format == "keras":
    raise UserError(
      "--classifier: --format=keras is the encoder alone; use --format=saved_model, tflite or onnx"
    )
  classifier = LinearClassifier.open(folder)
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
  classifier.require_model(embedder, front_end.sample_rate_hz, folder)
  return classifier


def _require_replaceable(output, file_format):
  """Refuses to replace what is no export of this format."""
  ending = os.path.splitext(FILE_NAMES[file_format])[1]
  if not output.endswith(ending):
    raise UserError(f"--output={output}: a file of --format={file_format} ends in {ending}")
  if not os.path.lexists(output):
    return
  if ending and os.path.isdir(output):
    raise UserError(f"--output={output} is a folder; --format={file_format} writes a file")
  if not ending and not _is_saved_model(output):
    raise UserError(
      f"--output={output} exists and is no SavedModel, so that it is not replaced: choose another"
    )


def _is_saved_model(path):
  return os.path.isdir(path) and (not os.listdir(path) or tf.saved_model.contains_saved_model(path))
