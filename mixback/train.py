"""python -m mixback.train: from a data set to a trained mix-back encoder in a SavedModel."""

from absl import flags

from audio import commands, distribution, pretraining, report
from audio.excerpts import POSITIVES
from audio.judged import Judged
from audio.statistics import with_statistics
from mixback.config import ENCODERS, RECIPES, Config, default_recipe
from mixback.model import build_model
from mixback.monitor import PatchKnnMonitor

FLAGS = flags.FLAGS
commands.define_training_flags(list(RECIPES))
flags.adopt_module_key_flags(commands)  # so that --help shows them
flags.DEFINE_enum("encoder", None, ENCODERS, "Network; default: the recipe's.")
flags.DEFINE_enum("positives", None, POSITIVES, "How the two patches of a clip are chosen.")
flags.DEFINE_integer("separation_frames", None, "Distance of --positives=separated.", lower_bound=0)
flags.DEFINE_enum("mix", None, ["batch", "within_clip", "none"], "Backgrounds of mix-back.")
flags.DEFINE_float("mix_alpha", None, "Largest share of the background.", 0.0, 1.0)
flags.DEFINE_string(
  "augment", None, "rrc, compress, noise, specaugment, time_shift, frequency_shift; or all, none."
)
flags.DEFINE_float("learning_rate", None, "Of SGD; default: the recipe's.", lower_bound=0.0)


def main(_):
  values = FLAGS.flag_values_dict()
  with distribution.joined(values["strategy"]) as hosts:
    store, recipe, config = commands.plan(Config, RECIPES, default_recipe, values)
    pairs = config.pairs(store)
    config = with_statistics(config, store, commands.run_folder("mixback", values))
    run = commands.start_or_resume("mixback", recipe, config, store, values, hosts)
    model = pretraining.build(build_model, config, hosts)
    judged = Judged(model)
    monitor = PatchKnnMonitor(run, store, config.windows(), judged)
    outcome = pretraining.pretrain(run, config, pairs, model, judged, monitor, hosts)
    report.outcome(run, outcome, config, store, model)


if __name__ == "__main__":
  commands.run(main)
