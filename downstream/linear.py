"""python -m downstream.linear: evaluates a frozen encoder with a linear classifier.

  --protocol=cached   embeds every clip once, and fits logistic regression on the embeddings; its
                      regularisation is selected on folds of the training clips
  --protocol=cola     trains on random excerpts, new ones in each epoch, with Adam
                      (COLA, section 3.1)
  --protocol=mixback  the same with SGD, and keeps the weights of the best epoch on the validation
                      clips (mix-back's released configuration)
  --protocol=paper    that of the run's system, cola or mixback; cola for other models

With --output, --protocol=cached on clips keeps its classifier for contrastive_audio.export.
"""

import os
from collections.abc import Sequence
from typing import Any

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS, define_clip_pooling_flag
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import remove_file
from contrastive_audio.utils.run_files import CLASSIFIER
from downstream import protocols
from downstream.checks import check_request
from downstream.choices import TRAIN_ON, EvaluationRequest
from downstream.flags import (
  define_evaluation_flags,
  define_training_flags,
  evaluation_request,
  training_changes,
)
from downstream.model_names import require_trainable

EXAMPLES = (
  "python -m downstream.linear --model=runs/mine --task=/path/to/your/audio --output=results",
  "python -m downstream.linear --model=runs/mine --task=esc50 --data_dir=/path/to/data "
  "--labels_per_class=1,5,all",
)


def main(_: Sequence[str]) -> None:
  request, protocol, train_on, changes = _request()
  check_request(request)
  if protocol != protocols.CACHED:
    require_trainable(request.model)
  protocol = protocols.resolve(protocol, request.model)
  if protocol == protocols.CACHED:
    _evaluate_cached(request, train_on)
  else:
    options = protocols.choose(protocols.LINEAR, protocol, changes, request.seed)
    _evaluate_on_excerpts(request, protocol, options)


def _request() -> tuple[EvaluationRequest, str, str, dict[str, Any]]:
  """Returns what the flags ask for: request, protocol, what it fits on, changes of its options.

  Raises:
    UserError: a flag is not one of the protocol.
  """
  protocol, changes = FLAGS.protocol, training_changes()
  given = [name for name, value in changes.items() if value is not None]
  if protocol == protocols.CACHED and given:
    raise UserError(
      f"--{given[0]} is for training on excerpts: choose --protocol=cola, mixback or paper"
    )
  if protocol != protocols.CACHED and FLAGS.train_on != "clips":
    raise UserError(
      f"--train_on={FLAGS.train_on} is for --protocol=cached; {protocol} trains on excerpts"
    )
  if FLAGS.clip_pooling and (protocol != protocols.CACHED or FLAGS.train_on != "clips"):
    raise UserError(
      f"--clip_pooling={FLAGS.clip_pooling} is for --protocol=cached on clips; what else there is "
      "averages over windows"
    )
  return evaluation_request(), protocol, FLAGS.train_on, changes


def _evaluate_cached(request: EvaluationRequest, train_on: str) -> None:
  start_tensorflow()
  from downstream.classifiers.linear_evaluation import (
    Choice,
    cached_linear_method,
    num_fitted,
    write_classifier,
  )
  from downstream.evaluation import run_evaluation

  choices: list[Choice] = []

  def keep(choice: Choice) -> None:
    if request.output and not choices:
      remove_file(os.path.join(request.output, CLASSIFIER))  # it belongs to earlier results
    choices.append(choice)

  name = "linear, cached" + (", on windows" if train_on == "windows" else "")
  run_evaluation(request, name, cached_linear_method(train_on, keep=keep))
  if not request.output:
    return
  if reason := _why_no_classifier(request, train_on):
    line("classifier", f"none is kept: {reason}")
  else:
    fitted = f"fitted on {num_fitted(choices)} of {choices[0].problem.data.store.num_clips} clips"
    line("classifier", f"{write_classifier(request.output, choices)}, {fitted}")


def _why_no_classifier(request: EvaluationRequest, train_on: str) -> str | None:
  """Returns why no classifier can be exported: that needs clips, and all labels as they are."""
  if train_on != "clips":
    return "only --protocol=cached on clips has one that fits an export"
  if any(condition.labels_per_class or condition.label_noise for condition in request.conditions):
    return "the labels were few or flipped"
  return None


def _evaluate_on_excerpts(
  request: EvaluationRequest, protocol: str, options: protocols.Options
) -> None:
  start_tensorflow()
  from downstream.classifiers.excerpt_method import excerpt_method
  from downstream.evaluation import run_evaluation

  name, chosen = f"linear, {protocol}", options.chosen()
  run_evaluation(request, name, excerpt_method(options), show_embeddings=False, options=chosen)
  if request.output:
    line("classifier", "none is kept: only --protocol=cached on clips has one that fits an export")


def _define_flags() -> None:
  define_evaluation_flags()
  with flag_group("Evaluation"):
    names = (protocols.CACHED, *protocols.LINEAR, protocols.PAPER)
    flags.DEFINE_enum("protocol", protocols.CACHED, names, "See above.")
    flags.DEFINE_enum("train_on", "clips", TRAIN_ON, "What --protocol=cached fits on.")
  define_clip_pooling_flag("Evaluation")
  define_training_flags("Training on excerpts (by default as the protocol says)")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
