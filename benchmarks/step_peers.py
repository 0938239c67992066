"""python -m benchmarks.step_peers: compares our training step with the same network in PyTorch.

Each contestant is a process of its own; they take turns, so that other programs disturb all alike.
`plain_keras` is the same model with the layers and the optimizer of Keras, which is how the code of
COLA was published. PyTorch runs the networks eagerly, in both orders of its axes, and through
torch.compile. A step embeds two views of each pair, and updates all weights; "forward" embeds them
as for an export. The tables show medians, and the seconds of all processors together.

On a machine that others use, take --threads=1 and compare processor seconds: with more threads,
those of PyTorch wait for each other by computing, and pay for what the others do.
"""

import contextlib
import importlib.util
import os
import platform
import statistics
from collections.abc import Mapping, Sequence

from absl import flags

from benchmarks.lib.step_contestants import (
  OURS,
  PLAIN_KERAS,
  PYTORCH,
  SYSTEM_OF,
  Contestant,
  Seconds,
)
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.extras import install_hint

EXAMPLES = (
  "python -m benchmarks.step_peers",
  "python -m benchmarks.step_peers --encoders=vgg_like --batch_sizes=32,64 --rounds=3",
)
CONTESTANTS = (OURS, PLAIN_KERAS, *PYTORCH)
WHAT = {"train": "training step", "embed": "forward"}


def main(_: Sequence[str]) -> None:
  encoders, batch_sizes = FLAGS.encoders, [_whole(size) for size in FLAGS.batch_sizes]
  names, rounds, threads = FLAGS.contestants, FLAGS.rounds, FLAGS.threads
  _require("encoders", encoders, SYSTEM_OF)
  _require("contestants", names, CONTESTANTS)
  if set(names) & set(PYTORCH) and importlib.util.find_spec("torch") is None:
    raise UserError(
      f"PyTorch is absent: {install_hint('torch')}, or --contestants={OURS},{PLAIN_KERAS}"
    )
  print(f"{threads or os.cpu_count()} threads, {platform.processor() or platform.machine()}")
  for encoder in encoders:
    for batch_size in batch_sizes:
      compare(encoder, batch_size, names, rounds, threads)


def compare(encoder: str, batch_size: int, names: Sequence[str], rounds: int, threads: int) -> None:
  """Measures all contestants in turns, and prints a table of the steps and one of the passes."""
  with contextlib.ExitStack() as stack:
    contestants = {
      name: stack.enter_context(contextlib.closing(Contestant(name, encoder, batch_size, threads)))
      for name in names
    }
    for what, title in WHAT.items():
      print(f"\n{encoder}, {title}, batch {batch_size}, {rounds} turns\n", flush=True)
      show(batch_size, measure(contestants, what, rounds))


def measure(
  contestants: Mapping[str, Contestant], what: str, rounds: int
) -> dict[str, list[Seconds] | str]:
  """Returns how long each contestant took in each turn, or why it could not."""
  measured: dict[str, list[Seconds] | str] = {name: [] for name in contestants}
  for number in range(rounds + 1):
    for name, contestant in contestants.items():
      times = measured[name]
      if isinstance(times, str):
        continue
      try:
        seconds = contestant.seconds(what)
      except Exception as error:  # torch.compile needs a compiler of C++, for example
        measured[name] = f"{type(error).__name__}: {error}".splitlines()[0][:80]
        continue
      if number:  # the first one builds graphs
        times.append(seconds)
  return measured


def show(batch_size: int, measured: dict[str, list[Seconds] | str]) -> None:
  """Prints medians, and how many times as long as ours the others took."""
  medians = {
    name: Seconds(*map(statistics.median, zip(*times)))
    for name, times in measured.items()
    if not isinstance(times, str)
  }
  ours, rows = medians.get(OURS), []
  for name, times in measured.items():
    if isinstance(times, str):
      rows.append([name, times, "", "", ""])
      continue
    took = medians[name]
    ratios = [f"{theirs / own:.2f}x" for theirs, own in zip(took, ours)] if ours else ["", ""]
    rows.append([name, f"{batch_size / took.clock:.1f}", f"{took.processors:.3f}", *ratios])
  headings = ["contestant", "pairs/s", "processors (s)", "time / ours", "processors / ours"]
  markdown_table.show(headings, rows)


def _whole(text: str) -> int:
  if not text.strip().isdecimal() or int(text) < 3:
    raise UserError(f"--batch_sizes: {text!r} is not a whole number from 3 on")
  return int(text)


def _require(flag: str, names: Sequence[str], allowed: Sequence[str]) -> None:
  for name in names:
    if name not in allowed:
      raise UserError(f"--{flag}: there is no {name!r}; there are {', '.join(allowed)}")


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_list("encoders", list(SYSTEM_OF), f"Which, of {', '.join(SYSTEM_OF)}.")
    flags.DEFINE_list("batch_sizes", ["32", "256"], "Pairs of a step.")
    flags.DEFINE_list("contestants", list(CONTESTANTS), "Which of them.")
    flags.DEFINE_integer("rounds", 5, "Turns, whose medians are printed.", lower_bound=1)
    flags.DEFINE_integer("threads", 0, "Threads of each; 0: as many as cores.", lower_bound=0)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
