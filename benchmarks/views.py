"""python -m benchmarks.views: what each part of mix-back's views costs, in clips per second.

On the device: batched, as in train_step. On the host: the same code inside tf.data, as with
--views_on=host. The parts are measured in turns in one process, on ready-made input.
"""

import os
import statistics
import time

from absl import flags

from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table

_BATCH = flags.DEFINE_integer("batch_size", 128, "Clips of a batch.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Turns of each part; medians are printed.")


def main(_):
  parts = make_parts(_BATCH.value)
  on_device = {name: on_the_device(*part) for name, part in parts.items()}
  on_host = {name: on_the_host(*part) for name, part in parts.items()}
  seconds = {(name, where): [] for name in parts for where in ("device", "host")}
  for turn in range(_ROUNDS.value + 1):
    for name in parts:
      for where, runs in (("device", on_device), ("host", on_host)):
        start_s = time.perf_counter()
        runs[name](turn)
        if turn:  # the first traces
          seconds[name, where].append(time.perf_counter() - start_s)
  show(parts, {key: statistics.median(values) for key, values in seconds.items()})


def show(parts, seconds):
  whole = next(reversed(parts))
  rows = []
  for name in parts:
    share = seconds[name, "device"] / seconds[whole, "device"]
    rates = [f"{_BATCH.value / seconds[name, where]:,.0f}" for where in ("device", "host")]
    rows.append([name, *rates, f"{100 * share:.0f} %"])
  print(f"\nbatch {_BATCH.value}, two views of each clip, {os.cpu_count()} cores\n")
  markdown_table.show(
    ["part", "device (clips/s)", "host (clips/s)", "time against all of them"], rows
  )


def make_parts(batch_size):
  """Returns name -> (function of (input, seed), input); the last is all of them."""
  import numpy as np
  import tensorflow as tf

  from contrastive_audio.frontend.front_end import energies_by_clip
  from contrastive_audio.views import augment
  from mixback.config import Config
  from mixback.model import make_views, mix

  config = Config(augment="all")
  front_end = config.front_end()
  rng = np.random.default_rng(0)
  waves = tf.constant(rng.normal(0, 0.1, [batch_size, 2, front_end.num_samples]), tf.float32)
  energies = front_end.energies(waves)
  log_mels = tf.reshape(front_end.log_mel.compress(energies), [-1, config.frames, config.num_mels])
  parts = {
    "mel energies (STFT, filters)": (lambda x, seed: energies_by_clip(front_end, x), waves),
    "mix-back": (lambda x, seed: mix(config, x, seed), energies),
    "logarithm": (lambda x, seed: front_end.log_mel.compress(x), energies),
  }
  for name in augment.AUGMENTATIONS:
    parts[name] = (augment.augmentation(config, name), log_mels)
  parts["all of recipe paper"] = (make_views(Config()), waves)
  return parts


def on_the_device(function, batch):
  import tensorflow as tf

  compiled = tf.function(function)
  return lambda turn: compiled(batch, tf.constant([0, turn])).numpy()


def on_the_host(function, batch):
  import tensorflow as tf

  turns = tf.data.Dataset.range(1 << 30)
  dataset = turns.map(lambda turn: function(batch, tf.stack([0, tf.cast(turn, tf.int32)])))
  options = tf.data.Options()
  options.experimental_optimization.apply_default_optimizations = False  # nothing is made ahead
  iterator = iter(dataset.with_options(options))
  return lambda turn: next(iterator).numpy()


if __name__ == "__main__":
  main.run_main(main)
