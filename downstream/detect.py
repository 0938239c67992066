"""python -m downstream.detect: finds which sounds occur in recordings, and when.

It takes a classifier of downstream.linear (--classifier), or examples of the sounds (--queries: a
folder with a sub-folder for each class, or a single sound), and writes a row for each detection:
file, start_s, end_s, label, score, which is a table that --input takes. With --clips it writes a
row for each file, with its class.
--format=raven and --format=audacity write a selection table or a label track for each recording,
into a folder.

A call that was stopped resumes. Audio files that cannot be read are listed in OUTPUT.skipped.csv.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, data_choice, data_location, define_model_flag
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import DataChoice, DataLocation, open_store
from contrastive_audio.datasets.stretches import recording_of
from contrastive_audio.errors import UserError
from downstream.checks import check_input, require_classifier
from downstream.detection.outputs import CSV, FORMATS, Output, parse_formats, recordings_folder
from downstream.flags import define_embedding_flags, define_input_flag
from downstream.model_names import LOGMEL_STATS, require_model, require_parts

if TYPE_CHECKING:  # they import TensorFlow
  from downstream.detection.scorers import Scorer
  from downstream.encoders.models import Model

EXAMPLES = (
  "python -m downstream.detect --model=runs/mine --classifier=results/mine "
  "--input=/path/to/your/audio --output=detections.csv --precision=0.9",
  "python -m downstream.detect --model=runs/mine --queries=/path/to/examples "
  "--input=/path/to/your/audio --output=detections.csv --hop_s=0.25",
)
_WANTED = ("threshold", "precision", "recall")
_FOR_WINDOWS = ("hop_s", "window_s", "gap_s", "smoothing_s")


def main(_: Sequence[str]) -> None:
  name, by_clip = FLAGS.model, FLAGS.clips
  output = Output(FLAGS.output, parse_formats(FLAGS.format), recordings_folder(FLAGS.input))
  choice, location = data_choice([FLAGS.input]), data_location()
  windows_flags = {flag: FLAGS[flag].value for flag in _FOR_WINDOWS}
  wanted_flags = {flag: FLAGS[flag].value for flag in _WANTED}
  ignored = FLAGS.ignore or ()
  source = _Source(FLAGS.classifier, FLAGS.queries, FLAGS.clip_pooling)
  _require_consistent(by_clip, windows_flags, wanted_flags)
  if by_clip and output.formats != (CSV,):
    raise UserError("--clips writes a row for each file into a CSV: leave out --format")
  require_model(name)
  require_parts(name, FLAGS.clip_pooling)
  output.require_new()
  check_input(choice, location)
  source.check(location)
  start_tensorflow()
  from downstream.detection.detecting import Classes, classify_clips, detect, require_ignored
  from downstream.detection.thresholds import Wanted, choose_thresholds
  from downstream.encoders.window_store import cut_windows, require_windows

  model, scorer = source.open(name, FLAGS.seed, location)
  require_windows(model, windows_flags["window_s"])
  require_ignored(scorer, ignored)
  thresholds, chosen = choose_thresholds(scorer, Wanted(**wanted_flags))
  line("threshold", chosen)
  classes = Classes(scorer, thresholds, ignored)
  store = open_store(choice, location, model.sample_rate_hz)
  output.require_new([recording_of(key) for key in store.keys()])  # noqa: SIM118
  if by_clip:
    classify_clips(output, model, store, classes, always=not any(wanted_flags.values()))
  else:
    hop_s, window_s, gap_s, smoothing_s = windows_flags.values()
    windows = cut_windows(store, model, hop_s, window_s, hops_per_window=2)
    detect(output, model, windows, classes, gap_s or 0.0, smoothing_s)


class _Source:
  """What knows the classes: a classifier, or examples."""

  def __init__(self, classifier: str | None, queries: str | None, clip_pooling: str | None):
    self._classifier, self._queries, self._clip_pooling = classifier, queries, clip_pooling
    if bool(classifier) == bool(queries):
      raise UserError(
        "--classifier=FOLDER (of downstream.linear) or --queries=FOLDER (examples): pass one of "
        "them"
      )
    if classifier and clip_pooling:
      raise UserError(
        "--clip_pooling: a classifier keeps the one it was trained with; leave out the flag"
      )

  def check(self, location: DataLocation) -> None:
    """Checks what can be checked without TensorFlow."""
    if self._classifier:
      require_classifier(self._classifier)
    elif self._queries:
      check_input(DataChoice((self._queries,)), location)

  def open(self, name: str, seed: int, location: DataLocation) -> "tuple[Model, Scorer]":
    """Opens the model, and what scores its embeddings."""
    from contrastive_audio.exporting.classifier import LinearClassifier
    from downstream.detection.scorers import classifier_scorer, example_scorer, labels_of_examples
    from downstream.encoders.embedding_parts import Embeddings
    from downstream.encoders.models import open_model

    if self._classifier:
      classifier = LinearClassifier.open(self._classifier)
      clip_pooling = None if name == LOGMEL_STATS else classifier.clip_pooling
      model = open_model(name, seed, clip_pooling)
      classifier.require_model(model.embedder, model.sample_rate_hz, self._classifier)
      return model, classifier_scorer(classifier)
    model = open_model(name, seed, self._clip_pooling)
    folder = os.fspath(self._queries or "")
    examples = open_store(DataChoice((folder,)), location, model.sample_rate_hz)
    embeddings = Embeddings(model, examples).make().of_clips()
    return model, example_scorer(embeddings, labels_of_examples(examples, folder))


def _require_consistent(
  by_clip: bool, windows_flags: dict[str, float | None], wanted_flags: dict[str, float | None]
) -> None:
  """Refuses flags that contradict each other."""
  given = [name for name, value in wanted_flags.items() if value is not None]
  if len(given) > 1:
    raise UserError(f"--{given[0]} and --{given[1]} both choose a threshold: pass one of them")
  given = [name for name, value in windows_flags.items() if value is not None]
  if by_clip and given:
    raise UserError(f"--{given[0]} is for windows: leave it out with --clips")


def _define_flags() -> None:
  define_model_flag()
  define_input_flag()
  with flag_group(REQUIRED):
    flags.DEFINE_string(
      "output", None, "CSV file to write; a folder, with other formats.", required=True
    )
  with flag_group("Classes"):
    flags.DEFINE_string("classifier", None, "The --output of downstream.linear: its classifier.")
    flags.DEFINE_string(
      "queries", None, "Examples instead: a sub-folder for each class, or a file."
    )
    flags.DEFINE_list("ignore", None, "Classes that are not reported: A,B,...")
  with flag_group("Threshold (one of them)"):
    flags.DEFINE_float(
      "threshold",
      None,
      "Scores of at least this are detections; if none of the three is given: 0.5; with "
      "--queries, --precision=0.9.",
      -1.0,
      1.0,
    )
    flags.DEFINE_float(
      "precision", None, "Chosen on held-out clips to have this precision.", 0.0, 1.0
    )
    flags.DEFINE_float("recall", None, "Chosen on held-out clips to have this recall.", 0.0, 1.0)
  with flag_group("Detections"):
    flags.DEFINE_list("format", [CSV], f"What to write, some of {', '.join(FORMATS)}.")
    flags.DEFINE_bool("clips", False, "Write one row per file, with its class, instead.")
    flags.DEFINE_float(
      "gap_s", None, "Merge detections of a class that are this close, in seconds.", 0.0
    )
    flags.DEFINE_float(
      "smoothing_s",
      None,
      "Average scores over this many seconds; if not given, half a window.",
      0.0,
    )
  define_embedding_flags("Detections")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
