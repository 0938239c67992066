"""What `python -m SYSTEM.train` does, the same for every system."""

from audio import commands, distribution, pretraining, report
from audio.judged import Judged
from audio.statistics import with_statistics


def run(system, config_module, build_model, make_monitor, flag_values):
  """Opens the data, makes or resumes a run, trains, and prints what came out.

  Args:
    system: "cola" or "mixback".
    config_module: has Config, RECIPES and default_recipe.
    build_model: a callable, configuration -> compiled contrastive.ContrastiveModel.
    make_monitor: a callable, `(run, store, windows, judged.Judged) -> monitor.Monitor`.
    flag_values: dictionary of the flags of `commands.define_training_flags`.
  """
  with distribution.joined(flag_values["strategy"]) as hosts:
    made = config_module.Config, config_module.RECIPES, config_module.default_recipe
    store, recipe, config = commands.plan(*made, flag_values)
    pairs = config.pairs(store)
    config = with_statistics(config, store, commands.run_folder(system, flag_values))
    opened = commands.start_or_resume(system, recipe, config, store, flag_values, hosts)
    model = pretraining.build(build_model, config, hosts)
    judged = Judged(model)
    monitor = make_monitor(opened, store, config.windows(), judged)
    outcome = pretraining.pretrain(opened, config, pairs, model, judged, monitor, hosts)
    report.outcome(opened, outcome, config, store, model)
