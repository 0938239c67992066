"""python -m downstream.neighbours: finds the clips that sound alike to an encoder.

It writes into the folder --output: neighbours.csv lists the nearest clips of each query, by the
cosine similarity of their embeddings; index.html is a page to listen to some of them.
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
from downstream.checks import check_input, require_empty_folder
from downstream.choices import require_model, require_pooling

EXAMPLES = (
  "python -m downstream.neighbours --model=runs/mine --input=/path/to/your/audio --output=alike",
  "python -m downstream.neighbours --model=runs/mine --input=/path/to/your/audio "
  "--queries=clip.mp3 --output=alike",
)


def main(_: Sequence[str]) -> None:
  name, seed, folder = FLAGS.model, FLAGS.seed, FLAGS.output
  count, num_shown, clip_pooling = FLAGS.neighbours, FLAGS.shown, FLAGS.clip_pooling
  clips, location = data_choice([FLAGS.input]), data_location()
  queries = data_choice([FLAGS.queries]) if FLAGS.queries else None
  require_model(name)
  require_pooling(name, clip_pooling)
  require_empty_folder(folder)
  for choice in filter(None, (clips, queries)):
    check_input(choice, location)
  start_tensorflow()
  from downstream.encoders.embedding_parts import Embeddings
  from downstream.encoders.models import open_model
  from downstream.encoders.neighbour_page import find_neighbours, print_neighbours, write_neighbours

  model = open_model(name, seed, clip_pooling)
  clip_store = open_store(clips, location, model.sample_rate_hz)
  query_store = open_store(queries, location, model.sample_rate_hz) if queries else None
  neighbours = find_neighbours(
    lambda store: Embeddings(model, store).make().of_clips(), clip_store, query_store, count
  )
  write_neighbours(folder, neighbours, num_shown, f"What sounds alike to {model.name}?")
  print_neighbours(folder, neighbours)


def _define_flags() -> None:
  define_model_flag()
  with flag_group(REQUIRED):
    flags.DEFINE_string("input", None, "Folder, audio file, CSV, or data set.", required=True)
    flags.DEFINE_string("output", None, "Folder to write, new or empty.", required=True)
  with flag_group("Search"):
    flags.DEFINE_string(
      "queries",
      None,
      "Clips whose neighbours to find, named like --input; by default all clips.",
    )
    flags.DEFINE_integer("neighbours", 5, "Number of nearest clips of each query.", lower_bound=1)
    flags.DEFINE_integer("shown", 20, "Number of queries on the page.", lower_bound=1)
  define_clip_pooling_flag("Search")
  define_selection_flags()
  define_location_flags(max_bad_fraction=1.0)
  define_gpu_flag()
  define_seed_flag("random weights")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
