"""Several devices and hosts train what one device trains, and lose nothing when one dies.

In float64: in float32 rounding chooses other winners of maxima, and Adam makes as much of the
smallest gradients as of the largest, so that single weights differ as between two machines.
"""

import contextlib
import json
import os
import signal
import socket

import pytest
import tensorflow as tf

from contrastive_audio.runs import Run
from tests.support import (
  assert_close,
  command,
  command_apart,
  train,
  wait_for_checkpoint,
  write_clips,
)

STEPS = 6
PLAN = [
  "--recipe=small",
  "--precision=float64",
  f"--steps={STEPS}",
  "--batch_size=8",
  # Element by element: the same bits in a batch of any size. With two augmentations that add,
  # TensorFlow would choose the order of the sums by the shapes that it knows.
  "--augment=compress,noise",
  "--checkpoint_every=1",
  "--dataset=folder:my clips",
  "--store_dir=stores",
]
# Both by the optimisers of their papers.
SYSTEMS = {
  "cola": ["--learning_rate=1e-4"],
  "mixback": ["--set=optimizer=sgd", "--learning_rate=0.001", "--set=momentum=0.9"],
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with twenty clips of 1.5 s, more than an epoch has whole batches for."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "my clips", clips=10)
  return folder


@pytest.fixture(scope="module", params=SYSTEMS)
def alone(request, place):
  """(system, weights) of a training on one device."""
  system = request.param
  train(*plan(system, "alone"), cwd=place, system=system)
  return system, weights(place / f"{system}-alone")


def plan(system, run):
  return [*PLAN, *SYSTEMS[system], f"--run={system}-{run}"]


def weights(run):
  """Everything that a training changes, by name."""
  assert tf.train.latest_checkpoint(str(run / "checkpoints")).endswith(f"step-{STEPS}")
  checkpoint = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run / "checkpoints")))
  dtypes = checkpoint.get_variable_to_dtype_map()
  names = sorted(name for name, dtype in dtypes.items() if dtype.is_floating)
  return {name: checkpoint.get_tensor(name) for name in names}


def assert_same_weights(actual, desired):
  assert len(desired) > 40
  assert actual.keys() >= desired.keys()
  for name, value in desired.items():
    assert_close(actual[name], value, atol=2e-7, rtol=1e-7)  # log-mels are float32


def assert_same_results(run, alone):
  """What is logged, and what is exported, is that of one device."""
  for ours, theirs in zip(logged(run), logged(alone), strict=True):
    assert_close(ours, theirs, rtol=1e-4)
  ours, theirs = (Run.open(str(folder)).encoder().get_weights() for folder in (run, alone))
  for one, other in zip(ours, theirs, strict=True):
    assert_close(one, other, atol=2e-5, rtol=2e-5)  # float32


def logged(run):
  """All numbers of the steps and of the checks, but those of speed."""
  rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
  assert sum("loss" in row for row in rows) == 1
  assert sum("knn_accuracy" in row for row in rows) == 2
  ignored = {"pairs_per_s", "data_wait_share", "stop"}
  return [[row[name] for name in sorted(row.keys() - ignored)] for row in rows]


