"""python -m benchmarks.precision: measures what half precision does to the loss, and to the speed.

It trains the recipe `small` on the synthetic set with each precision for the same steps. The table
shows the mean loss, that of the last quarter, how many steps were not finite, and pairs/s.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks.lib import systems
from benchmarks.lib.short_training import ShortTraining, train
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.configuration import PRECISIONS
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.precision",
  "python -m benchmarks.precision --system=mixback --precisions=float32,mixed_bfloat16 --steps=50",
)


def main(_: Sequence[str]) -> None:
  system = FLAGS.system
  config = systems.recipe_config(system, "small", steps=FLAGS.steps, batch_size=FLAGS.batch_size)
  configs = [dataclasses.replace(config, precision=name) for name in FLAGS.precisions]
  start_tensorflow()
  rows = [[variant.precision, *row(train(system, variant))] for variant in configs]
  print(f"\n{system}, recipe small, {config.steps} steps of {config.batch_size}\n")
  headings = ["precision", "mean loss", "of the last quarter", "steps not finite", "pairs/s"]
  markdown_table.show(headings, rows)


def row(trained: ShortTraining) -> list[str]:
  """Returns the cells of a training, without its name."""
  last_quarter = trained.losses[-max(1, len(trained.losses) // 4) :]
  means = [f"{np.mean(trained.losses):.4f}", f"{np.mean(last_quarter):.4f}"]
  return [*means, str(trained.not_finite), f"{trained.pairs_per_s:.0f}"]


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_enum("system", "cola", systems.SYSTEMS, "Which system is trained.")
    flags.DEFINE_list(
      "precisions", list(PRECISIONS[:3]), f"Which are compared, of {', '.join(PRECISIONS)}."
    )
    flags.DEFINE_integer("steps", 200, "Steps of each training.", lower_bound=1)
    flags.DEFINE_integer("batch_size", 16, "Pairs of a step.", lower_bound=4)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
