"""python -m mixback.train: from a data set to a trained mix-back encoder in a SavedModel."""

from absl import flags

from audio import commands, training_command
from audio.excerpts import POSITIVES
from mixback import config
from mixback.model import build_model
from mixback.monitor import PatchKnnMonitor

FLAGS = flags.FLAGS
commands.define_training_flags(list(config.RECIPES))
flags.adopt_module_key_flags(commands)  # so that --help shows them
flags.DEFINE_enum("encoder", None, config.ENCODERS, "Network; default: the recipe's.")
flags.DEFINE_enum("positives", None, POSITIVES, "How the two patches of a clip are chosen.")
flags.DEFINE_integer("separation_frames", None, "Distance of --positives=separated.", lower_bound=0)
flags.DEFINE_enum("mix", None, ["batch", "within_clip", "none"], "Backgrounds of mix-back.")
flags.DEFINE_float("mix_alpha", None, "Largest share of the background.", 0.0, 1.0)
flags.DEFINE_string(
  "augment", None, "rrc, compress, noise, specaugment, time_shift, frequency_shift; or all, none."
)
flags.DEFINE_float("learning_rate", None, "Of SGD; default: the recipe's.", lower_bound=0.0)


def main(_):
  training_command.run("mixback", config, build_model, PatchKnnMonitor, FLAGS.flag_values_dict())


if __name__ == "__main__":
  commands.run(main)
