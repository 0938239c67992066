"""What commands print about a store, a plan and the result of a training."""

import os
import shlex

from contrastive_audio.cli.console import line
from contrastive_audio.store.store import MISSING, SKIPPED, Store


def print_store(store: Store) -> None:
  """Prints what a store holds, and what is odd about it.

  Args:
    store: the opened store.
  """
  folders = ", ".join(store.folders)
  line("store", f"{store.num_clips} clips, {_duration(store.hours)}, in {folders}")
  if store.num_skipped:
    line("skipped", f"{store.num_skipped} unusable clips, see {_lists(store, SKIPPED)}")
  if store.num_missing:
    listed = store.num_missing + store.num_skipped + store.num_clips
    text = f"{store.num_missing} of {listed} listed clips are not there"
    line("missing", f"{text}, see {_lists(store, MISSING)}")
  if store.num_silent:
    line("silent", f"{store.num_silent} clips hold nothing but zeros; they are kept")


def _lists(store: Store, name: str) -> str:
  paths = (os.path.join(folder, name) for folder in store.folders)
  return ", ".join(filter(os.path.exists, paths))


def print_recipe(name: str, is_default: bool, config, num_clips: int) -> None:
  """Prints the plan of a training.

  Args:
    name: of the recipe.
    is_default: whether nobody chose it.
    config: the configuration of the training.
    num_clips: of the data set.
  """
  why = f" (the default for {num_clips} clips; --recipe chooses)" if is_default else ""
  epochs = config.steps / max(1, num_clips // config.batch_size)
  plan = f"{config.steps} steps of {config.batch_size} pairs"
  line("recipe", f"{name}{why}: {plan}, {epochs:.{0 if epochs >= 10 else 1}f} epochs")


def print_outcome(run, outcome, config, store: Store, model) -> None:
  """Prints the summary at the end of a training.

  Args:
    run: the Run.
    outcome: how `Pretraining.train` ended.
    config: the configuration of the training.
    store: what it was trained on.
    model: the trained ContrastiveModel.
  """
  if not outcome.finished:
    line("stopped", f"after step {outcome.step} of {config.steps}, saved in {run.folder}")
    line("next", "the same command resumes from there")
    return
  heard_samples = outcome.step * config.batch_size * 2 * config.front_end().num_samples
  heard = f"{_duration(heard_samples / (config.sample_rate_hz * 3600))} of excerpts"
  trained = f"{run.config['system']} on {store.num_clips} clips"
  line("trained", f"{trained}: {outcome.step} steps, {heard}")
  size = model.encoder.output_shape[-1]
  weights = f"{model.encoder.count_params() / 1e6:.1f} M weights"
  line("encoder", f"{config.encoder}, {weights}, {size}-d embeddings")
  _print_knn(run)
  _print_linear(run)
  line("run", f"{run.folder} (metrics.jsonl, tensorboard, checkpoints, plots)")
  line("model", run.saved_model)
  for heading, command in zip(("next", "or"), _next_commands(run)):
    line(heading, command)


def _print_knn(run) -> None:
  steps, accuracy = run.metrics("knn_accuracy")
  if not len(steps):
    line("kNN", "not measured: the data set has no labels")
    return
  chance = run.metrics("knn_chance")[1][-1]
  text = f"{100 * accuracy[-1]:.1f} % of clips, chance {100 * chance:.1f} %"
  if steps[0] == 0 and len(steps) > 1:
    text += f", before training {100 * accuracy[0]:.1f} %"
  if (run.metrics("knn_groups")[1] > 1).any():
    text += " (neighbours of other groups only)"
  line("kNN", text)


def _print_linear(run) -> None:
  steps, accuracy = run.metrics("linear_accuracy")
  if len(steps):
    before = f", before training {100 * accuracy[0]:.1f} %" if steps[0] == 0 < steps[-1] else ""
    line("linear", f"{100 * accuracy[-1]:.1f} % of clips{before}")


def _next_commands(run) -> list[str]:
  """What the reader of the summary may want to do: hear what the encoder has learned, or see it."""
  dataset = run.config["config"]["dataset"]
  if dataset == "synthetic":
    return [f"python -m {run.config['system']}.train --dataset=/path/to/your/audio"]
  commands = [f"tensorboard --logdir={shlex.quote(run.path('tensorboard'))}"]
  path = dataset.removeprefix("folder:")
  if path != dataset and os.path.exists(path):  # not several, and no name
    flags = [f"--model={run.folder}", f"--input={path}", "--output=neighbours"]
    commands.insert(0, shlex.join(["python", "-m", "downstream.neighbours", *flags]))
  return commands


def _duration(hours: float) -> str:
  return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"
