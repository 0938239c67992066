"""What a training prints: its data, its plan, its result."""

import os
import shlex

from audio.store import MISSING, SKIPPED


def store(opened):
  """Prints what the store holds, and what is odd about it."""
  folders = ", ".join(opened.folders)
  print(f"store      {opened.num_clips} clips, {_duration(opened.hours)}, in {folders}")
  if opened.num_skipped:
    print(f"skipped    {opened.num_skipped} unusable clips, see {_lists(opened, SKIPPED)}")
  if opened.num_missing:
    listed = opened.num_missing + opened.num_skipped + opened.num_clips
    print(
      f"missing    {opened.num_missing} of {listed} listed clips are not there, see "
      f"{_lists(opened, MISSING)}"
    )
  if opened.num_silent:
    print(f"silent     {opened.num_silent} clips hold nothing but zeros; they are kept")


def _lists(opened, name):
  paths = (os.path.join(folder, name) for folder in opened.folders)
  return ", ".join(filter(os.path.exists, paths))


def recipe(name, chosen, config, num_clips):
  """Prints the plan, and who chose it."""
  why = "" if chosen else f" (the default for {num_clips} clips; --recipe chooses)"
  epochs = config.steps / max(1, num_clips // config.batch_size)
  print(
    f"recipe     {name}{why}: {config.steps} steps of {config.batch_size} pairs, "
    f"{epochs:.{0 if epochs >= 10 else 1}f} epochs",
    flush=True,
  )


def outcome(run, ended, config, opened, model):
  """Prints the summary at the end of a training."""
  if not ended.finished:
    print(f"stopped    after step {ended.step} of {config.steps}, saved in {run.folder}")
    print("next       the same command goes on from there")
    return
  seen_hours = ended.step * config.batch_size * 2 * config.windows().num_samples
  seen_hours /= config.sample_rate_hz * 3600
  print(
    f"trained    {run.config['system']} on {opened.num_clips} clips: {ended.step} steps, "
    f"{_duration(seen_hours)} of excerpts"
  )
  parameters = model.encoder.count_params() / 1e6
  print(f"encoder    {config.encoder}, {parameters:.1f} M weights, {_size(model)}-d embeddings")
  _knn(run)
  _linear(run)
  print(f"run        {run.folder} (metrics.jsonl, tensorboard, checkpoints, plots)")
  print(f"model      {run.saved_model}")
  for heading, command in zip(("next", "or"), _next_commands(run)):
    print(f"{heading:<10} {command}")


def _knn(run):
  steps, accuracy = run.metrics("knn_accuracy")
  if not len(steps):
    print("kNN        not measured: the data set has no labels")
    return
  chance = run.metrics("knn_chance")[1][-1]
  line = f"kNN        {100 * accuracy[-1]:.1f} % of clips, chance {100 * chance:.1f} %"
  if steps[0] == 0 and len(steps) > 1:
    line += f", before training {100 * accuracy[0]:.1f} %"
  if (run.metrics("knn_groups")[1] > 1).any():
    line += " (neighbours of other groups only)"
  print(line)


def _linear(run):
  steps, accuracy = run.metrics("linear_accuracy")
  if len(steps):
    before = f", before training {100 * accuracy[0]:.1f} %" if steps[0] == 0 < steps[-1] else ""
    print(f"linear     {100 * accuracy[-1]:.1f} % of clips{before}")


def _next_commands(run):
  """What the reader of the summary may want to do: hear what the encoder has learnt, or see it."""
  dataset = run.config["config"]["dataset"]
  if dataset == "synthetic":
    return [f"python -m {run.config['system']}.train --dataset=folder:/path/to/your/audio"]
  commands = [f"tensorboard --logdir={shlex.quote(run.path('tensorboard'))}"]
  path = dataset.removeprefix("folder:")
  if path != dataset and os.path.exists(path):  # not several, and no name
    flags = [f"--model={run.folder}", f"--input={path}", "--output=neighbours"]
    commands.insert(0, shlex.join(["python", "-m", "downstream.neighbours", *flags]))
  return commands


def _duration(hours):
  return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _size(model):
  return model.encoder.output_shape[-1]
