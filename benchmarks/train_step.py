"""python -m benchmarks.train_step: compares the whole training loop with the bare training step.

First it measures the loop of a system (excerpts, views, recording, checkpoints) against the same
train_step on log-mels that are computed beforehand, in turns, in one process. For COLA it then
measures what changes the bare step on a CPU: Adam in one operation, oneDNN, bfloat16, threads; each
in a process of its own, in turns.
"""

import os
import statistics
from collections.abc import Sequence

from absl import flags

from benchmarks.lib import own_process, systems
from benchmarks.lib.step_timing import BareStep, time_loop
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.train_step",
  "python -m benchmarks.train_step --system=mixback --recipe=small --batch_size=64 --novariants",
)
AS_SHIPPED = "as shipped"
# Name -> (environment, what is switched).
VARIANTS = {
  AS_SHIPPED: ({}, None),
  "Keras' Adam": ({}, "keras_adam"),
  "without oneDNN": ({"TF_ENABLE_ONEDNN_OPTS": "0"}, None),
  "mixed_bfloat16": ({}, "bfloat16"),
  "one thread per operation": ({}, "one_intra_thread"),
}


def main(_: Sequence[str]) -> None:
  batch_size, steps, rounds = FLAGS.batch_size, FLAGS.steps, FLAGS.rounds
  fields = {"batch_size": batch_size, "steps": steps * rounds, "balance": 1.0}
  config = systems.recipe_config(FLAGS.system, FLAGS.recipe, **fields)
  start_tensorflow()
  show_loop(FLAGS.system, config, steps)
  if FLAGS.variants and FLAGS.system == "cola":
    show_variants(batch_size, steps, rounds)


def show_loop(system: str, config, steps: int) -> None:
  """Measures the loop and the bare step in turns of `steps`, and prints both."""
  timer = time_loop(system, config, steps)
  loop, bare = (
    config.batch_size / statistics.median(times) for times in (timer.loop_s, timer.bare_s)
  )
  title = f"{system}.train, {config.encoder}, batch {config.batch_size}"
  print(f"\n{title}, {os.cpu_count()} cores, {len(timer.loop_s)} steps each\n")
  rows = [
    ["whole loop", f"{loop:.1f}", f"{loop / bare:.3f}x"],
    ["bare step on ready log-mels", f"{bare:.1f}", "1"],
  ]
  markdown_table.show(["what", "pairs/s", "ratio"], rows)


def show_variants(batch_size: int, steps: int, rounds: int) -> None:
  """Measures each variant of COLA's bare step in a process of its own, in turns."""
  rates = {name: [] for name in VARIANTS}
  for _ in range(rounds):
    for name, (environment, switch) in VARIANTS.items():
      rate = own_process.call(measure, switch, batch_size, steps, environment=environment)
      rates[name].append(rate)
  medians = {name: statistics.median(values) for name, values in rates.items()}
  rows = [
    [name, f"{rate:.1f}", f"{rate / medians[AS_SHIPPED]:.2f}x"] for name, rate in medians.items()
  ]
  print(f"\nbare step, batch {batch_size}, {os.cpu_count()} cores\n")
  markdown_table.show(["variant", "pairs/s", "against as shipped"], rows)


def measure(switch: str | None, batch_size: int, steps: int) -> float:
  """Returns pairs per second of COLA's bare step in this process, with something switched."""
  start_tensorflow()
  import keras
  import tensorflow as tf

  if switch == "one_intra_thread":
    tf.config.threading.set_intra_op_parallelism_threads(1)
  if switch == "bfloat16":
    keras.config.set_dtype_policy("mixed_bfloat16")
  config = systems.paper_config("cola", batch_size=batch_size)
  model = systems.model_builder("cola")(config)
  if switch == "keras_adam":
    model.compile(keras.optimizers.Adam(config.learning_rate))
  bare = BareStep(model, config)
  for _ in range(3):
    bare.seconds()
  return batch_size / statistics.median(bare.seconds() for _ in range(steps))


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_enum("system", "cola", systems.SYSTEMS, "Whose loop is measured.")
    flags.DEFINE_string("recipe", "paper", "Of the system; but all clips are drawn alike.")
    flags.DEFINE_integer("batch_size", 32, "Pairs of a step.", lower_bound=3)
    flags.DEFINE_integer("steps", 5, "Steps of a turn.", lower_bound=1)
    flags.DEFINE_integer("rounds", 8, "Turns, whose medians are printed.", lower_bound=2)
    flags.DEFINE_bool("variants", True, "Measure the variants of COLA's bare step, too.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
