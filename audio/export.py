"""A run folder -> a model to be used elsewhere: `python -m audio.export --run=runs/my_run`.

--format=saved_model  waveform -> embedding, in TensorFlow (the default)
--format=tflite       the same for TFLite / LiteRT, builtin operations only
--format=onnx         the same for ONNX runtimes
--format=keras        the encoder alone, log-mels -> embedding

With --classifier=FOLDER, the --output of downstream.linear, the model gives class scores, too.
"""

import os
import shutil
import tempfile

import tensorflow as tf
from absl import flags

from audio import commands, places, quiet
from audio.embedding import ClipEmbedder, ClipEncoder
from audio.errors import UserError
from audio.exporting_classifier import LinearClassifier
from audio.exporting_formats import export_onnx, export_tflite, labels_path, require_onnx
from audio.runs import Run

# Format -> what it is called in a run folder.
FORMATS = {
  "saved_model": "saved_model",
  "tflite": "model.tflite",
  "onnx": "model.onnx",
  "keras": "encoder.keras",
}


class ClipClassifier(ClipEncoder):
  """A ClipEncoder with a trained linear classifier."""

  def __init__(self, windows, encoder, classifier):
    """Takes what ClipEncoder takes, and an exporting_classifier.LinearClassifier."""
    super().__init__(windows, encoder)
    self.class_names = tf.Variable(list(classifier.class_names), trainable=False)
    self._classifier = classifier

  @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
  def classify(self, waveform):
    """Waveform `[B, n]` -> `{"scores": [B, C], "labels": [C]}`, probabilities and class names."""
    scores = self._classifier.scores(self.embed(waveform)["embedding"])
    return {"scores": scores, "labels": tf.identity(self.class_names)}


def export_saved_model(windows, encoder, folder, classifier=None):
  """Writes a self-contained SavedModel, whole or not at all.

  Signatures: `embed` (also the default) and `embed_frames`, see embedding.ClipEncoder; with a
  classifier `classify`, see ClipClassifier.

  Args:
    windows: a LogMelWindows layer.
    encoder: a keras.Model.
    folder: where to; replaced if it exists.
    classifier: an exporting_classifier.LinearClassifier, or None.
  """
  module = ClipEncoder(windows, encoder)
  if classifier:
    module = ClipClassifier(windows, encoder, classifier)
  parent = os.path.dirname(os.path.abspath(folder))
  unfinished = tempfile.mkdtemp(dir=parent, prefix=".saved_model-")
  signatures = {"embed": module.embed, "embed_frames": module.embed_frames}
  signatures["serving_default"] = module.embed
  if classifier:
    signatures["classify"] = module.classify
  try:
    with quiet.native_stderr():
      tf.saved_model.save(module, unfinished, signatures)
    os.chmod(unfinished, 0o755)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(unfinished, folder)
  finally:
    shutil.rmtree(unfinished, ignore_errors=True)


def export(run, file_format, output=None, classifier_folder=None):
  """Exports a run.

  Args:
    run: a runs.Run.
    file_format: one of FORMATS.
    output: where to; None: into the run folder.
    classifier_folder: folder with a classifier.npz, or None.

  Returns:
    (where it is, what it takes and gives: a line for people).

  Raises:
    UserError: the output would replace something else, or the classifier does not fit.
  """
  output = os.path.normpath(output or run.path(FORMATS[file_format]))
  _require_replaceable(output, file_format)
  if file_format == "onnx":
    require_onnx()
  windows, encoder = run.windows(), run.encoder()
  classifier = classifier_folder and _open_classifier(
    classifier_folder, file_format, windows, encoder
  )
  places.make_folder(os.path.dirname(os.path.abspath(output)))
  takes = f"waveform [B, n] at {windows.sample_rate_hz} Hz"
  if file_format == "saved_model":
    export_saved_model(windows, encoder, output, classifier)
  elif file_format == "tflite":
    export_tflite(windows, encoder, output, classifier)
  elif file_format == "onnx":
    takes = export_onnx(windows, encoder, output, classifier)
  else:
    takes = f"log_mels [N, T, {windows.num_mels}, 1]"
    _copy(run.path(FORMATS["keras"]), output)
  gives = f"embedding [., {encoder.output_shape[-1]}]"
  gives += f", scores [., {len(classifier.class_names)}]" if classifier else ""
  return output, f"{takes} -> {gives}"


def _open_classifier(folder, file_format, windows, encoder):
  if file_format == "keras":
    raise UserError(
      "--classifier: --format=keras is the encoder alone; use --format=saved_model, tflite or onnx"
    )
  classifier = LinearClassifier.open(folder)
  embedder = ClipEmbedder(ClipEncoder(windows, encoder))
  classifier.require_model(embedder, windows.sample_rate_hz, folder)
  return classifier


def _require_replaceable(output, file_format):
  """Refuses to replace what is no export of this format."""
  ending = os.path.splitext(FORMATS[file_format])[1]
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


def _copy(source, output):
  if os.path.realpath(source) == os.path.realpath(output):
    return  # the run holds it already
  unfinished = f"{output}.{os.getpid()}.part"
  try:
    shutil.copyfile(source, unfinished)
    os.replace(unfinished, output)
  finally:
    if os.path.exists(unfinished):
      os.remove(unfinished)


def main(_):
  values = flags.FLAGS.flag_values_dict()
  path, contents = export(
    Run.open(values["run"]), values["format"], values["output"], values["classifier"]
  )
  print(f"exported {path}\n         {contents}")
  if values["classifier"] and values["format"] in ("tflite", "onnx"):
    print(f"         class names: {labels_path(path)}")


if __name__ == "__main__":
  flags.DEFINE_string("run", None, "Run folder to export.", required=True)
  flags.DEFINE_enum("format", "saved_model", list(FORMATS), "See the beginning of audio/export.py.")
  flags.DEFINE_string("output", None, "Where to; default: into the run folder.")
  flags.DEFINE_string("classifier", None, "The --output of downstream.linear: its classifier.")
  commands.run(main)
