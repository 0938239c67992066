"""python -m downstream.linear: evaluates a frozen encoder with a linear classifier.

  --protocol=cached  embeds every clip once, and fits logistic regression on the embeddings; its
                     regularisation is selected on validation clips, a share of the training clips
  --protocol=paper   trains on random excerpts, new ones in each epoch, with Adam
                     (COLA, section 3.1)

With --output, --protocol=cached on clips keeps its classifier for contrastive_audio.export.
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from downstream.checks import check_request
from downstream.choices import LINEAR_PROTOCOLS, TRAIN_ON, EvaluationRequest
from downstream.flags import define_evaluation_flags, define_training_flags, evaluation_request

EXAMPLES = (
  "python -m downstream.linear --model=runs/mine --task=/path/to/your/audio --output=results",
  "python -m downstream.linear --model=runs/mine --task=esc50 --data_dir=/path/to/data "
  "--labels_per_class=1,5,all",
)


def main(_: Sequence[str]) -> None:
  request = evaluation_request()
  check_request(request)
  if FLAGS.protocol == "cached":
    _evaluate_cached(request, FLAGS.train_on)
  else:
    _evaluate_like_the_paper(request, FLAGS.learning_rate, FLAGS.batch_size, FLAGS.epochs)


def _evaluate_cached(request: EvaluationRequest, train_on: str) -> None:
  start_tensorflow()
  from downstream.classifiers.linear_evaluation import (
    Choice,
    cached_linear_method,
    write_classifier,
  )
  from downstream.evaluation import run_evaluation

  choices: list[Choice] = []
  run_evaluation(request, "linear, cached", cached_linear_method(train_on, keep=choices.append))
  if not request.output:
    return
  if reason := _why_no_classifier(request, train_on):
    line("classifier", f"none is kept: {reason}")
  else:
    line("classifier", write_classifier(request.output, choices))


def _why_no_classifier(request: EvaluationRequest, train_on: str) -> str | None:
  """Returns why no classifier can be exported: that needs clips, and all labels as they are."""
  if train_on != "clips":
    return "only --protocol=cached on clips has one that fits an export"
  if any(condition.labels_per_class or condition.label_noise for condition in request.conditions):
    return "the labels were few or flipped"
  return None


def _evaluate_like_the_paper(
  request: EvaluationRequest, learning_rate: float, batch_size: int, epochs: int
) -> None:
  start_tensorflow()
  from downstream.classifiers.classifier import Options
  from downstream.classifiers.linear_evaluation import excerpt_linear_method
  from downstream.evaluation import run_evaluation

  options = Options(
    frozen=True,
    learning_rate=learning_rate,
    batch_size=batch_size,
    epochs=epochs,
    seed=request.seed,
  )
  make_method = excerpt_linear_method(options)
  run_evaluation(request, "linear, paper", make_method, show_embeddings=False)
  if request.output:
    line("classifier", "none is kept: only --protocol=cached on clips has one that fits an export")


def _define_flags() -> None:
  define_evaluation_flags()
  with flag_group("Evaluation"):
    flags.DEFINE_enum("protocol", "cached", LINEAR_PROTOCOLS, "See above.")
    flags.DEFINE_enum("train_on", "clips", TRAIN_ON, "What --protocol=cached fits on.")
  define_training_flags("Training (--protocol=paper)", learning_rate=1e-3, epochs=100)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
