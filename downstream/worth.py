"""python -m downstream.worth: says whether a trained encoder is worth it, for a task of yours.

It compares the encoder with what costs nothing, its own network with random weights and log-mel
statistics, and with other models (--against), by linear classifiers from 1, 10 and all labels for
each class. It prints a table and one sentence; with --output it draws the scores, too.

Embeddings of each model are computed once; they and all scores are kept in your cache, so that a
call that was stopped resumes.
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import (
  FLAGS,
  data_location,
  define_gpu_flags,
  define_model_flag,
)
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.places import require_folder
from contrastive_audio.errors import UserError
from downstream.cards.opening import check_task
from downstream.choices import TaskChoice, parse_conditions, parse_seeds
from downstream.comparison_request import ComparisonRequest, compared_models
from downstream.flags import define_task_flag, define_task_flags
from downstream.model_names import require_model

EXAMPLES = (
  "python -m downstream.worth --model=runs/mine --task=/path/to/your/audio --output=worth",
  "python -m downstream.worth --model=runs/mine --task=esc50 --data_dir=/path/to/data "
  "--against=preset:general --labels_per_class=1,5,all",
)


def main(_: Sequence[str]) -> None:
  request = _request()
  for name in request.models:
    require_model(name)
  require_folder("output", request.output)
  check_task(request.task, request.location)
  if len(request.models) < 2:
    raise UserError(
      f"--model={FLAGS.model}: there is nothing to compare it with: pass --against=MODEL"
    )
  start_tensorflow()
  from downstream.comparison import run_comparison

  run_comparison(request)


def _request() -> ComparisonRequest:
  return ComparisonRequest(
    models=compared_models(FLAGS.model, FLAGS.against or ()),
    task=TaskChoice(FLAGS.task, FLAGS.metric, FLAGS.audio_root, FLAGS.background),
    location=data_location(),
    conditions=parse_conditions(FLAGS.labels_per_class or ["1", "10", "all"], 0.0),
    may_leave_out=FLAGS.labels_per_class is None,
    seeds=tuple(parse_seeds(FLAGS.seeds)),
    output=FLAGS.output,
  )


def _define_flags() -> None:
  define_model_flag()
  define_task_flag()
  with flag_group("Comparison"):
    flags.DEFINE_string("output", None, "Folder for the table and the plot.")
    flags.DEFINE_list("against", None, "Other models to compare it with: A,B,...")
    flags.DEFINE_list(
      "labels_per_class",
      None,
      "Training clips of each class; if not given, those of 1,10,all that the task has.",
    )
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of the splits and of the draws of labels.")
  define_task_flags()
  define_gpu_flags()


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
