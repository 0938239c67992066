"""python -m benchmarks.precision: what half precision does to the loss, and to the speed.

Trains the recipe `small` on the synthetic set with each precision, the same steps; prints the mean
loss, that of the last quarter, how many steps were not finite, and pairs/s.
"""

import dataclasses
import time

import numpy as np
from absl import flags

from benchmarks.lib import systems
from contrastive_audio import configuration
from contrastive_audio.cli import flags, main
from contrastive_audio.utils import markdown_table


def main(_):
  import tensorflow as tf

  from contrastive_audio import datasets
  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.frontend.statistics import log_mel_statistics
  from contrastive_audio.store import preparation
  from contrastive_audio.training import pretraining

  values = flags.FLAGS.flag_values_dict()
  sizes = {name: values[name] for name in ("steps", "batch_size")}
  config = systems.small_config(values["system"], **sizes)
  store = preparation.prepare(datasets.open_source("synthetic"), config.sample_rate_hz)
  mean, std = log_mel_statistics(store, config.front_end())
  rows = []
  for precision in values["precisions"]:
    exact = dataclasses.replace(config, precision=precision, mean=mean, std=std)
    model = pretraining.build(systems.builder(values["system"]), exact, Hosts())
    step, losses, norms = tf.function(model.train_step), [], []
    begin_s = time.perf_counter()
    for batch in exact.pairs(store).dataset(0, exact.steps, parallel=False):
      logs = step(batch)
      losses.append(float(logs["loss"]))
      norms.append(float(logs["gradient_norm"]))
    rate = exact.steps * exact.batch_size / (time.perf_counter() - begin_s)
    rows.append([precision, *_summary(losses, norms), f"{rate:.0f}"])
  print(f"\n{values['system']}, recipe small, {config.steps} steps of {config.batch_size}\n")
  markdown_table.show(
    ["precision", "mean loss", "of the last quarter", "not finite", "pairs/s"], rows
  )


def _summary(losses, norms):
  last = losses[-max(1, len(losses) // 4) :]
  odd = sum(not np.isfinite(pair).all() for pair in zip(losses, norms))
  return f"{np.mean(losses):.4f}", f"{np.mean(last):.4f}", str(odd)


def _define_flags():
  halves = list(configuration.PRECISIONS[:3])
  flags.DEFINE_enum("system", "cola", ["cola", "mixback"], "Which system is trained.")
  flags.DEFINE_list("precisions", halves, "Which.")
  flags.DEFINE_integer("steps", 200, "Steps of each training.", lower_bound=1)
  flags.DEFINE_integer("batch_size", 16, "Pairs of a step.", lower_bound=4)


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
