"""Several devices and hosts, by tf.distribute: who they are, and which clips are whose.

A host is a process; it has one replica of the model for each of its devices. The first host is the
chief: it alone logs, judges, saves and exports. Nothing that is trained depends on how many there
are, see replicas.py.
"""

import contextlib
import dataclasses
import functools
import json
import os
import re
import sys

import tensorflow as tf

from contrastive_audio.errors import UserError


@dataclasses.dataclass(frozen=True)
class Hosts:
  """The hosts of a training, seen from one of them.

  Attributes:
    strategy: the tf.distribute.Strategy.
    number: of this host, from 0.
    count: how many hosts there are.
  """

  strategy: object = dataclasses.field(default_factory=tf.distribute.get_strategy)
  number: int = 0
  count: int = 1

  @property
  def is_chief(self):
    """Whether this host is the one that writes."""
    return self.number == 0

  @property
  def replicas(self):
    """Number of replicas of all hosts."""
    return self.strategy.num_replicas_in_sync

  def require_shares(self, batch_size):
    """Raises a UserError unless a batch can be shared evenly."""
    if rest := batch_size % self.replicas:
      near = sorted({batch_size - rest, batch_size - rest + self.replicas} - {0})
      raise UserError(
        f"batch_size={batch_size}: it is the batch of all {self.replicas} devices together, and "
        f"they cannot share it evenly; {' or '.join(map(str, near))} would do"
      )

  def wait(self):
    """Returns when all hosts have got here."""
    if self.count > 1:
      self.broadcast_from_chief(0.0)

  def broadcast_from_chief(self, value):
    """Returns, on every host, the float that the chief has."""
    if self.count == 1:
      return value
    own = tf.constant(value if self.is_chief else 0.0, tf.float64)

    @tf.function
    def add():
      context = tf.distribute.get_replica_context()
      first = tf.equal(context.replica_id_in_sync_group, 0)
      share = tf.where(first, own, tf.zeros_like(own))
      return context.all_reduce(tf.distribute.ReduceOp.SUM, share)

    return float(self.strategy.experimental_local_results(self.strategy.run(add))[0])

  def batches(self, make):
    """Returns the batches of this host, as the strategy takes them.

    Args:
      make: `(number of this host, count) -> tf.data.Dataset` of the host's share of each batch
        `[b, ...]`, its first axis shared by its replicas.
    """
    if self.replicas == 1:
      return make(0, 1)
    if self.count == 1:
      return self.strategy.experimental_distribute_dataset(make(0, 1))
    local = self.replicas // self.count

    def own(_):
      dataset = make(self.number, self.count)
      return dataset if local == 1 else dataset.map(functools.partial(_split, local)).unbatch()

    return self.strategy.distribute_datasets_from_function(own)


def _split(parts, *batch):
  """Tensors `[b, ...]` -> `[parts, b / parts, ...]`."""

  def split(rows):
    return tf.reshape(rows, [parts, rows.shape[0] // parts, *rows.shape[1:]])

  return tf.nest.map_structure(split, batch if len(batch) > 1 else batch[0])


@contextlib.contextmanager
def joined(name):
  """Joins the training of all devices and hosts; TensorFlow wants this before anything else.

  Args:
    name: one of configuration.STRATEGIES; "auto": as TF_CONFIG says, else all GPUs if there are several.

  Yields:
    Hosts. What a host other than the chief prints is dropped. When another host is lost, the block
    ends with a UserError.
  """
  name = _choose(name)
  if name != "multi_worker":
    yield Hosts(_mirrored() if name == "mirrored" else tf.distribute.get_strategy())
    return
  number, count = _place()
  with _lost_hosts_in_one_line(), _silent(number != 0):
    yield Hosts(tf.distribute.MultiWorkerMirroredStrategy(), number, count)


def _choose(name):
  if name == "multi_worker" or (name == "auto" and os.environ.get("TF_CONFIG")):
    # One host alone has nobody to talk to.
    return "multi_worker" if _place()[1] > 1 else _choose_devices()
  return _choose_devices() if name == "auto" else name


def _choose_devices():
  return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "none"


def _mirrored():
  """All GPUs; where there are none, all logical CPUs, of which there is one unless configured."""
  kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
  devices = [device.name for device in tf.config.list_logical_devices(kind)]
  return tf.distribute.MirroredStrategy(devices)


def _place():
  """Returns (number of this host, number of hosts), from TF_CONFIG."""
  text = os.environ.get("TF_CONFIG", "")
  example = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", '
    '"index": 0}}'
  )
  try:
    found = json.loads(text)
    workers, task = found["cluster"]["worker"], found["task"]
    number = task["index"]
    if task["type"] != "worker" or set(found["cluster"]) != {"worker"}:
      raise ValueError("every task has to be a worker; worker 0 is the chief")
    if not isinstance(number, int) or not 0 <= number < len(workers):
      raise ValueError(f"task index {number} is not among its {len(workers)} workers")
  except (ValueError, KeyError, TypeError) as error:
    what = f"no {error}" if isinstance(error, KeyError) else str(error)
    raise UserError(f"TF_CONFIG={text!r}: {what}. It should look like {example}") from error
  return number, len(workers)


@contextlib.contextmanager
def _lost_hosts_in_one_line():
  try:
    yield
  except (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
  ) as error:
    named = sorted(set(map(int, re.findall(r"job:worker/(?:replica:0/)?task:(\d+)", str(error)))))
    which = f"host {', '.join(map(str, named))}" if named else "another host"
    raise UserError(
      f"{which} of this training has stopped or cannot be reached. What was saved is kept: start "
      "the same commands again on all hosts, and they go on from the last checkpoint"
    ) from error


@contextlib.contextmanager
def _silent(is_silent):
  if not is_silent:
    yield
    return
  with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
    yield
  sys.stdout.flush()
