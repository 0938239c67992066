"""python -m benchmarks.microbatch: memory and speed of a training step in one piece and in parts.

Each variant is a process of its own, which takes a few steps of a paper's model on noise. The table
shows the largest resident memory of the process, TensorFlow's own among it, and the median time of
a step after the first, which traces the graph: on the clock, and of all processors together.
"""

import dataclasses
import statistics
import time
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks.lib import own_process, systems
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.microbatch",
  "python -m benchmarks.microbatch --batch_size=1024 --microbatches=32 --steps=1",
)


@dataclasses.dataclass(frozen=True)
class Measured:
  """What was measured of one variant.

  Attributes:
    memory_mb: peak of the resident memory.
    step_s: median time of a step; of the first, with tracing, if there is no other.
    processor_s: the same of all processors together, on which other programs have no influence.
    loss: of the first step.
  """

  memory_mb: float
  step_s: float
  processor_s: float
  loss: float


def main(_: Sequence[str]) -> None:
  rows = []
  for size in FLAGS.microbatches:
    arguments = (FLAGS.system, FLAGS.batch_size, size, FLAGS.steps)
    measured = own_process.call(measure, *arguments)
    times = [f"{measured.step_s:.1f}", f"{measured.processor_s:.1f}"]
    numbers = [f"{measured.memory_mb:,.0f}", *times]
    rows.append([str(size or "all"), *numbers, f"{measured.loss:.3f}"])
  print(f"\n{FLAGS.system}, model of the paper, batch of {FLAGS.batch_size} pairs\n")
  headings = ["pairs at once", "peak memory (MB)", "step (s)", "processors (s)", "first loss"]
  markdown_table.show(headings, rows)


def measure(system: str, batch_size: int, microbatch: int, steps: int) -> Measured:
  """Takes some steps in this process."""
  start_tensorflow()
  import tensorflow as tf

  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.training import building

  fields = {"batch_size": batch_size, "microbatch": microbatch, "steps": 1000}
  config = systems.paper_config(system, **fields)
  model = building.build(systems.model_builder(system), config, Hosts())
  shape = [batch_size, 2, config.front_end().num_samples]
  batch = np.random.default_rng(0).standard_normal(shape, np.float32)
  step, times_s, losses = tf.function(model.train_step), [], []
  for _ in range(steps):
    start = np.array([time.perf_counter(), time.process_time()])
    losses.append(float(step(batch)["loss"]))
    times_s.append([time.perf_counter(), time.process_time()] - start)
  step_s, processor_s = (statistics.median(times) for times in zip(*times_s[1:] or times_s))
  return Measured(own_process.peak_memory_mb(), step_s, processor_s, losses[0])


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_enum("system", "cola", systems.SYSTEMS, "Whose model.")
    flags.DEFINE_integer("batch_size", 256, "Pairs of a step.", lower_bound=4)
    flags.DEFINE_multi_integer("microbatches", [0, 32], "Pairs at once; 0: all.", lower_bound=0)
    flags.DEFINE_integer("steps", 2, "Steps, the first of which is not timed.", lower_bound=1)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
