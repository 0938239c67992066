"""python -m benchmarks.views: measures what each step of mix-back's views costs.

On the device a step is computed for a batch, as in train_step; on the host the same code runs
inside tf.data, as with --views_on=host. All steps are measured in turns, in one process, on inputs
that are computed beforehand.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from absl import flags

from benchmarks.lib.view_steps import ALL_STEPS, Step, make_steps, on_device
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.views",
  "python -m benchmarks.views --batch_size=32 --rounds=3",
)


def main(_: Sequence[str]) -> None:
  batch_size, rounds = FLAGS.batch_size, FLAGS.rounds
  start_tensorflow()
  steps = make_steps(batch_size)
  calls = {(name, "device"): on_device(step) for name, step in steps.items()}
  calls |= {(name, "host"): on_host(step) for name, step in steps.items()}
  seconds = {key: [] for key in calls}
  for number in range(rounds + 1):
    for key, call in calls.items():
      start_s = time.perf_counter()
      call(number)
      if number:  # the first round traces
        seconds[key].append(time.perf_counter() - start_s)
  medians = {key: statistics.median(values) for key, values in seconds.items()}
  print(f"\nbatch {batch_size}, two views of each clip, {os.cpu_count()} cores\n")
  headings = ["step", "device (clips/s)", "host (clips/s)", "time against all of them"]
  markdown_table.show(headings, [_row(name, medians, batch_size) for name in steps])


def _row(name: str, seconds: dict[tuple[str, str], float], batch_size: int) -> list[str]:
  rates = [f"{batch_size / seconds[name, place]:,.0f}" for place in ("device", "host")]
  share = seconds[name, "device"] / seconds[ALL_STEPS, "device"]
  return [name, *rates, f"{100 * share:.0f} %"]


def on_host(step: Step) -> Callable[[int], np.ndarray]:
  """Returns what computes a step inside tf.data."""
  import tensorflow as tf

  from contrastive_audio.utils.pipelines import without_tuning

  numbers = tf.data.Dataset.range(1 << 30)
  dataset = numbers.map(
    lambda number: step.function(step.batch, tf.stack([0, tf.cast(number, tf.int32)]))
  )
  options = tf.data.Options()
  options.experimental_optimization.apply_default_optimizations = False  # nothing is prefetched
  iterator = iter(without_tuning(dataset.with_options(options)))
  return lambda number: next(iterator).numpy()


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_integer("batch_size", 128, "Clips of a batch.", lower_bound=3)
    flags.DEFINE_integer("rounds", 7, "Rounds, whose medians are printed.", lower_bound=1)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
