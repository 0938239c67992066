"""Several devices and hosts, by tf.distribute: which ones there are, and which rows are whose.

A host is a process with one replica of the model for each of its devices. The first host is the
chief: it alone logs, evaluates, saves and exports. The trained weights do not depend on how many
hosts there are, see replicas.py.
"""

import contextlib
import dataclasses
import functools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator

import tensorflow as tf

from contrastive_audio.errors import UserError

_TF_CONFIG_EXAMPLE = (
  '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Hosts:
  """The hosts of a training, seen from one of them.

  Attributes:
    strategy: the tf.distribute.Strategy.
    number: of this host, from 0.
    count: how many hosts there are.

  Example:
    >>> hosts = Hosts()  # this process alone
    >>> hosts.is_chief, hosts.replicas
    (True, 1)
  """

  strategy: tf.distribute.Strategy = dataclasses.field(default_factory=tf.distribute.get_strategy)
  number: int = 0
  count: int = 1

  @property
  def is_chief(self) -> bool:
    """Whether this host is the one that writes."""
    return self.number == 0

  @property
  def replicas(self) -> int:
    """Number of replicas of all hosts."""
    return self.strategy.num_replicas_in_sync

  def require_shares(self, batch_size: int) -> None:
    """Raises a UserError unless all replicas can get equally many rows of a batch.

    Args:
      batch_size: of the batch of all replicas together.
    """
    if rest := batch_size % self.replicas:
      nearest = sorted({batch_size - rest, batch_size - rest + self.replicas} - {0})
      raise UserError(
        f"batch_size={batch_size}: it is the batch of all {self.replicas} devices together, and "
        f"they cannot share it evenly; {' or '.join(map(str, nearest))} would do"
      )

  def require_one_device(self, setting: str) -> None:
    """Raises a UserError if several devices share the training.

    Args:
      setting: what works on one device only, as the user wrote it.
    """
    if self.replicas > 1:
      raise UserError(
        f"{setting} is for one device, and {self.replicas} share this training: leave it out, or "
        "train on one of them with --strategy=none"
      )

  def require_one_host(self, setting: str) -> None:
    """Raises a UserError if several hosts share the training.

    Args:
      setting: what works on one host only, as the user wrote it.
    """
    if self.count > 1:
      raise UserError(f"{setting} needs the clips of all hosts in one place: leave it out")

  def wait(self) -> None:
    """Returns once all hosts have called it."""
    if self.count > 1:
      self.broadcast_from_chief(0.0)

  def broadcast_from_chief(self, value: float) -> float:
    """Returns the chief's value on every host.

    Args:
      value: only the chief's counts.
    """
    if self.count == 1:
      return value
    own = tf.constant(value if self.is_chief else 0.0, tf.float64)

    @tf.function
    def add() -> tf.Tensor:
      context = tf.distribute.get_replica_context()
      is_first = tf.equal(context.replica_id_in_sync_group, 0)
      summand = tf.where(is_first, own, tf.zeros_like(own))
      return context.all_reduce(tf.distribute.ReduceOp.SUM, summand)

    return float(self.strategy.experimental_local_results(self.strategy.run(add))[0])

  def batches(self, make: Callable[[int, int], tf.data.Dataset]) -> tf.data.Dataset:
    """Returns the batches of this host, in the form that the strategy expects.

    Args:
      make: `(number of this host, count) -> tf.data.Dataset` with the host's share of each batch,
        `[b, ...]`; the replicas of the host share its first axis.
    """
    if self.replicas == 1:
      return make(0, 1)
    if self.count == 1:
      return self.strategy.experimental_distribute_dataset(make(0, 1))
    local_replicas = self.replicas // self.count

    def own(_: tf.distribute.InputContext) -> tf.data.Dataset:
      dataset = make(self.number, self.count)
      if local_replicas == 1:
        return dataset
      return dataset.map(functools.partial(_split, local_replicas)).unbatch()

    return self.strategy.distribute_datasets_from_function(own)


def _split(count, *batch):
  """Tensors `[b, ...]` -> `[count, b / count, ...]`."""

  def split(rows):
    return tf.reshape(rows, [count, rows.shape[0] // count, *rows.shape[1:]])

  return tf.nest.map_structure(split, batch if len(batch) > 1 else batch[0])


@contextlib.contextmanager
def join_hosts(name: str) -> Iterator[Hosts]:
  """Joins the training of all devices and hosts; call it before anything else uses TensorFlow.

  Args:
    name: one of configuration.STRATEGIES. "auto": the hosts of TF_CONFIG; without it all GPUs, if
      there are several.

  Yields:
    Hosts. On all hosts but the chief, standard output is discarded.

  Raises:
    UserError: TF_CONFIG is malformed; or another host was lost, which ends the block.

  Example:
    >>> with join_hosts("none") as hosts:
    ...   hosts.count
    1
  """
  name = _resolve(name)
  if name != "multi_worker":
    yield Hosts(_mirrored() if name == "mirrored" else tf.distribute.get_strategy())
    return
  number, count = _read_tf_config()
  with _lost_hosts_as_user_error(), _discard_stdout(number != 0):
    yield Hosts(tf.distribute.MultiWorkerMirroredStrategy(), number, count)


def _resolve(name: str) -> str:
  """Returns "none", "mirrored" or, if there are several hosts, "multi_worker"."""
  if name == "multi_worker" or (name == "auto" and os.environ.get("TF_CONFIG")):
    _, num_hosts = _read_tf_config()
    return "multi_worker" if num_hosts > 1 else _resolve_devices()
  return _resolve_devices() if name == "auto" else name


def _resolve_devices() -> str:
  return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "none"


def _mirrored() -> tf.distribute.Strategy:
  """Uses all GPUs; without any, all logical CPUs: there is one unless more are configured."""
  kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
  devices = [device.name for device in tf.config.list_logical_devices(kind)]
  return tf.distribute.MirroredStrategy(devices)


def _read_tf_config() -> tuple[int, int]:
  """Returns (number of this host, number of hosts)."""
  text = os.environ.get("TF_CONFIG", "")
  try:
    tf_config = json.loads(text)
    workers, task = tf_config["cluster"]["worker"], tf_config["task"]
    number = task["index"]
    if task["type"] != "worker" or set(tf_config["cluster"]) != {"worker"}:
      raise ValueError("every task has to be a worker; worker 0 is the chief")
    if not isinstance(number, int) or not 0 <= number < len(workers):
      raise ValueError(f"task index {number} is not among its {len(workers)} workers")
  except (ValueError, KeyError, TypeError) as error:
    problem = f"no {error}" if isinstance(error, KeyError) else str(error)
    raise UserError(
      f"TF_CONFIG={text!r}: {problem}. It should look like {_TF_CONFIG_EXAMPLE}"
    ) from error
  return number, len(workers)


@contextlib.contextmanager
def _lost_hosts_as_user_error() -> Iterator[None]:
  try:
    yield
  except (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
  ) as error:
    numbers = set(map(int, re.findall(r"job:worker/(?:replica:0/)?task:(\d+)", str(error))))
    lost = f"host {', '.join(map(str, sorted(numbers)))}" if numbers else "another host"
    raise UserError(
      f"{lost} of this training has stopped or cannot be reached. What was saved is kept: start "
      "the same commands again on all hosts, and they go on from the last checkpoint"
    ) from error


@contextlib.contextmanager
def _discard_stdout(enabled: bool) -> Iterator[None]:
  if not enabled:
    yield
    return
  with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
    yield
  sys.stdout.flush()
