"""A child process that is asked again and again, and may crash, hang or grow without harm."""

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from typing import Any

from benchmarks.lib.forked import FORKS

_GRACE_S = 5.0


class Worker:
  """Calls a function in a process of its own; the process is replaced if it ends.

  Example:
    >>> worker = Worker(str.upper)
    >>> worker.ask("works")
    'WORKS'
    >>> worker.close()
  """

  def __init__(self, answer: Callable[[Any], Any], limit_s: float = 60.0, forked: bool = False):
    """Starts no process yet.

    Args:
      answer: request -> outcome, at the top level of a module.
      limit_s: after so much time the process is killed.
      forked: start forks of a process that has imported TensorFlow, see `forked`, so that the next
        one answers at once; not for processes that use a GPU.
    """
    self._answer, self._limit_s = answer, limit_s
    self._processes = FORKS if forked else multiprocessing.get_context("spawn")
    self._process: Any = None

  def ask(self, request: Any, limit_s: float | None = None) -> Any:
    """Returns the outcome of a request; "crash: ..." or "hang: ..." if there is none.

    Args:
      request: is pickled.
      limit_s: of this request; None: that of the worker.
    """
    limit_s = self._limit_s if limit_s is None else limit_s
    if self._process is None:
      self._start()
    try:
      self._connection.send(request)
      if self._connection.poll(limit_s):
        return self._connection.recv()
      self._process.kill()
      self.close()
      return f"hang: no answer after {limit_s:g} s"
    except (EOFError, OSError):
      self._process.join()
      code = self._process.exitcode
      self.close()
      return f"crash: {signal.strsignal(-code) if code < 0 else f'exit code {code}'}"

  def close(self) -> None:
    """Ends the process; the next request starts another one."""
    if self._process is not None:
      self._connection.close()  # which ends it, unless it hangs
      self._process.join(_GRACE_S)
      self._process.kill()
      self._process.join()
      self._process = None

  def _start(self) -> None:
    self._connection, other = self._processes.Pipe()
    serving = {"target": _serve, "args": (other, self._answer), "daemon": True}
    self._process = self._processes.Process(**serving)
    self._process.start()
    other.close()


def _serve(connection: Any, answer: Callable[[Any], Any]) -> None:
  os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain about every damage
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
  while True:
    try:
      request = connection.recv()
    except EOFError:
      return
    connection.send(answer(request))
