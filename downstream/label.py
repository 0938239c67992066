"""python -m downstream.label: marks what is heard in recordings, by ear, while a classifier learns.

It serves a page on this machine only, and prints its address. The page plays a window; a key says
which class it is; a classifier learns from the answers, and chooses the next window. Each answer is
at once in --labels, a table with the columns file, start_s, end_s, label, which is a --task of
linear and finetune, and from which detect gets its classifier. An existing table is continued.
"""

import functools
import sys
import webbrowser
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from absl import flags

from contrastive_audio.cli.children import interrupted_by_signals
from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, data_choice, data_location, define_model_flag
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import DataChoice, open_store
from downstream.checks import check_input, require_free_port, require_table
from downstream.flags import define_embedding_flags, define_input_flag
from downstream.labelling.opening import lock_of, next_steps, open_recordings, root_of, summary
from downstream.labelling.settings import NEGATIVE, STRATEGIES, Settings, require_class_name
from downstream.model_names import require_model, require_parts

if TYPE_CHECKING:  # they import TensorFlow
  from contrastive_audio.store.store import Store
  from downstream.encoders.models import Model
  from downstream.labelling.opening import LabelledRecordings
  from downstream.labelling.proposals import Examples
  from downstream.labelling.session import Session

EXAMPLES = (
  "python -m downstream.label --model=runs/mine --input=/path/to/your/audio --labels=labels.csv",
  "python -m downstream.label --model=runs/mine --input=/path/to/your/audio --labels=labels.csv "
  "--queries=wren.wav --classes=wren,rain",
)


def main(_: Sequence[str]) -> None:
  name, labels, port, opens = FLAGS.model, FLAGS.labels, FLAGS.port, FLAGS.open
  choice, location = data_choice([FLAGS.input]), data_location()
  queries = DataChoice((FLAGS.queries,)) if FLAGS.queries else None
  hop_s, window_s, clip_pooling = FLAGS.hop_s, FLAGS.window_s, FLAGS.clip_pooling
  classes = tuple(map(require_class_name, FLAGS.classes or ()))
  settings = Settings(FLAGS.strategy, classes, require_class_name(FLAGS.negative), FLAGS.seed)
  require_model(name)
  require_parts(name, clip_pooling)
  for each in filter(None, (choice, queries)):
    check_input(each, location)
  root_of(FLAGS.input)
  require_table(labels)
  require_free_port(port)
  with lock_of(labels).held():
    start_tensorflow()
    from downstream.encoders.models import open_model
    from downstream.encoders.window_store import require_windows

    model = open_model(name, settings.seed, clip_pooling)
    require_windows(model, window_s)
    query_store = open_store(queries, location, model.sample_rate_hz) if queries else None
    examples = _examples(model, query_store, FLAGS.queries)
    labelled = open_recordings(choice, location, model.sample_rate_hz, labels)
    session = _session(model, labelled, settings, examples, hop_s, window_s)
    ending = functools.partial(
      next_steps, labelled.table, name, FLAGS.input, settings.negative, window_s, clip_pooling
    )
    _serve(session, labelled, ending, port, opens)


def _examples(model: "Model", store: "Store | None", name: str | None) -> "Examples | None":
  from downstream.detection.scorers import labels_of_examples
  from downstream.encoders.embedding_parts import Embeddings
  from downstream.labelling.proposals import Examples

  if store is None or name is None:
    return None
  labels = tuple(map(require_class_name, labels_of_examples(store, name)))  # before long work
  return Examples(labels, Embeddings(model, store).make().of_clips())


def _session(
  model: "Model",
  labelled: "LabelledRecordings",
  settings: Settings,
  examples: "Examples | None",
  hop_s: float | None,
  window_s: float | None,
) -> "Session":
  from downstream.encoders.window_store import cut_windows
  from downstream.labelling.places import WindowPlaces
  from downstream.labelling.session import Session
  from downstream.labelling.window_rows import WindowRows

  windows = cut_windows(labelled.store, model, hop_s, window_s, hops_per_window=2)
  rows, places = WindowRows(model, windows, settings.seed), WindowPlaces(windows)
  line("windows", f"{len(places)}, {windows.description}, in {windows.hours:.2f} hours")
  session = Session(rows, places, labelled.recordings, labelled.table, settings, examples)
  session.refit()
  return session


def _serve(
  session: "Session",
  labelled: "LabelledRecordings",
  ending: Callable[[], list[str]],
  port: int,
  opens: bool,
) -> None:
  """Answers until a signal comes; then says what is saved, and the steps of `ending`."""
  from downstream.labelling.guard import Guard
  from downstream.labelling.refitting import Refitting
  from downstream.labelling.server import LabelServer, Page
  from downstream.labelling.sounds import Sounds

  with Refitting(session.refit) as refitting:
    page = Page(session, Sounds(labelled.store), refitting)
    with LabelServer(page, Guard(), port) as server:
      line("labels", summary(labelled.table))
      line("listen", f"{server.url} (open it in a browser of this machine; Ctrl-C ends)")
      if opens:
        webbrowser.open(server.url)
      exit_code = 0
      try:
        with interrupted_by_signals():
          server.serve_forever()
      except KeyboardInterrupt as interrupt:
        number = getattr(interrupt, "exit_code", 0)
        exit_code = 0 if number == 130 else number  # Ctrl-C is how a labelling ends
      session.close()
  line("saved", summary(labelled.table))
  for heading, step in zip(("next", "then"), ending()):
    line(heading, step)
  if exit_code:
    sys.exit(exit_code)


def _define_flags() -> None:
  define_model_flag()
  define_input_flag()
  with flag_group(REQUIRED):
    flags.DEFINE_string(
      "labels", None, "CSV file of the answers; an existing one is continued.", required=True
    )
  with flag_group("Labelling"):
    flags.DEFINE_string("queries", None, "Examples to begin with: a file, or a folder of classes.")
    flags.DEFINE_list("classes", None, "Classes in the order of their keys; the page adds others.")
    flags.DEFINE_string("negative", NEGATIVE, "Class of windows that are of no other.")
    flags.DEFINE_enum(
      "strategy",
      None,
      STRATEGIES,
      "Next window: the most certain of a class (top), the least certain (uncertain), the least "
      "like any mark (diverse), or random. If not given, uncertain; with --queries, some of top "
      "first. The page can change it.",
    )
  with flag_group("Page"):
    flags.DEFINE_integer("port", 0, "Port of the page on this machine; 0: any.", 0, 65_535)
    flags.DEFINE_bool("open", False, "Open the page in your browser.")
  seed_of = "random weights, and of the order of --strategy=random"
  define_embedding_flags("Labelling", seed_of=seed_of)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
