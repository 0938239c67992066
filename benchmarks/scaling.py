"""python -m benchmarks.scaling: compares one process with two, and with the cost model.

It trains the recipe `small` on the synthetic set with one process on one core, with one process on
two cores, and with two processes, a core each, that share the batch. It prints pairs/s (the median
after the first steps) and the bytes that two processes send each other in a step, as the loopback
device counts them, beside the prediction of benchmarks.lib.cost_model. Then it prints the rate at
which one core draws pairs from the store.
"""

import dataclasses
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
from absl import flags

from benchmarks.lib import cost_model, systems
from contrastive_audio.cli.console import line
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table

EXAMPLES = (
  "python -m benchmarks.scaling",
  "python -m benchmarks.scaling --system=mixback --steps=60 --batch_size=32",
)
_LOOPBACK = "/sys/class/net/lo/statistics/tx_bytes"
_SKIPPED_STEPS = 20  # the first ones build graphs and fill buffers
_DRAWING_S = 3


@dataclasses.dataclass(frozen=True)
class Setting:
  """What is trained, and what the prediction assumes.

  Attributes:
    system: "cola" or "mixback".
    steps: of each training.
    batch_size: pairs of all processes together.
    bytes_per_s: of the network.
    message_s: delay of a collective operation.
  """

  system: str
  steps: int
  batch_size: int
  bytes_per_s: float
  message_s: float


@dataclasses.dataclass(frozen=True)
class Rates:
  """What was measured of a training.

  Attributes:
    pairs_per_s: the median over the steps.
    bytes_per_step: what the loopback device sent; NaN: not counted.
  """

  pairs_per_s: float
  bytes_per_step: float


def main(_: Sequence[str]) -> None:
  setting = Setting(FLAGS.system, FLAGS.steps, FLAGS.batch_size, FLAGS.bytes_per_s, FLAGS.message_s)
  if (os.cpu_count() or 1) < 2 or not os.path.exists(_LOOPBACK):
    raise UserError("this needs Linux and two cores")
  with tempfile.TemporaryDirectory() as folder:
    one_core = train(setting, os.path.join(folder, "one_core"), [{0}])
    two_cores = train(setting, os.path.join(folder, "two_cores"), [{0, 1}])
    two_processes = train(setting, os.path.join(folder, "two_processes"), [{0}, {1}])
  start_tensorflow()
  config = systems.recipe_config(setting.system, "small", mean=0.0, std=1.0)
  training = cost_model.of_model(systems.model_builder(setting.system)(config), config)
  print(f"\n{setting.system}, recipe small, batch {setting.batch_size}\n")
  predicted = predicted_pairs_per_s(setting, training, one_core.pairs_per_s)
  rows = [
    ["1 process, 1 core", f"{one_core.pairs_per_s:.0f}", ""],
    ["1 process, 2 cores", f"{two_cores.pairs_per_s:.0f}", ""],
    ["2 processes, 1 core each", f"{two_processes.pairs_per_s:.0f}", f"{predicted:.0f}"],
  ]
  markdown_table.show(["what", "pairs/s", "predicted"], rows)
  show_bytes(setting, training, two_processes.bytes_per_step)
  print()
  line("input", f"{input_pairs_per_s(config):.0f} pairs/s of one core, from the store")


def train(setting: Setting, run_folder: str, cores_of_processes: list[set[int]]) -> Rates:
  """Trains with a process for each set of cores."""
  arguments = [f"--run={run_folder}", "--recipe=small", f"--batch_size={setting.batch_size}"]
  arguments += [f"--steps={setting.steps}", "--checkpoint_every=1000000"]
  workers = [f"127.0.0.1:{port}" for port in _free_ports(len(cores_of_processes))]
  processes = []
  for index, cores in enumerate(cores_of_processes):
    task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
    variables = {"TF_CONFIG": json.dumps(task)} if len(workers) > 1 else {}
    command = [sys.executable, "-m", f"{setting.system}.train", *arguments]
    pin = functools.partial(os.sched_setaffinity, 0, cores)
    processes.append(
      subprocess.Popen(
        command, env=os.environ | variables, preexec_fn=pin, stdout=subprocess.DEVNULL
      )
    )
  bytes_per_step = _count_bytes(processes, run_folder, setting.steps)
  if any(process.wait() for process in processes):
    raise UserError(f"a training of the benchmark failed, see above: {' '.join(arguments)}")
  rows = [row for row in _metrics(run_folder) if row["step"] > _SKIPPED_STEPS]
  pairs_per_s = [row["pairs_per_s"] for row in rows if "pairs_per_s" in row]
  return Rates(float(np.median(pairs_per_s)), bytes_per_step)


