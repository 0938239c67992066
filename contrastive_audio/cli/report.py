"""What commands print about the plan of a training, its devices and its result."""

import os
import shlex
from typing import TYPE_CHECKING

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.monitoring.complaints import is_at_chance
from contrastive_audio.store.store import Store
from contrastive_audio.utils.words import counted, duration
from contrastive_audio.views.system_config import SystemConfig

if TYPE_CHECKING:
  from contrastive_audio.cli.open_data import DataChoice
  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.monitoring.monitor import LabelMonitor
  from contrastive_audio.runs import Run
  from contrastive_audio.training.contrastive import ContrastiveModel
  from contrastive_audio.training.pretraining import Outcome
  from contrastive_audio.views.excerpts import ExcerptPairs

_NUM_NAMED = 3  # classes that are named
_LOST_ADVICE = "compare --model=preset:general, and see docs/troubleshooting.md"


def print_devices(hosts: "Hosts") -> None:
  """Prints what a training runs on: whoever expects a GPU sees at once that there is none.

  Args:
    hosts: the hosts of the training.

  Example:
    >>> from contrastive_audio.distributed.hosts import Hosts
    >>> print_devices(Hosts())
    device     ...
  """
  import tensorflow as tf  # late: commands that only look do without it

  gpus = tf.config.list_physical_devices("GPU")
  names = {tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus}
  text = f"{counted(hosts.replicas, 'GPU')} ({', '.join(sorted(filter(None, names)))})"
  if not gpus:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"CPU, {counted(cores or 1, 'core')}; TensorFlow sees no GPU"
  line("device", text + (f", {hosts.count} hosts" if hosts.count > 1 else ""))


