"""python -m downstream.knn: evaluates a frozen encoder by nearest neighbours.

--protocol=split    the nearest training clips vote for the class of a test clip
--protocol=patches  as in mix-back's code, without training clips: windows of the test clips vote
                    for each other, but not for windows of their own clip; it compares projections,
                    the output of the head
"""

from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import FLAGS, define_clip_pooling_flag
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from downstream.checks import check_request
from downstream.choices import KNN_PROTOCOLS
from downstream.flags import define_evaluation_flags, evaluation_request
from downstream.model_names import LAYERS, require_layer

EXAMPLES = (
  "python -m downstream.knn --model=runs/mine --task=/path/to/your/audio",
  "python -m downstream.knn --model=logmel_stats --task=esc50 --data_dir=/path/to/data",
)


def main(_: Sequence[str]) -> None:
  request, protocol, neighbours = evaluation_request(), FLAGS.protocol, FLAGS.neighbours
  layer = FLAGS.layer or ("projection" if protocol == "patches" else "embedding")
  if request.clip_pooling and protocol == "patches":
    raise UserError("--clip_pooling is for --protocol=split: patches are not pooled, they vote")
  if protocol == "patches":
    _require_no_training()
  check_request(request)
  require_layer(request.model, layer)
  start_tensorflow()
  from downstream.classifiers.nearest_neighbours import knn_method
  from downstream.evaluation import run_evaluation

  is_default = (protocol, layer) == ("split", "embedding")
  name = "kNN" if is_default else f"kNN, {protocol}, {layer}"
  # With patches, k is that of the paper, or what the patches allow.
  options = {"layer": layer} | ({"neighbours": neighbours} if protocol == "split" else {})
  run_evaluation(request, name, knn_method(protocol, neighbours, layer), options=options)


def _require_no_training() -> None:
  """Raises an error if a flag would be ignored by the protocol `patches`."""
  for name in ("labels_per_class", "label_noise", "neighbours"):
    if FLAGS[name].present:
      raise UserError(
        f"--{name} is for --protocol=split: with patches, test clips vote for each other, with the "
        "paper's number of neighbours"
      )


def _define_flags() -> None:
  define_evaluation_flags()
  with flag_group("Evaluation"):
    flags.DEFINE_enum("protocol", "split", KNN_PROTOCOLS, "See above.")
    flags.DEFINE_integer("neighbours", 10, "k of --protocol=split.", lower_bound=1)
    flags.DEFINE_enum(
      "layer",
      None,
      LAYERS,
      "Whose output is compared; if not given, projection with patches, else embedding.",
    )
  define_clip_pooling_flag("Evaluation")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
