"""python -m downstream.embed: embeds audio of any format and length, and writes one file.

The file holds the key (the path), the label and the embedding of each clip. Read .parquet with
pandas.read_parquet, .npz with numpy.load. A call that was stopped resumes. Audio files that cannot
be read are listed in OUTPUT.skipped.csv.
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import (
  FLAGS,
  data_choice,
  data_location,
  define_clip_pooling_flag,
  define_gpu_flag,
  define_location_flags,
  define_model_flag,
  define_seed_flag,
  define_selection_flags,
)
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import open_store
from contrastive_audio.cli.places import require_folder
from contrastive_audio.errors import UserError
from downstream.checks import check_input, require_new_file
from downstream.choices import require_model, require_pooling

EXTENSIONS = (".npz", ".parquet")
EXAMPLES = (
  "python -m downstream.embed --model=runs/mine --input=/path/to/your/audio --output=out.parquet",
  "python -m downstream.embed --model=runs/mine --input=clip.mp3 --output=clip.npz --frames",
)


def main(_: Sequence[str]) -> None:
  name, seed, output = FLAGS.model, FLAGS.seed, FLAGS.output
  frames, projector, clip_pooling = FLAGS.frames, FLAGS.projector, FLAGS.clip_pooling
  choice, location = data_choice([FLAGS.input]), data_location()
  require_model(name)
  require_pooling(name, clip_pooling)
  require_new_file(output, EXTENSIONS)
  if frames and projector:
    raise UserError("--projector shows clips, not frames: leave out --frames")
  if frames and clip_pooling:
    raise UserError("--clip_pooling is for clips, not frames: leave out --frames")
  require_folder("projector", projector)
  check_input(choice, location)
  start_tensorflow()
  from downstream.encoders.embedding_files import embed_to_file
  from downstream.encoders.models import open_model

  model = open_model(name, seed, clip_pooling)
  store = open_store(choice, location, model.sample_rate_hz)
  embed_to_file(output, store, model, frames=frames, projector_folder=projector)


def _define_flags() -> None:
  define_model_flag()
  with flag_group(REQUIRED):
    flags.DEFINE_string("input", None, "Folder, audio file, CSV, or data set.", required=True)
    flags.DEFINE_string("output", None, "File to write, .npz or .parquet.", required=True)
  with flag_group("Embeddings"):
    flags.DEFINE_bool("frames", False, "An embedding every 50 ms, instead of one per clip.")
    flags.DEFINE_string("projector", None, "Folder to write for TensorBoard's embedding projector.")
  define_clip_pooling_flag("Embeddings")
  define_selection_flags()
  define_location_flags(max_bad_fraction=1.0)
  define_gpu_flag()
  define_seed_flag("random weights")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
