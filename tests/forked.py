"""Commands in processes of their own that need not import TensorFlow: forks of one that did.

A process takes four seconds of a processor to import TensorFlow and Keras, and the tests start
dozens of commands that are killed, stopped or run beside each other. Importing starts no threads
that a fork would lose.
"""

import multiprocessing
import os
import pathlib
import runpy
import shutil
import signal
import sys
import tempfile

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
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(PRELOADED)


class Forked:
  """`python -m MODULE` in a fork; its interface is that of subprocess.Popen."""

  def __init__(self, module, arguments, cwd, env, logical_devices=1):
    self._folder = pathlib.Path(tempfile.mkdtemp(prefix="forked-"))
    self._written = None
    outputs = [str(self._folder / name) for name in _STREAMS]
    settings = (module, list(map(str, arguments)), str(cwd), dict(env), outputs, logical_devices)
    self._process = _FORKS.Process(target=_run, args=settings)
    self._process.start()
    self.pid = self._process.pid

  @property
  def returncode(self):
    """The exit code; negative, the signal that ended it; None while it runs."""
    return self._process.exitcode

  def poll(self):
    return self.returncode

  def wait(self, timeout=None):
    self._process.join(timeout)
    return self.returncode

  def send_signal(self, number):
    if self.returncode is None:
      os.kill(self.pid, number)

  def kill(self):
    self.send_signal(signal.SIGKILL)

  def communicate(self, timeout=None):
    """Waits for the end; returns what was written to standard output and to standard error."""
    self.wait(timeout)
    if self._written is None:
      paths = [self._folder / name for name in _STREAMS]
      self._written = tuple(path.read_text() if path.exists() else "" for path in paths)
      shutil.rmtree(self._folder)
    return self._written


def _run(module, arguments, cwd, env, outputs, logical_devices):
  """What the fork does."""
  for descriptor, path in enumerate(outputs, start=1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
  os.environ.clear()
  os.environ.update(env)
  os.chdir(cwd)
  signal.signal(signal.SIGINT, signal.default_int_handler)
  if logical_devices > 1:
    _divide_processor(logical_devices)
  sys.argv = [module, *arguments]
  runpy.run_module(module, run_name="__main__", alter_sys=True)


def _divide_processor(count):
  """Makes TensorFlow see several devices where there is one processor."""
  import tensorflow as tf

  (processor,) = tf.config.list_physical_devices("CPU")
  devices = [tf.config.LogicalDeviceConfiguration()] * count
  tf.config.set_logical_device_configuration(processor, devices)
