"""A run folder -> a model to use elsewhere: SavedModel, TFLite, ONNX, or the Keras encoder."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import keras
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.exporting.converters import (
  export_onnx,
  export_tflite,
  labels_path,
)
from contrastive_audio.exporting.quantising import require_quantisable
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.utils.exchange import replacing_whole
from contrastive_audio.utils.extras import require_onnx
from contrastive_audio.utils.files import make_folder

# Format -> name in a run folder.
FILE_NAMES = {
  "saved_model": "saved_model",
  "tflite": "model.tflite",
  "onnx": "model.onnx",
  "keras": "encoder.keras",
}


def file_name(file_format: str, quantise: str = "none") -> str:
  """Returns the name of an export in a run folder.

  Args:
    file_format: one of configuration.EXPORT_FORMATS.
    quantise: one of configuration.QUANTISATIONS.

  Example:
    >>> file_name("onnx"), file_name("tflite", "int8")
    ('model.onnx', 'model.int8.tflite')
  """
  stem, ending = os.path.splitext(FILE_NAMES[file_format])
  return f"{stem}{'' if quantise == 'none' else f'.{quantise}'}{ending}"


@runtime_checkable
class ExportableRun(Protocol):
  """A run that can be exported: a runs.Run, or another class with these methods.

  Example:
    >>> from contrastive_audio.runs import Run
    >>> issubclass(Run, ExportableRun)
    True
  """

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
    path: of the model.
    takes: its input, human-readable.
    gives: its outputs, human-readable.
    labels_path: file of the class names, unless they are part of the model.

  Example:
    >>> Exported("model.onnx", "waveform [B, n] at 16000 Hz", "embedding [B, 512]").labels_path
  """

  path: str
  takes: str
  gives: str
  labels_path: str | None = None


@dataclasses.dataclass(frozen=True)
class _Job:
  """What a writer needs.

  Attributes:
    run: the run.
    front_end: of the run.
    encoder: of the run.
    path: of the model to write.
    classifier: trained on the embeddings of this encoder, or None.
    quantise: one of configuration.QUANTISATIONS.
  """

  run: ExportableRun
  front_end: FrontEnd
  encoder: keras.Model
  path: str
  classifier: LinearClassifier | None
  quantise: str


def export(
  run: ExportableRun,
  file_format: str,
  output: str | None = None,
  classifier_folder: str | None = None,
  clip_pooling: str | None = None,
  quantise: str = "none",
) -> Exported:
  """Exports a run.

  Args:
    run: a finished or stopped run.
    file_format: one of configuration.EXPORT_FORMATS.
    output: path to write; None: into the run folder.
    classifier_folder: folder with a classifier.npz, or None.
    clip_pooling: one of configuration.CLIP_POOLINGS, in place of the run's; None: that.
    quantise: one of configuration.QUANTISATIONS: what the weights become.

  Returns:
    What was exported.

  Raises:
    UserError: the format cannot be quantised, the output would replace something else, the
      classifier does not fit, or the encoder has no such `clip_pooling`.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> class Baseline:
    ...   def path(self, *parts):
    ...     return os.path.join("run", *parts)
    ...   def front_end(self):
    ...     log_mel = LogMel(
    ...       16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ...     )
    ...     return FrontEnd(log_mel, frames=96, level="excerpt_l2")
    ...   def encoder(self):
    ...     log_mels = keras.Input([None, 64, 1])
    ...     return keras.Model(log_mels, keras.layers.GlobalMaxPooling2D()(log_mels))
    >>> export(Baseline(), "saved_model").path
    'run/saved_model'
  """
  require_quantisable(file_format, quantise)
  path = os.path.normpath(output or run.path(file_name(file_format, quantise)))
  _require_replaceable(path, file_format)
  if file_format == "onnx":
    require_onnx(quantise)
  front_end, encoder = run.front_end().pooled(clip_pooling), run.encoder()
  classifier = None
  if classifier_folder:
    classifier = _open_classifier(classifier_folder, file_format, front_end, encoder)
  make_folder(os.path.dirname(os.path.abspath(path)))
  takes = _WRITERS[file_format](_Job(run, front_end, encoder, path, classifier, quantise))
  gives = f"embedding [B, {encoder.output_shape[-1]}]"
  gives += f", scores [B, {len(classifier.class_names)}]" if classifier else ""
  if file_format != "keras" and front_end.clip_pooling != "windows":
    gives += f", clip_pooling={front_end.clip_pooling}"
  gives += f", weights in {quantise}" if quantise != "none" else ""
  has_labels = classifier is not None and file_format in ("tflite", "onnx")
  return Exported(path, takes, gives, labels_path(path) if has_labels else None)


def _write_saved_model(job: _Job) -> str:
  export_saved_model(job.front_end, job.encoder, folder=job.path, classifier=job.classifier)
  return _waveform_of(job)


def _write_tflite(job: _Job) -> str:
  export_tflite(job.front_end, job.encoder, job.path, job.classifier, job.quantise)
  return _waveform_of(job)


def _write_onnx(job: _Job) -> str:
  return export_onnx(job.front_end, job.encoder, job.path, job.classifier, job.quantise)


def _write_keras(job: _Job) -> str:
  source = job.run.path(FILE_NAMES["keras"])
  if os.path.realpath(source) != os.path.realpath(job.path):  # otherwise the run holds it already
    with replacing_whole(job.path) as unfinished:
      shutil.copyfile(source, unfinished)
  return f"log_mels [N, T, {job.front_end.num_mels}, 1]"


def _waveform_of(job: _Job) -> str:
  return f"waveform [B, n] at {job.front_end.sample_rate_hz} Hz"


# Format -> function that writes it and returns the input of the model, human-readable.
_WRITERS: dict[str, Callable[[_Job], str]] = {
  "saved_model": _write_saved_model,
  "tflite": _write_tflite,
  "onnx": _write_onnx,
  "keras": _write_keras,
}


def _open_classifier(
  folder: str, file_format: str, front_end: FrontEnd, encoder: keras.Model
) -> LinearClassifier:
  if file_format == "keras":
    raise UserError(
      "--classifier: --format=keras is the encoder alone; use --format=saved_model, tflite or onnx"
    )
  classifier = LinearClassifier.open(folder)
  embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
  classifier.require_model(embedder, front_end.sample_rate_hz, folder)
  return classifier


def _require_replaceable(output: str, file_format: str) -> None:
  """Refuses to replace what is not an export of this format."""
  ending = os.path.splitext(FILE_NAMES[file_format])[1]
  if not output.endswith(ending):
    raise UserError(f"--output={output}: a file of --format={file_format} ends in {ending}")
  if not os.path.lexists(output):
    return
  if ending and os.path.isdir(output):
    raise UserError(f"--output={output} is a folder; --format={file_format} writes a file")
  if not ending and not _is_saved_model(output):
    raise UserError(
      f"--output={output} exists and is not a SavedModel, so it is not replaced: choose another"
    )


def _is_saved_model(path: str) -> bool:
  return os.path.isdir(path) and (not os.listdir(path) or tf.saved_model.contains_saved_model(path))
