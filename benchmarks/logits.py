"""python -m benchmarks.logits: compares the loss of a large batch in one piece and in blocks.

Each variant runs in a process of its own. The table shows the loss, by how much the gradient
differs from that of one piece, the time of loss and gradient, and the memory that they take.
"""

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks.lib import own_process
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.logits",
  "python -m benchmarks.logits --batch_size=4096 --blocks=512",
)
UNITS = 512


@dataclasses.dataclass(frozen=True)
class Measured:
  """What was measured of one variant.

  Attributes:
    loss: a scalar.
    gradient: of the loss, by the rows, float32 `[batch size, UNITS]`.
    seconds: time of loss and gradient.
    memory_mb: by how much the peak of memory grew.
  """

  loss: float
  gradient: np.ndarray
  seconds: float
  memory_mb: float


def main(_: Sequence[str]) -> None:
  batch_size, blocks = FLAGS.batch_size, FLAGS.blocks
  one_piece = own_process.call(measure, batch_size, 0)
  rows = [_row("all", one_piece, one_piece)]
  for block in blocks:
    rows.append(_row(str(block), own_process.call(measure, batch_size, block), one_piece))
  print(f"\n{batch_size} rows and columns of {UNITS}, loss and gradient\n")
  headings = ["rows at once", "loss", "gradient differs by", "time (s)", "memory (MB)"]
  markdown_table.show(headings, rows)


def _row(name: str, measured: Measured, one_piece: Measured) -> list[str]:
  error = np.abs(measured.gradient - one_piece.gradient).max() / np.abs(one_piece.gradient).max()
  numbers = [f"{measured.loss:.6f}", f"{error:.1e}", f"{measured.seconds:.2f}"]
  return [name, *numbers, f"{measured.memory_mb:.0f}"]


def measure(batch_size: int, block: int) -> Measured:
  """Measures one variant in this process, after two small calls; block 0: one piece."""
  start_tensorflow()
  import tensorflow as tf

  from contrastive_audio.training.cross_entropy import cross_entropy

  @tf.function(reduce_retracing=True)
  def loss_and_gradient(rows, columns):
    with tf.GradientTape() as tape:
      tape.watch(rows)
      loss, _ = cross_entropy(rows, columns, tf.range(tf.shape(rows)[0]), block=block)
    return loss, tape.gradient(loss, rows)

  rows, columns = np.random.default_rng(0).normal(0, 0.1, [2, batch_size, UNITS]).astype("f")
  for size in (64, 65):  # two sizes, so that the graph takes any size
    loss_and_gradient(tf.constant(rows[:size]), tf.constant(columns[:size]))
  before_mb, start_s = own_process.peak_memory_mb(), time.perf_counter()
  loss, gradient = loss_and_gradient(tf.constant(rows), tf.constant(columns))
  seconds = time.perf_counter() - start_s
  grown_mb = own_process.peak_memory_mb() - before_mb
  return Measured(float(loss), gradient.numpy(), seconds, grown_mb)


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_integer("batch_size", 8192, "Rows, and columns.", lower_bound=128)
    flags.DEFINE_multi_integer("blocks", [2048, 256], "Rows at once.", lower_bound=1)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