def _count_bytes(processes: list[subprocess.Popen], run_folder: str, steps: int) -> float:
  """Returns what the loopback device sends in a step, counted between two lines of the log."""
  sent_at_step: dict[int, int] = {}
  while any(process.poll() is None for process in processes):
    step = _last_step(run_folder)
    if step is not None and _SKIPPED_STEPS <= step < steps:
      sent_at_step.setdefault(step, _sent_bytes())
    time.sleep(0.02)
  if len(sent_at_step) < 2:
    return np.nan
  first, last = min(sent_at_step), max(sent_at_step)
  return (sent_at_step[last] - sent_at_step[first]) / (last - first)


def _last_step(run_folder: str) -> int | None:
  path = os.path.join(run_folder, "metrics.jsonl")
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    lines = [text for text in file if text.endswith("}\n") and '"loss"' in text]
  return json.loads(lines[-1])["step"] if lines else None


def _metrics(run_folder: str) -> list[dict]:
  with open(os.path.join(run_folder, "metrics.jsonl"), encoding="utf-8") as file:
    return [json.loads(text) for text in file]


def _sent_bytes() -> int:
  with open(_LOOPBACK, encoding="ascii") as file:
    return int(file.read())


def _free_ports(count: int) -> list[int]:
  sockets = [socket.socket() for _ in range(count)]
  for one in sockets:
    one.bind(("127.0.0.1", 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports


def predicted_pairs_per_s(
  setting: Setting, training: cost_model.Training, pairs_per_s_of_one: float
) -> float:
  """Returns the rate of two processes that compute at the rate of one, and send what they must."""
  sent = sum(cost_model.sent_bytes(training, setting.batch_size, replicas=2).values())
  computing_s = setting.batch_size / (2 * pairs_per_s_of_one)
  sending_s = sent / setting.bytes_per_s + cost_model.messages(training) * setting.message_s
  return setting.batch_size / (computing_s + sending_s)


def show_bytes(setting: Setting, training: cost_model.Training, measured: float) -> None:
  """Prints what both processes together send in a step."""
  sent = cost_model.sent_bytes(training, setting.batch_size, replicas=2)
  rows = [[name, f"{count / 1e6:.2f}"] for name, count in sent.items()]
  rows += [["predicted", f"{sum(sent.values()) / 1e6:.2f}"], ["measured", f"{measured / 1e6:.2f}"]]
  print("\nsent in a step by both together\n")
  markdown_table.show(["what", "MB"], rows)


def input_pairs_per_s(config) -> float:
  """Returns pairs/s of the input alone, on one core; it pins this process to it."""
  from contrastive_audio import datasets
  from contrastive_audio.store import preparation

  store = preparation.prepare(datasets.open_source("synthetic"), config.sample_rate_hz)
  os.sched_setaffinity(0, {0})
  batches = iter(config.pairs(store).dataset(0, 10**6))
  start_s, count = time.perf_counter(), 0
  while time.perf_counter() - start_s < _DRAWING_S:
    next(batches)
    count += 1
  return count * config.batch_size / (time.perf_counter() - start_s)


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_enum("system", "cola", systems.SYSTEMS, "Which system is trained.")
    flags.DEFINE_integer("steps", 120, "Steps of each training.", lower_bound=60)
    flags.DEFINE_integer("batch_size", 64, "Pairs of all processes together.", lower_bound=4)
  with flag_group("Prediction"):
    flags.DEFINE_float("bytes_per_s", 1e9, "Speed of the network.", lower_bound=1.0)
    flags.DEFINE_float("message_s", 5e-4, "Delay of a collective operation.", lower_bound=0.0)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
