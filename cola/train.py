"""python -m cola.train: from a data set to a trained COLA encoder in a SavedModel."""

from absl import flags

from audio import commands, distribution, pretraining, report
from audio.judged import Judged
from audio.monitor import KnnMonitor
from audio.statistics import with_statistics
from cola.config import ENCODERS, RECIPES, Config, default_recipe
from cola.model import build_model

FLAGS = flags.FLAGS
commands.define_training_flags(list(RECIPES))
flags.adopt_module_key_flags(commands)  # so that --help shows them
flags.DEFINE_enum("similarity", None, ["bilinear", "cosine"], "How two projections are compared.")
flags.DEFINE_enum("encoder", None, ENCODERS, "Network; default: the recipe's.")
flags.DEFINE_string(
  "augment",
  None,
  "level, fader, equalise, specaugment, rrc, noise, ...; or none; see audio/augment.",
)
flags.DEFINE_float("learning_rate", None, "Of Adam; default: the recipe's.", lower_bound=0.0)


def main(_):
  values = FLAGS.flag_values_dict()
  with distribution.joined(values["strategy"]) as hosts:
    store, recipe, config = commands.plan(Config, RECIPES, default_recipe, values)
    pairs = config.pairs(store)
    config = with_statistics(config, store, commands.run_folder("cola", values))
    run = commands.start_or_resume("cola", recipe, config, store, values, hosts)
    model = pretraining.build(build_model, config, hosts)
    judged = Judged(model)
    monitor = KnnMonitor(run, store, config.windows(), judged.encoder)
    outcome = pretraining.pretrain(run, config, pairs, model, judged, monitor, hosts)
    report.outcome(run, outcome, config, store, model)


if __name__ == "__main__":
  commands.run(main)
