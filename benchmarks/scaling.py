"""python -m benchmarks.scaling: one process, two processes, and what the cost model says of them.

Trains the recipe `small` on the synthetic set: with one process on one core, one on two cores, and
two processes, a core each, that share the batch. Prints pairs/s (median after the first steps), the
bytes that two processes send each other in a step, counted by the loopback device, and beside them
the prediction of benchmarks.lib.cost_model. Then the rate at which one core draws pairs from the store.
"""

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags

from benchmarks.lib import cost_model, systems
from contrastive_audio import datasets
from contrastive_audio.cli import flags, main
from contrastive_audio.errors import UserError
from contrastive_audio.store import preparation
from contrastive_audio.utils import markdown_table

_SKIPPED_STEPS = 20  # the first ones build graphs and fill buffers
_WARM_S = 3


def main(_):
  values = flags.FLAGS.flag_values_dict()
  if os.cpu_count() < 2 or not os.path.exists(_LOOPBACK):
    raise UserError("this needs Linux and two cores")
  with tempfile.TemporaryDirectory() as folder:
    measure = functools.partial(_train, values, folder)
    one, whole = measure("one", [{0}]), measure("whole", [{0, 1}])
    two = measure("two", [{0}, {1}])
  training = _sizes(values["system"])
  sent = cost_model.sent_bytes(training, values["batch_size"], 2)
  _show_speed(values, training, one, whole, two, sum(sent.values()))
  _show_bytes(sent, two["bytes_per_step"])
  print(f"\ninput      {_input_rate(values):.0f} pairs/s of one core, from the store")


_LOOPBACK = "/sys/class/net/lo/statistics/tx_bytes"


def _train(values, folder, name, cores_of_processes):
  """Trains with a process for each set of cores; returns pairs/s and bytes/step."""
  run = os.path.join(folder, name)
  arguments = [f"--run={run}", "--recipe=small", f"--batch_size={values['batch_size']}"]
  arguments += [f"--steps={values['steps']}", "--checkpoint_every=1000000"]
  workers = [f"127.0.0.1:{port}" for port in _free_ports(len(cores_of_processes))]
  processes = []
  for index, cores in enumerate(cores_of_processes):
    task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
    env = dict(os.environ) | ({"TF_CONFIG": json.dumps(task)} if len(workers) > 1 else {})
    command = [sys.executable, "-m", f"{values['system']}.train", *arguments]
    pin = functools.partial(os.sched_setaffinity, 0, cores)
    processes.append(subprocess.Popen(command, env=env, preexec_fn=pin, stdout=subprocess.DEVNULL))
  counted = _count_bytes(processes, os.path.join(run, "metrics.jsonl"), values["steps"])
  if any(process.wait() for process in processes):
    raise UserError(f"a training of the benchmark failed, see above: {' '.join(arguments)}")
  rows = [row for row in _rows(run) if row["step"] > _SKIPPED_STEPS and "pairs_per_s" in row]
  return {"pairs_per_s": np.median([row["pairs_per_s"] for row in rows]), **counted}


def _count_bytes(processes, metrics, steps):
  """Counts what the loopback device sends between two lines of the log, for each step."""
  seen = {}
  while any(process.poll() is None for process in processes):
    step = _last_step(metrics)
    if step is not None and _SKIPPED_STEPS <= step < steps:
      seen.setdefault(step, _sent_bytes())
    time.sleep(0.02)
  first, last = (min(seen), max(seen)) if len(seen) > 1 else (0, 0)
  return {"bytes_per_step": (seen[last] - seen[first]) / (last - first) if last else np.nan}


def _last_step(metrics):
  if not os.path.exists(metrics):
    return None
  with open(metrics, encoding="utf-8") as file:
    lines = [line for line in file if line.endswith("}\n") and '"loss"' in line]
  return json.loads(lines[-1])["step"] if lines else None


def _rows(run):
  with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
    return [json.loads(line) for line in file]


def _sent_bytes():
  with open(_LOOPBACK, encoding="ascii") as file:
    return int(file.read())


def _free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for one in sockets:
    one.bind(("127.0.0.1", 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports


def _sizes(system):
  config = systems.small_config(system, mean=0.0, std=1.0)
  return cost_model.of_model(systems.builder(system)(config), config)


def _input_rate(values):
  """Returns pairs/s of the input alone, on one core."""
  config = systems.small_config(values["system"], mean=0.0, std=1.0)
  store = preparation.prepare(datasets.open_source("synthetic"), config.sample_rate_hz)
  os.sched_setaffinity(0, {0})
  batches = iter(config.pairs(store).dataset(0, 10**6, parallel=False))
  begin_s, count = time.perf_counter(), 0
  while time.perf_counter() - begin_s < _WARM_S:
    next(batches)
    count += 1
  return count * config.batch_size / (time.perf_counter() - begin_s)


def _show_speed(values, training, one, whole, two, sent):
  ideal = 2 * one["pairs_per_s"]
  step_s = values["batch_size"] / ideal
  step_s += sent / values["bytes_per_s"] + cost_model.messages(training) * values["message_s"]
  rows = [
    ["1 process, 1 core", f"{one['pairs_per_s']:.0f}", ""],
    ["1 process, 2 cores", f"{whole['pairs_per_s']:.0f}", ""],
    [
      "2 processes, 1 core each",
      f"{two['pairs_per_s']:.0f}",
      f"{values['batch_size'] / step_s:.0f}",
    ],
  ]
  print(f"\n{values['system']}, recipe small, batch {values['batch_size']}\n")
  markdown_table.show(["what", "pairs/s", "predicted"], rows)


def _show_bytes(sent, measured):
  rows = [[what, f"{count / 1e6:.2f}"] for what, count in sent.items()]
  rows += [["predicted", f"{sum(sent.values()) / 1e6:.2f}"], ["measured", f"{measured / 1e6:.2f}"]]
  print("\nsent in a step by both together\n")
  markdown_table.show(["what", "MB"], rows)


def _define_flags():
  flags.DEFINE_enum("system", "cola", ["cola", "mixback"], "Which system is trained.")
  flags.DEFINE_integer("steps", 120, "Steps of each training.", lower_bound=60)
  flags.DEFINE_integer("batch_size", 64, "Pairs of all processes together.", lower_bound=4)
  flags.DEFINE_float("bytes_per_s", 1e9, "Of the network, for the prediction.")
  flags.DEFINE_float("message_s", 5e-4, "Delay of a collective operation, for the prediction.")


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
