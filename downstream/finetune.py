"""python -m downstream.finetune: trains encoder and classifier together on the labels of a task.

It starts from pre-trained weights (--model=RUN, or preset:NAME), or from random weights
(--model=random:RUN), which is the papers' supervised baseline.

  --protocol=early_stopping  validation clips, a share of the training clips, choose the number of
                             epochs; then a second training has as many on all training clips
  --protocol=cola            100 epochs on all training clips, Adam (COLA, section 3.1)
  --protocol=mixback         200 epochs of SGD without the validation clips, which choose the epoch
                             whose weights are kept (mix-back's released configuration)
  --protocol=paper           that of the run's system, cola or mixback; cola for other models

With --frozen only the classifier is trained; the encoder, including the statistics of BatchNorm,
stays as it is.

With --output, the folder is a run folder, for --model of every command: encoder, classifier and a
SavedModel that names sounds. Several conditions or splits leave a run each in its folder runs. A
call that was stopped resumes.
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.configuration import STRATEGIES
from downstream import protocols
from downstream.checks import check_request
from downstream.choices import EvaluationRequest
from downstream.flags import (
  define_evaluation_flags,
  define_training_flags,
  evaluation_request,
  training_changes,
)
from downstream.model_names import require_trainable

EXAMPLES = (
  "python -m downstream.finetune --model=runs/mine --task=/path/to/your/audio --output=results",
  "python -m downstream.finetune --model=runs/mine --task=esc50 --data_dir=/path/to/data "
  "--labels_per_class=5 --start=linear --batchnorm=fixed --learning_rate=1e-4",
)


def main(_: Sequence[str]) -> None:
  request, strategy, frozen = evaluation_request(), FLAGS.strategy, FLAGS.frozen
  changes = training_changes() | {"patience": FLAGS.patience, "start": FLAGS.start}
  check_request(request)
  require_trainable(request.model)
  protocol = protocols.resolve(FLAGS.protocol, request.model)
  options = protocols.choose(
    protocols.FINE_TUNING, protocol, changes | {"frozen": frozen or None}, request.seed
  )
  _evaluate(request, protocol, options, strategy)


def _evaluate(
  request: EvaluationRequest, protocol: str, options: protocols.Options, strategy: str
) -> None:
  start_tensorflow()
  from contrastive_audio.distributed.hosts import join_hosts
  from downstream.classifiers.excerpt_method import excerpt_method
  from downstream.classifiers.fine_tuned_runs import FineTunedRuns
  from downstream.evaluation import run_evaluation

  name = f"{'frozen' if options.frozen else 'fine-tuning'}, {protocol}"
  runs = FineTunedRuns(request.output, request.conditions, protocol) if request.output else None
  with join_hosts(strategy) as hosts:
    method = excerpt_method(options, hosts, runs)
    run_evaluation(
      request,
      name,
      method,
      show_embeddings=False,
      writes=hosts.is_chief,
      options=options.chosen(),
    )
    if runs and hosts.is_chief:
      runs.report(options)


def _define_flags() -> None:
  define_evaluation_flags(trainable=True)
  with flag_group("Evaluation"):
    names = (*protocols.FINE_TUNING, protocols.PAPER)
    flags.DEFINE_enum("protocol", protocols.EARLY_STOPPING, names, "See above.")
  title = "Training (by default as the protocol says)"
  define_training_flags(title)
  with flag_group(title):
    flags.DEFINE_bool("frozen", False, "Train only the classifier.")
    flags.DEFINE_integer(
      "patience",
      None,
      "Stop after so many epochs, and at least 100 steps, without a better validation score.",
      lower_bound=1,
    )
    flags.DEFINE_enum(
      "start",
      None,
      protocols.STARTS,
      "Weights that the classifier starts from: random (the papers), or linear, those of logistic "
      "regression on the embeddings, meant for few labels.",
    )
  with flag_group("Devices"):
    flags.DEFINE_enum("strategy", "auto", STRATEGIES, "As for the train commands.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
