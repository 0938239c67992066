"""python -m benchmarks.first_answer: what a newcomer waits for: help, a training, an export.

Each command runs in a process of its own, in turns with other checkouts of any version
(--checkout=NAME=FOLDER); what counts is processor time, its median over the rounds, so that a busy
machine changes little. The first training also generates its sounds and decodes them; the export is
that of EfficientNet-B0, trained for one step.
"""

import collections
import dataclasses
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.first_answer --rounds=3",
  "python -m benchmarks.first_answer --checkout=0.1=/path/to/version-0.1 --steps=400",
)
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = "this version"


@dataclasses.dataclass(frozen=True)
class Cost:
  """What a command took.

  Attributes:
    processor_s: of all its threads and children.
    wall_s: on the clock.
  """

  processor_s: float
  wall_s: float


def main(_: Sequence[str]) -> None:
  checkouts = {OURS: HERE} | dict(map(_checkout, FLAGS.checkout))
  costs: dict[str, dict[str, list[Cost]]] = collections.defaultdict(dict)
  for number in range(FLAGS.rounds):
    for name, folder in checkouts.items():
      print(f"round {number + 1} of {FLAGS.rounds}: {name}", file=sys.stderr, flush=True)
      for stage, cost in measure(folder, FLAGS.steps).items():
        costs[stage].setdefault(name, []).append(cost)
  others = [name for name in checkouts if name != OURS]
  headings = ["command", *(f"{name} (s)" for name in (*others, OURS)), "ratio", "on the clock (s)"]
  print(f"\nprocessor seconds, {os.cpu_count()} cores, medians of {FLAGS.rounds}\n")
  markdown_table.show(headings, [row(stage, costs[stage], others) for stage in costs])


def _checkout(text: str) -> tuple[str, str]:
  """Reads NAME=FOLDER."""
  name, _, folder = text.partition("=")
  if not os.path.isdir(os.path.join(folder, "cola")):
    raise UserError(f"--checkout={text}: write NAME=FOLDER, a folder that holds cola/train.py")
  return name, os.path.abspath(folder)


def row(stage: str, costs: dict[str, list[Cost]], others: Sequence[str]) -> list[str]:
  """Returns a row of the table: processor seconds of each version, ours last."""
  medians = [
    statistics.median(cost.processor_s for cost in costs[name]) for name in (*others, OURS)
  ]
  ratio = f"{medians[0] / medians[-1]:.2f}x" if others else ""
  wall_s = statistics.median(cost.wall_s for cost in costs[OURS])
  return [stage, *(f"{median:.1f}" for median in medians), ratio, f"{wall_s:.0f}"]


def measure(folder: str, steps: int) -> dict[str, Cost]:
  """Runs the commands of a checkout one after the other; returns what each took."""
  export = (
    "contrastive_audio" if os.path.isdir(os.path.join(folder, "contrastive_audio")) else "audio"
  )
  few = ["--recipe=quick", "--batch_size=2", "--steps=1"]
  with tempfile.TemporaryDirectory() as place:

    def run_here(*words: str) -> Cost:
      return timed([sys.executable, "-m", *words], folder, place)

    costs = {
      "`cola.train --help`": run_here("cola.train", "--help"),
      "`cola.train --steps=1`, the first time": run_here("cola.train", "--run=one", "--steps=1"),
      "`cola.train --steps=1`": run_here("cola.train", "--run=again", "--steps=1"),
      f"`cola.train --steps={steps}`": run_here("cola.train", "--run=all", f"--steps={steps}"),
      "EfficientNet-B0: one step and the export": run_here("cola.train", "--run=b0", *few),
    }
    costs["EfficientNet-B0: `export`"] = run_here(f"{export}.export", "--run=b0", "--output=sm")
  return costs


def timed(command: Sequence[str], folder: str, place: str) -> Cost:
  """Runs a command of a checkout in a folder; returns what it took, children included."""
  variables = {"PYTHONPATH": folder, "CONTRASTIVE_AUDIO_CACHE": os.path.join(place, "cache")}
  variables |= {"AUDIO_CACHE": os.path.join(place, "cache"), "XDG_CACHE_HOME": place}
  before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
  done = subprocess.run(
    command, cwd=place, env=os.environ | variables, capture_output=True, text=True
  )
  wall_s, after = time.perf_counter() - started_s, resource.getrusage(resource.RUSAGE_CHILDREN)
  said = done.stderr.strip()
  if done.returncode and (said or command[-1] != "--help"):  # 0.1 ends its help with code 1
    last = re.split(r"[\r\n]+", said)[-1] or f"ended with code {done.returncode}"
    raise UserError(f"{' '.join(command[1:])} in {folder}: {last}")
  used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
  return Cost(used_s, wall_s)


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_multi_string("checkout", [], "NAME=FOLDER of another version to compare with.")
    flags.DEFINE_integer("steps", 400, "Steps of the whole training.", lower_bound=1)
    flags.DEFINE_integer("rounds", 1, "Runs of each command, whose median counts.", lower_bound=1)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
