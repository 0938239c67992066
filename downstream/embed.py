"""python -m downstream.embed: audio -> embeddings in a file, by any model."""

import itertools
import os
import shutil

import numpy as np
from absl import flags

from contrastive_audio.cli import flags, main, open_data
from contrastive_audio.errors import UserError
from contrastive_audio.store import left_out
from contrastive_audio.store.store import SKIPPED
from downstream.encoders import embedding_files, models, projector
from downstream.encoders.embedding_parts import Embeddings

ENDINGS = (".npz", ".parquet")
THUMBNAIL_WINDOWS = 4
_PROJECTED_CLIPS = 10_000  # what the projector shows without stuttering


def main(_):
  values = flags.FLAGS.flag_values_dict()
  _check(values)
  model = models.open_model(values["model"], values["seed"])
  data = values | {"dataset": [data_set(values["input"])]}
  store = open_data.open_store(data, model.sample_rate_hz)
  parts = f"{values['output']}.parts"
  embeddings = Embeddings(model, store, parts, values["frames"]).make()
  if values["projector"]:
    project(values["projector"], embeddings, model, store)
  if store.num_skipped:
    left_out.copy(store, parts)
    os.replace(os.path.join(parts, SKIPPED), f"{values['output']}.{SKIPPED}")
  embedding_files.write(values["output"], embeddings, store, model, values["frames"])
  shutil.rmtree(parts)
  print(f"embeddings {values['output']}: {store.num_clips} clips, {model.embedding_size}-d")


def project(folder, embeddings, model, store):
  """Writes files for TensorBoard's embedding projector, with a log-mel of each clip.

  Args:
    folder: where to.
    embeddings: finished embeddings.Embeddings of clips.
    model: the models.Model they are by.
    store: the store.Store they are of.
  """
  count = min(_PROJECTED_CLIPS, store.num_clips)
  chosen = np.linspace(0, store.num_clips - 1, count).astype(int)
  rows = np.concatenate([means[np.isin(clips, chosen)] for clips, means in embeddings.clip_parts()])
  thumbnails = np.stack([_thumbnail(model, store.wave(clip_id)) for clip_id in chosen])
  projector.write(folder, rows, store.keys(chosen), store.labels(chosen), thumbnails)
  print(f"projector  tensorboard --logdir={folder}")


def _thumbnail(model, wave):
  windows = itertools.islice(model.embedder.log_mels(wave), THUMBNAIL_WINDOWS)
  return projector.thumbnail(np.concatenate(list(windows)))


def data_set(name):
  """Returns `--input` as `--dataset` has it: a path, or a name."""
  is_path = name.startswith((".", "~", os.sep)) or os.path.exists(name)
  return f"folder:{name}" if is_path else name


def _check(values):
  output = values["output"]
  if not output.endswith(ENDINGS):
    raise UserError(f"--output={output}: the file has to end in {' or '.join(ENDINGS)}")
  if os.path.exists(output):
    raise UserError(f"--output={output} exists already: delete it, or choose another name")
  if values["frames"] and values["projector"]:
    raise UserError("--projector shows clips: leave out --frames")


def _define_flags():
  flags.DEFINE_string("model", None, "Run folder, SavedModel, or baseline.", required=True)
  flags.DEFINE_string("input", None, "Folder, audio file, CSV, or data set.", required=True)
  flags.DEFINE_string("output", None, "File to write, .npz or .parquet.", required=True)
  flags.DEFINE_bool("frames", False, "An embedding every 50 ms, with its time, not one a clip.")
  flags.DEFINE_string("projector", None, "Folder for TensorBoard's embedding projector.")
  flags.DEFINE_integer("seed", 0, "Seed of random weights.", lower_bound=0)
  flags.define_selection_flags()
  flags.define_location_flags(max_bad_fraction=1.0)


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
