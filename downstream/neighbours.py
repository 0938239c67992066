"""python -m downstream.neighbours: finds the clips that sound alike to an encoder.

It writes into the folder --output: neighbours.csv lists the nearest clips of each query, by the
cosine similarity of their embeddings; index.html is a page to listen to some of them.

With --queries in long recordings (a median of more than 30 s, or with --hop_s, --window_s or
--index) it finds stretches of them, with their times.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, define_model_flag
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import DataChoice, open_store
from contrastive_audio.cli.recordings import are_long
from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from contrastive_audio.utils.exchange import replacing_whole
from contrastive_audio.utils.extras import require_faiss
from contrastive_audio.utils.files import make_folder
from downstream.checks import check_input, require_empty_folder, require_outside
from downstream.choices import EmbeddingRequest, WindowChoice
from downstream.flags import define_embedding_flags, define_input_flag, embedding_request
from downstream.model_names import require_model, require_parts

if TYPE_CHECKING:  # they import TensorFlow
  from downstream.encoders.models import Model
  from downstream.encoders.window_store import WindowStore

EXAMPLES = (
  "python -m downstream.neighbours --model=runs/mine --input=/path/to/your/audio --output=alike",
  "python -m downstream.neighbours --model=runs/mine --input=/path/to/your/audio "
  "--queries=call.wav --output=alike --neighbours=20",
)


def main(_: Sequence[str]) -> None:
  request, folder, use_index = embedding_request(), FLAGS.output, FLAGS.index
  queries = DataChoice((FLAGS.queries,)) if FLAGS.queries else None  # --keys are of the input
  count, num_shown, cut = FLAGS.neighbours, FLAGS.shown, request.windows
  _check(request, queries, folder, use_index)
  start_tensorflow()
  from downstream.encoders.models import open_model
  from downstream.encoders.window_store import cut_windows, require_windows

  model = open_model(request.model, request.seed, request.clip_pooling)
  require_windows(model, cut.window_s)
  clips = open_store(request.input, request.location, model.sample_rate_hz)
  sounds = open_store(queries, request.location, model.sample_rate_hz) if queries else None
  title = _title(request.input, queries, model.name)
  if sounds and (cut.is_given or use_index or are_long(clips)):
    windows = cut_windows(clips, model, cut.hop_s, cut.window_s, hops_per_window=2)
    _search_windows(folder, model, windows, sounds, count, num_shown, title, use_index)
  else:
    if not sounds and are_long(clips):
      line("whole", "long recordings are compared as a whole; --queries=FILE searches within them")
    _compare_clips(folder, model, clips, sounds, count, num_shown, title)


def _check(
  request: EmbeddingRequest, queries: DataChoice | None, folder: str, use_index: bool
) -> None:
  """Checks what can be checked without TensorFlow."""
  require_model(request.model)
  require_parts(request.model, request.clip_pooling)
  if not queries:
    _require_no_search(request.windows, use_index)
  elif use_index:
    require_faiss()
  require_empty_folder(folder)
  choices = [request.input, *([queries] if queries else [])]
  require_outside(folder, [name for choice in choices for name in choice.datasets])
  for choice in choices:
    check_input(choice, request.location)


def _require_no_search(windows: WindowChoice, use_index: bool) -> None:
  """Refuses flags of a search, for which there are no queries."""
  for name, value in (*dataclasses.asdict(windows).items(), ("index", use_index)):
    if value:
      raise UserError(f"--{name} is for a search: name what for with --queries=FILE_OR_FOLDER")


def _title(searched: DataChoice, queries: DataChoice | None, model: str) -> str:
  """Returns the title of the page."""
  place = f"in “{_base_name(searched)}”"
  question = f"{place} sounds like “{_base_name(queries)}”" if queries else f"sounds alike {place}"
  return f"What {question}, as {model} hears it"


def _base_name(choice: DataChoice) -> str:
  return os.path.basename(choice.datasets[0].rstrip("/\\"))


def _search_windows(
  folder: str,
  model: "Model",
  windows: "WindowStore",
  queries: Store,
  count: int,
  num_shown: int,
  title: str,
  use_index: bool,
) -> None:
  from downstream.encoders.embedding_parts import Embeddings
  from downstream.encoders.hit_list import print_hits, write_hits
  from downstream.encoders.window_index import WindowIndex
  from downstream.encoders.window_search import search

  line("windows", f"{windows.description} are searched; --window_s and --hop_s choose others")
  rows = Embeddings(model, queries).make().of_clips()
  embeddings = Embeddings(model, windows).make()
  index = WindowIndex(embeddings, windows.num_clips, model.embedding_size) if use_index else None
  hits = search(embeddings, windows, queries, rows, count, index and index.make())
  with _as_a_whole(folder) as unfinished:
    write_hits(unfinished, hits, num_shown, title)
  print_hits(folder, hits)


def _compare_clips(
  folder: str,
  model: "Model",
  clips: Store,
  queries: Store | None,
  count: int,
  num_shown: int,
  title: str,
) -> None:
  from downstream.encoders.embedding_parts import Embeddings
  from downstream.encoders.neighbour_page import find_neighbours, print_neighbours, write_neighbours

  neighbours = find_neighbours(
    lambda store: Embeddings(model, store).make().of_clips(), clips, queries, count
  )
  with _as_a_whole(folder) as unfinished:
    write_neighbours(unfinished, neighbours, num_shown, title)
  print_neighbours(folder, neighbours)


@contextlib.contextmanager
def _as_a_whole(folder: str) -> Iterator[str]:
  """Lets a folder appear once all of it is written, so that a call that is stopped can go on."""
  make_folder(os.path.dirname(os.path.abspath(folder)))
  with replacing_whole(folder) as unfinished:
    yield unfinished


def _define_flags() -> None:
  define_model_flag()
  define_input_flag()
  with flag_group(REQUIRED):
    flags.DEFINE_string("output", None, "Folder to write, new or empty.", required=True)
  with flag_group("Search"):
    flags.DEFINE_string(
      "queries",
      None,
      "Clips whose neighbours to find, named like --input; by default all clips.",
    )
    flags.DEFINE_integer(
      "neighbours", 5, "Number of nearest clips, or stretches, of each query.", lower_bound=1
    )
    flags.DEFINE_bool(
      "index", False, "Index the windows once, for many searches (extra [index]); not quite exact."
    )
    flags.DEFINE_integer("shown", 20, "Number of queries on the page.", lower_bound=1)
  define_embedding_flags("Search")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
