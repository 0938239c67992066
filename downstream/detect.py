"""python -m downstream.detect: finds which sounds occur in recordings, and when.

It takes a classifier of downstream.linear (--classifier), or examples of the sounds (--queries: a
folder with a sub-folder for each class, or a single sound), and writes a row for each detection:
file, start_s, end_s, label, score, which is a table that --input takes. With --clips it writes a
row for each file, with its class.
--format=raven and --format=audacity write a selection table or a label track for each recording,
into a folder.

A call that was stopped resumes. Audio files that cannot be read are listed in OUTPUT.skipped.csv.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, define_model_flag
from contrastive_audio.cli.help import REQUIRED, flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import DataChoice, open_store
from contrastive_audio.datasets.stretches import recording_of
from contrastive_audio.errors import UserError
from downstream.checks import check_input, require_classifier
from downstream.choices import EmbeddingRequest, ThresholdChoice, WindowChoice
from downstream.detection.outputs import CSV, FORMATS, Output, parse_formats, recordings_folder
from downstream.flags import define_embedding_flags, define_input_flag, embedding_request
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


def main(_: Sequence[str]) -> None:
  request, by_clip, ignored = embedding_request(), FLAGS.clips, FLAGS.ignore or ()
  output = Output(FLAGS.output, parse_formats(FLAGS.format), recordings_folder(FLAGS.input))
  wanted = ThresholdChoice(FLAGS.threshold, FLAGS.precision, FLAGS.recall)
  gap_s, smoothing_s, cut = FLAGS.gap_s, FLAGS.smoothing_s, request.windows
  source = _Source(FLAGS.classifier, FLAGS.queries, request)
  _require_consistent(by_clip, output, cut, gap_s, smoothing_s)
  _check(request, output, source)
  start_tensorflow()
  from downstream.detection.detecting import Classes, classify_clips, detect, require_ignored
  from downstream.detection.thresholds import choose_thresholds
  from downstream.encoders.window_store import cut_windows, require_windows

  model, scorer = source.open()
  require_windows(model, cut.window_s)
  require_ignored(scorer, ignored)
  thresholds, chosen = choose_thresholds(scorer, wanted, ignored)
  line("threshold", chosen)
  classes = Classes(scorer, thresholds, ignored)
  store = open_store(request.input, request.location, model.sample_rate_hz)
  output.require_new([recording_of(key) for key in store.keys()])  # noqa: SIM118
  if by_clip:
    classify_clips(output, model, store, classes, always=not wanted.given)
  else:
    windows = cut_windows(store, model, cut.hop_s, cut.window_s, hops_per_window=2)
    detect(output, model, windows, classes, gap_s or 0.0, smoothing_s)


def _require_consistent(
  by_clip: bool,
  output: Output,
  cut: WindowChoice,
  gap_s: float | None,
  smoothing_s: float | None,
) -> None:
  """Refuses flags of windows where whole files get a class."""
  if not by_clip:
    return
  values = dataclasses.asdict(cut) | {"gap_s": gap_s, "smoothing_s": smoothing_s}
  if given := [name for name, value in values.items() if value is not None]:
    raise UserError(f"--{given[0]} is for windows: leave it out with --clips")
  if output.formats != (CSV,):
    raise UserError("--clips writes a row for each file into a CSV: leave out --format")


def _check(request: EmbeddingRequest, output: Output, source: "_Source") -> None:
  """Checks what can be checked without TensorFlow."""
  require_model(request.model)
  require_parts(request.model, request.clip_pooling)
  output.require_new()
  check_input(request.input, request.location)
  source.check()


class _Source:
  """What knows the classes: a classifier, or examples."""

  def __init__(self, classifier: str | None, queries: str | None, request: EmbeddingRequest):
    self._classifier, self._queries, self._request = classifier, queries, request
    if bool(classifier) == bool(queries):
      raise UserError(
        "--classifier=FOLDER (of downstream.linear) or --queries=FOLDER (examples): pass one of "
        "them"
      )
    if classifier and request.clip_pooling:
      raise UserError(
        "--clip_pooling: a classifier keeps the one it was trained with; leave out the flag"
      )

  def check(self) -> None:
    """Checks what can be checked without TensorFlow."""
    if self._classifier:
      require_classifier(self._classifier)
    elif self._queries:
      check_input(DataChoice((self._queries,)), self._request.location)

  def open(self) -> "tuple[Model, Scorer]":
    """Opens the model, and what scores its embeddings."""
    from contrastive_audio.exporting.classifier import LinearClassifier
    from downstream.detection.scorers import classifier_scorer, example_scorer, labels_of_examples
    from downstream.encoders.embedding_parts import Embeddings
    from downstream.encoders.models import open_model

    request = self._request
    if self._classifier:
      classifier = LinearClassifier.open(self._classifier)
      clip_pooling = None if request.model == LOGMEL_STATS else classifier.clip_pooling
      model = open_model(request.model, request.seed, clip_pooling)
      classifier.require_model(model.embedder, model.sample_rate_hz, self._classifier)
      return model, classifier_scorer(classifier)
    model = open_model(request.model, request.seed, request.clip_pooling)
    folder = os.fspath(self._queries or "")
    examples = open_store(DataChoice((folder,)), request.location, model.sample_rate_hz)
    embeddings = Embeddings(model, examples).make().of_clips()
    return model, example_scorer(embeddings, labels_of_examples(examples, folder))


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
