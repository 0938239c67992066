"""python -m contrastive_audio.export: turns a run folder into a model to be used elsewhere.

  --format=saved_model  waveform -> embedding, in TensorFlow (the default)
  --format=tflite       the same for TFLite / LiteRT, builtin operations only
  --format=onnx         the same for ONNX runtimes
  --format=keras        the encoder alone, log-mels -> embedding

--model is a run folder, or preset:NAME, for which --output says where the model goes.
--quantise=float16 or int8 stores the weights of TFLite and ONNX in half or a quarter of the bytes.
With --clip_pooling=clip, a clip is embedded by all its frames at once, and not by windows.
With --classifier=FOLDER, the --output of downstream.linear, the model gives class scores, too; a
run of downstream.finetune has a classifier of its own.
"""

import os
from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, define_clip_pooling_flag
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.places import require_writable
from contrastive_audio.configuration import EXPORT_FORMATS, QUANTISATIONS
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.quantising import require_quantisable
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.extras import require_onnx
from contrastive_audio.utils.presets import model_folder
from contrastive_audio.utils.run_files import own_classifier

EXAMPLES = (
  "python -m contrastive_audio.export --model=runs/mine --format=tflite",
  "python -m contrastive_audio.export --model=runs/mine --classifier=results/linear",
)


def main(_: Sequence[str]) -> None:
  folder, file_format = FLAGS.model, FLAGS.format
  output, classifier, clip_pooling = FLAGS.output, FLAGS.classifier, FLAGS.clip_pooling
  quantise = FLAGS.quantise
  require_quantisable(file_format, quantise)
  _require_exportable(folder, file_format, output, quantise)
  if clip_pooling and file_format == "keras":
    raise UserError("--clip_pooling: --format=keras is the encoder alone, and embeds no clips")
  require_writable("output", output)
  start_tensorflow()
  from contrastive_audio.exporting import export
  from contrastive_audio.runs import Run

  run = Run.open(folder)
  if file_format != "keras":
    classifier = classifier or own_classifier(run.folder, run.config)
  with progress_bar.stage(f"exporting {file_format}"):
    exported = export.export(run, file_format, output, classifier, clip_pooling, quantise)
  line("exported", exported.path)
  line("takes", exported.takes)
  line("gives", exported.gives)
  if exported.labels_path:
    line("classes", exported.labels_path)
  if (file_format, quantise) == ("onnx", "int8"):
    line("use", "one clip at a time: ONNX Runtime rounds by the range of the whole batch")


def _require_exportable(model: str, file_format: str, output: str | None, quantise: str) -> None:
  """Raises an error, without TensorFlow, unless the folder holds an encoder and its record."""
  folder = model_folder(model)
  if folder != model and output is None:
    raise UserError(f"--model={model} is a preset, which stays as it is: pass --output, too")
  if not os.path.isdir(folder):
    raise UserError(f"--model={folder}: there is no such folder; export takes a run folder")
  if not os.path.exists(os.path.join(folder, "config.json")):
    raise UserError(f"--model={folder} is not a run folder: it holds no config.json")
  if not os.path.exists(os.path.join(folder, "encoder.keras")):
    raise UserError(
      f"--model={folder} has no encoder.keras yet: let its training end, or stop it with Ctrl-C"
    )
  if file_format == "onnx":
    require_onnx(quantise)


def _define_flags() -> None:
  with flag_group(REQUIRED):
    flags.DEFINE_string("model", None, "Run folder to export, or preset:NAME.", required=True)
  with flag_group("Export"):
    flags.DEFINE_alias("run", "model")
    flags.DEFINE_enum("format", "saved_model", EXPORT_FORMATS, "See above.")
    flags.DEFINE_enum(
      "quantise", "none", QUANTISATIONS, "What the weights of TFLite and ONNX become."
    )
    flags.DEFINE_string("output", None, "Where to; if not given, into the run folder.")
    flags.DEFINE_string("classifier", None, "The --output of downstream.linear: its classifier.")
  define_clip_pooling_flag("Export")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
