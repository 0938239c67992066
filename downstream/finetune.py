"""python -m downstream.finetune: trains encoder and classifier together on the labels of a task.

It starts from pre-trained weights (--model=RUN), or from random weights (--model=random:RUN), which
is the papers' supervised baseline. Early stopping uses validation clips, a share of the training
clips. With --frozen only the classifier is trained; the encoder, including the statistics of
BatchNorm, stays as it is.
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.configuration import STRATEGIES
from contrastive_audio.errors import UserError
from downstream.checks import check_request
from downstream.choices import BATCHNORMS, LOGMEL_STATS, STARTS
from downstream.flags import define_evaluation_flags, define_training_flags, evaluation_request

EXAMPLES = (
  "python -m downstream.finetune --model=runs/mine --task=/path/to/your/audio --output=results",
  "python -m downstream.finetune --model=runs/mine --task=esc50 --data_dir=/path/to/data "
  "--labels_per_class=5 --start=linear --batchnorm=fixed --learning_rate=1e-4",
)
# Flags that are fields of classifier.Options.
_OPTIONS = ("frozen", "learning_rate", "batch_size", "epochs", "patience", "start", "batchnorm")


def main(_: Sequence[str]) -> None:
  request, strategy = evaluation_request(), FLAGS.strategy
  fields: dict[str, Any] = {name: FLAGS[name].value for name in _OPTIONS}
  check_request(request)
  if request.model == LOGMEL_STATS:
    raise UserError(f"--model={LOGMEL_STATS} has no weights to train: use downstream.linear")
  start_tensorflow()
  from contrastive_audio.distributed.hosts import join_hosts
  from downstream.classifiers.classifier import Options
  from downstream.classifiers.fine_tuning import fine_tuning_method
  from downstream.evaluation import run_evaluation

  options = Options(seed=request.seed, **fields)
  with join_hosts(strategy) as hosts:
    make_method = fine_tuning_method(options, hosts)
    run_evaluation(
      request,
      "frozen" if options.frozen else "fine-tuning",
      make_method,
      show_embeddings=False,
      writes=hosts.is_chief,
    )


def _define_flags() -> None:
  define_evaluation_flags()
  define_training_flags("Training", learning_rate=1e-3, epochs=50)
  with flag_group("Training"):
    flags.DEFINE_bool("frozen", False, "Train only the classifier.")
    flags.DEFINE_integer(
      "patience",
      10,
      "Stop after so many epochs, and at least 100 steps, without a better validation score.",
      lower_bound=1,
    )
    flags.DEFINE_enum(
      "start",
      "random",
      STARTS,
      "Weights that the classifier starts from: random (the papers), or linear, those of logistic "
      "regression on the embeddings, which helps a lot if labels are few.",
    )
    flags.DEFINE_enum(
      "batchnorm",
      "batch",
      BATCHNORMS,
      "Statistics of BatchNorm in training: batch (the papers), or fixed, those of the model.",
    )
  with flag_group("Devices"):
    flags.DEFINE_enum("strategy", "auto", STRATEGIES, "As for the train commands.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
