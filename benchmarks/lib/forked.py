"""Commands in processes of their own that need not import TensorFlow: forks of one that did.

A process takes four seconds of a processor to import TensorFlow and Keras, and tests and campaigns
of faults start dozens of commands that are killed, stopped or run beside each other. Importing
starts no threads that a fork would lose.
"""

import gc
import multiprocessing
import os
import pathlib
import runpy
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence

PRELOADED = [
  "tensorflow",
  "keras",
  "cola.model",
  "mixback.model",
  "contrastive_audio.cli.training",
  "contrastive_audio.training.pretraining",
  "downstream.evaluation",
]
_STREAMS = ("stdout", "stderr")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOADED)


class Forked:
  """`python -m MODULE` in a fork; its interface is that of subprocess.Popen.

  Example:
    >>> printed, complained = Forked("platform", ["terse"]).communicate()
    >>> printed.count("\\n"), complained
    (1, '')
  """

  def __init__(
    self,
    module: str,
    arguments: Sequence[object],
    cwd: str | os.PathLike | None = None,
    env: Mapping[str, str] | None = None,
    logical_devices: int = 1,
  ):
    """Starts the command.

    Args:
      module: of the command; or the path of a script.
      arguments: of the command.
      cwd: its folder; None: that of this process.
      env: its whole environment; None: that of this process.
      logical_devices: as many processors TensorFlow sees.
    """
    self._folder = pathlib.Path(tempfile.mkdtemp(prefix="forked-"))
    self._written: tuple[str, ...] | None = None
    outputs = [str(self._folder / name) for name in _STREAMS]
    environment = dict(os.environ if env is None else env)
    place = str(cwd or os.getcwd())
    settings = (module, list(map(str, arguments)), place, environment, outputs, logical_devices)
    self._process = FORKS.Process(target=_run, args=settings)
    self._process.start()
    self.pid = self._process.pid

  @property
  def returncode(self) -> int | None:
    """The exit code; negative, the signal that ended it; None while it runs."""
    return self._process.exitcode

  def poll(self) -> int | None:
    """Returns the exit code; None while it runs."""
    return self.returncode

  def wait(self, timeout: float | None = None) -> int | None:
    """Waits for the end, or so many seconds; returns the exit code."""
    self._process.join(timeout)
    return self.returncode

  def send_signal(self, number: int) -> None:
    """Sends a signal, unless the process has ended."""
    if self.returncode is None:
      os.kill(self.pid, number)

  def kill(self) -> None:
    """Ends the process at once."""
    self.send_signal(signal.SIGKILL)

  def printed(self) -> str:
    """Returns what it has written to standard output up to now."""
    path = self._folder / _STREAMS[0]
    return path.read_text(errors="replace") if path.exists() else ""

  def communicate(self, timeout: float | None = None) -> tuple[str, ...]:
    """Waits for the end; returns what was written to standard output and to standard error."""
    self.wait(timeout)
    if self._written is None:
      paths = [self._folder / name for name in _STREAMS]
      read = (path.read_text(errors="replace") if path.exists() else "" for path in paths)
      self._written = tuple(read)
      shutil.rmtree(self._folder)
    return self._written


def _run(
  module: str,
  arguments: list[str],
  cwd: str,
  env: dict[str, str],
  outputs: list[str],
  logical_devices: int,
) -> None:
  """What the fork does."""
  gc.freeze()  # what was imported stays: looking for garbage among it would copy its memory
  for descriptor, path in enumerate(outputs, start=1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
  os.environ.clear()
  os.environ.update(env)
  os.chdir(cwd)
  signal.signal(signal.SIGINT, signal.default_int_handler)
  if logical_devices > 1:
    _divide_processor(logical_devices)
  sys.argv = [module, *arguments]
  if module.endswith(".py"):
    runpy.run_path(module, run_name="__main__")
  else:
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _divide_processor(count: int) -> None:
  """Makes TensorFlow see several devices where there is one processor."""
  import tensorflow as tf

  (processor,) = tf.config.list_physical_devices("CPU")
  devices = [tf.config.LogicalDeviceConfiguration()] * count
  tf.config.set_logical_device_configuration(processor, devices)
