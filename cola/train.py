"""python -m cola.train: from a data set to a trained COLA encoder in a SavedModel."""

import dataclasses

from absl import flags

from audio import commands, datasets, preparation, pretraining, report
from audio.runs import Run
from cola import config as cola_config
from cola.model import build_model

FLAGS = flags.FLAGS
commands.define_training_flags(list(cola_config.RECIPES))
flags.adopt_module_key_flags(commands)  # so that --help shows them
flags.DEFINE_enum("similarity", None, ["bilinear", "cosine"], "How two projections are compared.")
flags.DEFINE_float("learning_rate", None, "Of Adam; default: the recipe's.", lower_bound=0.0)


def main(_):
  source = datasets.open_source(FLAGS.dataset, FLAGS.split, FLAGS.data_dir, FLAGS.manual_dir)
  print(f"data       {source.summary}", flush=True)
  rate_hz = cola_config.Config().sample_rate_hz
  store = preparation.prepare(source, rate_hz, FLAGS.store_dir, FLAGS.max_bad_fraction)
  report.store(store)
  recipe = FLAGS.recipe or cola_config.default_recipe(store.num_clips)
  config = configure(recipe, FLAGS.flag_values_dict(), store.num_clips)
  report.recipe(recipe, chosen=FLAGS.recipe is not None, config=config, num_clips=store.num_clips)
  pairs = pretraining.excerpt_pairs(config, store)
  folder = FLAGS.run or commands.default_run_folder("cola", FLAGS.dataset)
  data = {"clips": store.num_clips, "digest": store.digest}
  fields = dataclasses.asdict(config) | {"recipe": recipe}
  run = Run.start_or_resume(folder, "cola", fields, data, config.windows())
  pretraining.seed_everything(config.seed, config.deterministic)
  model = build_model(config)
  outcome = pretraining.pretrain(run, config, pairs, model)
  report.outcome(run, outcome, config, store, model)


def configure(recipe, flag_values, num_clips):
  """Returns the Config of a recipe, with the fields that flags set by name.

  Args:
    recipe: a key of RECIPES.
    flag_values: dictionary of flags; None means: not set.
    num_clips: clips of the data set, to turn epochs into steps.
  """
  fields = {field.name for field in dataclasses.fields(cola_config.Config)}
  given = {k: v for k, v in flag_values.items() if k in fields and v is not None}
  config = cola_config.Config(**(cola_config.deviations(recipe) | given))
  if config.steps is None:
    steps = config.epochs * max(1, num_clips // config.batch_size)
    config = dataclasses.replace(config, steps=steps)
  return config


if __name__ == "__main__":
  commands.run(main)