def print_recipe(name: str, why: str | None, config: SystemConfig, num_clips: int) -> None:
  """Prints the plan of a training.

  Args:
    name: of the recipe.
    why: why it is this one; None: the user chose it.
    config: the configuration of the training.
    num_clips: of the data set.

  Example:
    >>> from types import SimpleNamespace
    >>> config = SimpleNamespace(num_steps=400, batch_size=64)
    >>> print_recipe("small", "the default for 320 clips", config, num_clips=320)
    recipe     small (the default for 320 clips; --recipe chooses): 400 steps of 64 pairs, 80 epochs
  """
  reason = f" ({why}; --recipe chooses)" if why else ""
  epochs = config.num_steps / max(1, num_clips // config.batch_size)
  plan = f"{config.num_steps} steps of {config.batch_size} pairs"
  line("recipe", f"{name}{reason}: {plan}, {epochs:.{0 if epochs >= 10 else 1}f} epochs")


def print_backgrounds(pairs: "ExcerptPairs") -> None:
  """Prints how many clips are too short for a background of their own, with mix=within_clip.

  Args:
    pairs: the excerpts of the training.

  Example:
    >>> from types import SimpleNamespace
    >>> print_backgrounds(SimpleNamespace(num_too_short=0))
  """
  if count := pairs.num_too_short:
    of = f"{count} of {pairs.store.num_clips} clips have none: they are shorter than four excerpts"
    line("background", of)


def print_monitor(monitor: "LabelMonitor", choice: "DataChoice | None") -> None:
  """Prints what an encoder is evaluated on while it trains.

  Args:
    monitor: what evaluates it.
    choice: the data set of --monitor; None: the training clips.

  Example:
    >>> from types import SimpleNamespace
    >>> monitor = SimpleNamespace(num_clips=500, num_classes=50, without_others=[])
    >>> print_monitor(monitor, choice=None)
    monitor    500 clips in 50 classes of the training set
  """
  of = f"of {choice.name}" if choice else "of the training set"
  if monitor.num_clips:
    line("monitor", f"{monitor.num_clips} clips in {monitor.num_classes} classes {of}")
  if single := monitor.without_others:
    names = ", ".join(single[:_NUM_NAMED] + ["..."] * (len(single) > _NUM_NAMED))
    left = "" if monitor.num_clips else "; nothing is left to evaluate"
    line("left out", f"{names}: of a single recording, speaker or other group each{left}")


def print_heard(monitored: Store, store: Store) -> None:
  """Prints how many of the clips of --monitor are trained on, too.

  Args:
    monitored: the clips of --monitor.
    store: the training clips.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> print_heard(store.select([0, 1, 2]), store.select([2, 3]))
    heard      1 of 3 clips of --monitor is trained on, too: without its label, but not as new ...
  """
  sounds = Store.join([store, monitored]).sounds()
  count = int(np.isin(sounds[store.num_clips :], sounds[: store.num_clips]).sum())
  if count:
    trained, owner = ("is trained on", "its label") if count == 1 else ("are trained on", "labels")
    of = f"{count} of {counted(monitored.num_clips, 'clip')} of --monitor {trained}, too"
    line("heard", f"{of}: without {owner}, but not as new sounds")


def print_outcome(
  run: "Run", outcome: "Outcome", config: SystemConfig, store: Store, model: "ContrastiveModel"
) -> None:
  """Prints the summary at the end of a training.

  Args:
    run: the Run.
    outcome: how `Pretraining.train` ended.
    config: the configuration of the training.
    store: what it was trained on.
    model: the trained ContrastiveModel.

  Example:
    >>> from types import SimpleNamespace
    >>> run, config = SimpleNamespace(folder="runs/mine"), SimpleNamespace(num_steps=400)
    >>> stopped = SimpleNamespace(step=120, finished=False)
    >>> print_outcome(run, stopped, config, store=None, model=None)
    stopped    after step 120 of 400, saved in runs/mine
    next       the same command resumes from there
  """
  if not outcome.finished:
    line("stopped", f"after step {outcome.step} of {config.num_steps}, saved in {run.folder}")
    line("next", "the same command resumes from there")
    return
  heard_samples = outcome.step * config.batch_size * 2 * config.front_end().num_samples
  heard = f"{duration(heard_samples / (config.sample_rate_hz * 3600))} of excerpts"
  kind = "pieces" if config.piece_s else "clips"
  trained = f"{run.config['system']} on {store.num_clips} {kind}"
  line("trained", f"{trained}: {outcome.step} steps, {heard}")
  _print_chance(run, config.chance)
  size = model.encoder.output_shape[-1]
  weights = f"{model.encoder.count_params() / 1e6:.1f} M weights"
  line("encoder", f"{config.encoder}, {weights}, {size}-d embeddings")
  _print_knn(run)
  _print_linear(run)
  line("run", f"{run.folder} (metrics.jsonl, tensorboard, checkpoints, plots)")
  line("model", run.saved_model)
  for heading, command in zip(("next", "or"), _next_commands(run)):
    line(heading, command)


def _print_chance(run: "Run", chance: float) -> None:
  from contrastive_audio.monitoring.health import recent_accuracy  # late: it imports TensorFlow

  accuracy = recent_accuracy(run)
  if accuracy is not None and is_at_chance(accuracy, chance):
    found = f"{100 * accuracy:.1f} % of the pairs were found, {100 * chance:.1f} % by chance"
    line("at chance", f"{found}: the encoder has learned next to nothing; see the warning above")


def _print_knn(run: "Run") -> None:
  steps, accuracy = run.metrics("knn_accuracy")
  if not len(steps):
    line("kNN", "not measured: no labels can be used; --monitor=DATASET evaluates on others")
    return
  chance = run.metrics("knn_chance")[1][-1]
  text = f"{100 * accuracy[-1]:.1f} % (mean over classes), chance {100 * chance:.1f} %"
  if steps[0] == 0 and len(steps) > 1:
    text += f", before training {100 * accuracy[0]:.1f} %"
  if (run.metrics("knn_groups")[1] > 1).any():
    text += " (neighbours of other groups only)"
  line("kNN", text)


def _print_linear(run: "Run") -> None:
  steps, accuracy = run.metrics("linear_accuracy")
  if not len(steps):
    return
  text = f"{100 * accuracy[-1]:.1f} % (mean over classes)"
  if steps[0] > 0 or len(steps) == 1:
    line("linear", text)
    return
  line("linear", f"{text}, before training {100 * accuracy[0]:.1f} %")
  if (lost := 100 * (accuracy[0] - accuracy[-1])) >= 0.05:
    line("lost", f"training lost {lost:.1f} points of the linear classifier: {_LOST_ADVICE}")


def _next_commands(run: "Run") -> list[str]:
  """What the reader of the summary may want to do: hear what the encoder has learned, or see it."""
  dataset = run.config["config"]["dataset"]
  if dataset == "synthetic":
    return [f"python -m {run.config['system']}.train --dataset=/path/to/your/audio"]
  commands = [f"tensorboard --logdir={shlex.quote(run.path('tensorboard'))}"]
  path = dataset.removeprefix("folder:")
  if path != dataset and os.path.exists(path):  # not several, and no name
    # Whole recordings have little in common with each other: what counts is what is heard in them.
    what, output = "neighbours", "output=neighbours"
    if run.config["config"].get("piece_s"):
      what, output = "label", "labels=labels.csv"
    flags = [f"--model={run.folder}", f"--input={path}", f"--{output}"]
    commands.insert(0, shlex.join(["python", "-m", f"downstream.{what}", *flags]))
  return commands
