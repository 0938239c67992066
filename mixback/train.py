"""python -m mixback.train: pre-trains an encoder with mix-back, and exports it as a SavedModel.

Two patches of one clip, mixed with a little of other clips and augmented, are a positive pair; all
other views of the batch are negatives. Without --dataset it trains on synthetic sounds. The same
command resumes a run that was interrupted.
"""

from collections.abc import Callable, Sequence

from absl import flags

from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.cli.training import System, train_system
from contrastive_audio.cli.training_flags import (
  HYPER_PARAMETERS,
  define_training_flags,
  encoder_help,
  training_request,
)
from contrastive_audio.configuration import POSITIVES
from mixback.config import ENCODERS, MIX_ENERGIES, MIXES, RECIPES, Config, default_recipe

EXAMPLES = (
  "python -m mixback.train --dataset=/path/to/your/audio --run=runs/mixed",
  "python -m mixback.train --dataset=fsdnoisy18k --data_dir=/path/to/data --encoder=vgg_like",
)


def main(_: Sequence[str]) -> None:
  system = System("mixback", Config, RECIPES, default_recipe, _load)
  train_system(system, training_request(Config, RECIPES))


def _load() -> tuple[Callable, Callable]:
  """Returns build_model and make_monitor, see System."""
  from mixback.model import build_model
  from mixback.monitor import PatchKnnMonitor

  return build_model, PatchKnnMonitor


def _define_flags() -> None:
  define_training_flags(list(RECIPES))
  with flag_group(HYPER_PARAMETERS):
    flags.DEFINE_string("encoder", None, encoder_help(ENCODERS))
    flags.DEFINE_enum("positives", None, POSITIVES, "How the two patches of a clip are chosen.")
    flags.DEFINE_integer(
      "separation_frames", None, "Distance of --positives=separated.", lower_bound=0
    )
    flags.DEFINE_enum("mix", None, MIXES, "Where the backgrounds of mix-back come from.")
    flags.DEFINE_float("mix_alpha", None, "Largest share of the background.", 0.0, 1.0)
    flags.DEFINE_enum(
      "mix_energy", None, MIX_ENERGIES, "The energy that a background is brought to."
    )
    flags.DEFINE_string(
      "augment",
      None,
      "Augmentations of the views: rrc, compress, noise, specaugment, ...; or all, none.",
    )
    flags.DEFINE_float("learning_rate", None, "Of the optimizer.", lower_bound=0.0)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
