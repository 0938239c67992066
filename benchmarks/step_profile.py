"""python -m benchmarks.step_profile: shows which operations a training step spends its time in.

TensorFlow's profiler watches a few steps of a paper's model on one thread, so that no two
operations run at once: of the model as it is, and with layers and optimizer as Keras has them. The
shares are of the clock; other programs disturb all operations alike.
"""

import collections
import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags

from benchmarks.lib import own_process
from benchmarks.lib.step_contestants import SYSTEM_OF, OurStep
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.step_profile",
  "python -m benchmarks.step_profile --encoder=resnet18 --batch_size=8",
)
# What is shown -> parts of names of operations; the first that fits counts.
KINDS = {
  "depthwise convolutions, gradients of kernels": ("DepthwiseConv2dNativeBackpropFilter",),
  "depthwise convolutions, all else": ("DepthwiseConv2d",),
  "convolutions": ("Conv2D",),
  "matrix products": ("MatMul",),
  "BatchNorm, fused": ("FusedBatchNorm",),
  "optimizer": ("ResourceApply", "Assign", "TemporaryVariable"),
  "sums and means": ("Sum", "Mean", "SquaredDifference"),
  "swish and sigmoid": ("Swish", "Sigmoid"),
  "pooling and ReLU": ("MaxPool", "Relu"),
  "products, sums and differences of maps": ("Mul", "Add", "Sub"),
  "copies (pad, slice, tile, transpose)": ("Pad", "Slice", "Tile", "Transpose", "Concat"),
}


def main(_: Sequence[str]) -> None:
  encoder, batch_size, steps = FLAGS.encoder, FLAGS.batch_size, FLAGS.steps
  ours, plain = (
    own_process.call(shares, encoder, batch_size, plain, steps) for plain in (False, True)
  )
  print(f"\n{encoder}, training step, batch {batch_size}, one thread\n")
  rows = [
    [kind, *(f"{100 * counts[kind]:.1f} %" for counts in (plain, ours))]
    for kind in (*KINDS, "other")
  ]
  markdown_table.show(["operations", "plain Keras", "ours"], rows)


def shares(encoder: str, batch_size: int, plain: bool, steps: int) -> dict[str, float]:
  """Returns which share of a step's time each kind of operations takes, in this process."""
  start_tensorflow()
  import tensorflow as tf

  step = OurStep(encoder, batch_size, plain, threads=1)
  step.train()
  with tempfile.TemporaryDirectory() as folder:
    tf.profiler.experimental.start(folder)
    for _ in range(steps):
      step.train()
    tf.profiler.experimental.stop()
    times = collections.Counter({"other": 0})
    for operation, duration in operations(folder):
      times[kind_of(operation)] += duration
  return {kind: times[kind] / times.total() for kind in (*KINDS, "other")}


def kind_of(operation: str) -> str:
  """Returns the kind of an operation, one of KINDS or "other"."""
  for kind, parts in KINDS.items():
    if any(part in operation for part in parts):
      return kind
  return "other"


def operations(folder: str) -> Iterator[tuple[str, int]]:
  """Yields each operation in a profile, and how long it took in ps."""
  from tensorflow.tsl.profiler.protobuf import xplane_pb2

  (path,) = glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True)
  space: Any = xplane_pb2.XSpace()
  with open(path, "rb") as file:
    space.ParseFromString(file.read())
  for plane in space.planes:
    for line in plane.lines:
      for event in line.events:
        name = plane.event_metadata[event.metadata_id].name  # "layer/path:Operation#details"
        parts = name.split("#")[0].split(":")
        if len(parts) == 2 and parts[1].isidentifier():
          yield parts[1], event.duration_ps


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_enum("encoder", "efficientnet_b0", list(SYSTEM_OF), "Which network.")
    flags.DEFINE_integer("batch_size", 32, "Pairs of a step.", lower_bound=3)
    flags.DEFINE_integer("steps", 2, "Steps that are watched.", lower_bound=1)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
