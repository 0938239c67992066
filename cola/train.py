"""python -m cola.train: from a data set to a trained COLA encoder in a SavedModel."""

from absl import flags

from audio import commands, training_command
from audio.monitor import KnnMonitor
from cola import config
from cola.model import build_model

FLAGS = flags.FLAGS
commands.define_training_flags(list(config.RECIPES))
flags.adopt_module_key_flags(commands)  # so that --help shows them
flags.DEFINE_enum("similarity", None, ["bilinear", "cosine"], "How two projections are compared.")
flags.DEFINE_enum("encoder", None, config.ENCODERS, "Network; default: the recipe's.")
flags.DEFINE_string(
  "augment",
  None,
  "level, fader, equalise, specaugment, rrc, noise, ...; or none; see audio/augment.",
)
flags.DEFINE_float("learning_rate", None, "Of Adam; default: the recipe's.", lower_bound=0.0)


def main(_):
  training_command.run("cola", config, build_model, make_monitor, FLAGS.flag_values_dict())


def make_monitor(run, store, windows, judged):
  """Returns the monitor that looks at embeddings of whole clips."""
  return KnnMonitor(run, store, windows, judged.encoder)


if __name__ == "__main__":
  commands.run(main)