def start_hosts(processes, count, module, *arguments, cwd):
  """Starts the processes of a training of several hosts, on this machine."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for one in sockets:
      one.bind(("127.0.0.1", 0))
    workers = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
  tasks = [
    {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
    for index in range(count)
  ]
  return [
    processes.start(module, *arguments, cwd=cwd, env={"TF_CONFIG": json.dumps(task)})
    for task in tasks
  ]


def finish(hosts):
  """Waits for all; returns their (exit code, output, errors)."""
  outputs = [host.communicate() for host in hosts]
  return [(host.returncode, *output) for host, output in zip(hosts, outputs)]


def test_two_devices_give_the_weights_of_one(alone, place):
  system, desired = alone
  run = f"{system}-mirrored"
  arguments = [*plan(system, "mirrored"), "--strategy=mirrored"]
  command_apart(f"{system}.train", *arguments, cwd=place, logical_devices=2)
  assert_same_weights(weights(place / run), desired)
  assert_same_results(place / run, place / f"{system}-alone")


def test_two_hosts_give_the_weights_of_one_and_only_the_chief_speaks(alone, place, processes):
  system, desired = alone
  if system != "mixback":
    pytest.skip("hosts share devices as one host does: once is enough, where clips are mixed")
  run = f"{system}-hosts"
  (chief, worker) = finish(
    start_hosts(processes, 2, f"{system}.train", *plan(system, "hosts"), cwd=place)
  )
  assert chief[0] == worker[0] == 0, (chief, worker)
  assert "trained" in chief[1]
  assert worker[1:] == ("", "")
  assert_same_weights(weights(place / run), desired)
  assert_same_results(place / run, place / f"{system}-alone")


def test_two_hosts_go_on_from_weights_and_keep_near_them_as_one(alone, place, processes):
  system, _ = alone
  if system != "cola":
    pytest.skip("going on knows no system: once is enough")
  options = [*PLAN, *SYSTEMS[system], f"--init={system}-alone", "--keep=0.5"]
  train(*options, "--run=on-alone", cwd=place, system=system)
  hosts = start_hosts(processes, 2, "cola.train", *options, "--run=on-hosts", cwd=place)
  for code, *output in finish(hosts):
    assert code == 0, output
  assert_same_weights(weights(place / "on-hosts"), weights(place / "on-alone"))
  assert_same_results(place / "on-hosts", place / "on-alone")


def test_a_killed_host_ends_the_others_and_the_same_commands_go_on_to_the_same_weights(
  alone, place, processes
):
  system, desired = alone
  if system != "cola":
    pytest.skip("the end of a host knows no system: once is enough")
  run, arguments = f"{system}-killed", plan(system, "killed")
  chief, worker = start_hosts(processes, 2, f"{system}.train", *arguments, cwd=place)
  wait_for_checkpoint(place / run / "checkpoints", chief)
  worker.send_signal(signal.SIGKILL)
  (code, _, errors), _ = finish([chief, worker])
  assert code == 1
  assert "error: host 1 of this training has stopped" in errors.splitlines()[-1]
  assert not (place / run / "saved_model").exists()
  train(*arguments, cwd=place, system=system)  # another number of hosts may go on
  assert_same_weights(weights(place / run), desired)


def test_a_signal_to_one_host_stops_all_after_the_same_step(place, processes):
  arguments = [*PLAN, "--steps=2000", "--run=stopped"]
  chief, worker = start_hosts(processes, 2, "cola.train", *arguments, cwd=place)
  wait_for_checkpoint(place / "stopped" / "checkpoints", chief)
  worker.send_signal(signal.SIGTERM)
  results = finish([chief, worker])
  assert [code for code, *_ in results] == [128 + signal.SIGINT, 128 + signal.SIGTERM], results
  assert "stopped    after step" in results[0][1]


def test_two_hosts_fine_tune_as_one_and_one_of_them_writes(alone, place, processes):
  system, _ = alone
  if system != "cola":
    pytest.skip("fine-tuning knows no system: once is enough")
  options = ["--model=cola-alone", "--task=folder:my clips", "--store_dir=stores"]
  options += ["--epochs=2", "--batch_size=4", "--learning_rate=1e-4", "--start=linear"]
  done = command("downstream.finetune", *options, "--output=tuned", cwd=place)
  (chief, worker) = finish(
    start_hosts(processes, 2, "downstream.finetune", *options, "--output=tuned-by-two", cwd=place)
  )
  assert chief[0] == worker[0] == 0, (chief, worker)
  assert worker[1:] == ("", "")
  assert "fine-tuning" in done.stdout
  assert "fine-tuning" in chief[1]
  assert_close(predictions(place / "tuned-by-two"), predictions(place / "tuned"), atol=1e-3)


def predictions(output):
  rows = [line.split(",") for line in (output / "predictions.csv").read_text().splitlines()[1:]]
  return [[float(value) for value in row[3:]] for row in rows]


def test_a_batch_that_devices_cannot_share_is_one_line(place):
  arguments = [*PLAN, "--strategy=mirrored", "--batch_size=7", "--run=odd"]
  done = command_apart("cola.train", *arguments, cwd=place, check=False, logical_devices=2)
  assert done.returncode == 1
  assert "cannot share it evenly; 6 or 8 would do" in done.stderr
  assert not os.path.exists(place / "odd")
