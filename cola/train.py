"""python -m cola.train: pre-trains an encoder with COLA, and exports it as a SavedModel.

Two excerpts of one clip are a positive pair, the excerpts of all other clips are negatives. Without
--dataset it trains on synthetic sounds. The same command resumes a run that was interrupted.
"""

from collections.abc import Callable, Sequence

from absl import flags

from cola.config import ENCODERS, RECIPES, SIMILARITIES, Config, default_recipe
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.cli.training import System, train_system
from contrastive_audio.cli.training_flags import (
  HYPER_PARAMETERS,
  define_training_flags,
  encoder_help,
  training_request,
)

EXAMPLES = (
  "python -m cola.train --dataset=/path/to/your/audio --run=runs/mine",
  "python -m cola.train --dataset=audioset --data_dir=/path/to/data --recipe=paper",
)


def main(_: Sequence[str]) -> None:
  system = System("cola", Config, RECIPES, default_recipe, _load)
  train_system(system, training_request(Config, RECIPES))


def _load() -> tuple[Callable, Callable]:
  """Returns build_model and make_monitor, see System."""
  from cola.model import build_model
  from contrastive_audio.monitoring.monitor import KnnMonitor

  def make_monitor(run, store, front_end, networks):
    return KnnMonitor(run, store, front_end, networks.encoder)

  return build_model, make_monitor


def _define_flags() -> None:
  define_training_flags(list(RECIPES))
  with flag_group(HYPER_PARAMETERS):
    flags.DEFINE_enum("similarity", None, SIMILARITIES, "How two projections are compared.")
    flags.DEFINE_string("encoder", None, encoder_help(ENCODERS))
    flags.DEFINE_string(
      "augment",
      None,
      "Augmentations of the views: level, fader, equalise, specaugment, rrc, ...; or none.",
    )
    flags.DEFINE_float("learning_rate", None, "Learning rate of Adam.", lower_bound=0.0)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
