"""python -m downstream.embed: embeds audio of any format and length, and writes one file.

The file holds the key (the path), the label and the embedding of each clip; with --hop_s or
--window_s, of each window of long recordings, with its start and end. Read .parquet with
pandas.read_parquet, .npz with numpy.load. A call that was stopped resumes. Audio files that cannot
be read are listed in OUTPUT.skipped.csv.
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import FLAGS, define_model_flag
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import open_store
from contrastive_audio.cli.places import require_folder
from contrastive_audio.errors import UserError
from downstream.checks import check_input, require_new_file
from downstream.choices import EmbeddingRequest
from downstream.encoders import parts_plan
from downstream.flags import define_embedding_flags, define_input_flag, embedding_request
from downstream.model_names import require_model, require_parts

EXTENSIONS = (".npz", ".parquet")
EXAMPLES = (
  "python -m downstream.embed --model=runs/mine --input=/path/to/your/audio --output=out.parquet",
  "python -m downstream.embed --model=runs/mine --input=/path/to/your/audio --output=out.npz "
  "--hop_s=1 --half",
)


def main(_: Sequence[str]) -> None:
  request, output, half, num_components = embedding_request(), FLAGS.output, FLAGS.half, FLAGS.pca
  frames, projector, cut = FLAGS.frames, FLAGS.projector, request.windows
  _check(request, output, frames, projector)
  start_tensorflow()
  from downstream.encoders.embedding_files import embed_to_file
  from downstream.encoders.models import open_model
  from downstream.encoders.storage import require_rows
  from downstream.encoders.window_store import cut_windows, require_windows

  model = open_model(request.model, request.seed, request.clip_pooling)
  require_windows(model, cut.window_s)
  if num_components and num_components > model.embedding_size:
    raise UserError(
      f"--pca={num_components}: embeddings of {request.model} have {model.embedding_size} numbers, "
      "and no more components"
    )
  store = open_store(request.input, request.location, model.sample_rate_hz)
  clips = cut_windows(store, model, cut.hop_s, cut.window_s) if cut.is_given else store
  if num_components and not frames:
    require_rows(num_components, clips.num_clips, model.embedding_size)
  embed_to_file(output, clips, model, frames, projector, half, num_components)


def _check(request: EmbeddingRequest, output: str, frames: bool, projector: str | None) -> None:
  """Checks what can be checked without TensorFlow."""
  require_model(request.model)
  require_new_file(output, EXTENSIONS)
  parts_plan.require_own(f"{output}.parts")
  if frames and projector:
    raise UserError("--projector shows clips, not frames: leave out --frames")
  if frames and request.clip_pooling:
    raise UserError("--clip_pooling is for clips, not frames: leave out --frames")
  if request.windows.is_given and (frames or projector):
    raise UserError("--hop_s and --window_s cut windows: leave out --frames and --projector")
  require_parts(request.model, request.clip_pooling, frames)
  require_folder("projector", projector)
  check_input(request.input, request.location)


def _define_flags() -> None:
  define_model_flag()
  define_input_flag()
  with flag_group(REQUIRED):
    flags.DEFINE_string("output", None, "File to write, .npz or .parquet.", required=True)
  with flag_group("Embeddings"):
    flags.DEFINE_bool("frames", False, "An embedding every 50 ms, instead of one per clip.")
    flags.DEFINE_string("projector", None, "Folder to write for TensorBoard's embedding projector.")
    flags.DEFINE_bool("half", False, "Keep float16 numbers, which take half the space.")
    flags.DEFINE_integer(
      "pca",
      None,
      "Keep so many principal components, which are written into OUTPUT.pca.npz.",
      lower_bound=1,
    )
  define_embedding_flags("Embeddings", default_hop="a whole window")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
