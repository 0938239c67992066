"""A run folder -> SavedModel: `python -m audio.export --run=runs/my_run`."""

import os
import shutil
import tempfile

import tensorflow as tf
from absl import flags

from audio import commands, quiet
from audio.embedding import ClipEncoder
from audio.runs import Run


def export_saved_model(windows, encoder, folder):
  """Writes a self-contained SavedModel, whole or not at all.

  Signatures: `embed` (also the default) and `embed_frames`, see embedding.ClipEncoder.

  Args:
    windows: a LogMelWindows layer.
    encoder: a keras.Model.
    folder: where to; replaced if it exists.
  """
  module = ClipEncoder(windows, encoder)
  parent = os.path.dirname(os.path.abspath(folder))
  unfinished = tempfile.mkdtemp(dir=parent, prefix=".saved_model-")
  embed, embed_frames = module.embed, module.embed_frames
  signatures = {"embed": embed, "embed_frames": embed_frames, "serving_default": embed}
  try:
    with quiet.native_stderr():
      tf.saved_model.save(module, unfinished, signatures)
    os.chmod(unfinished, 0o755)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(unfinished, folder)
  finally:
    shutil.rmtree(unfinished, ignore_errors=True)


def main(_):
  run = Run.open(flags.FLAGS.run)
  export_saved_model(run.windows(), run.encoder(), run.saved_model)
  print(f"exported {run.saved_model}")


if __name__ == "__main__":
  flags.DEFINE_string("run", None, "Run folder to export.", required=True)
  commands.run(main)
