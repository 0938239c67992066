"""Commands that a command starts: a signal stops both, and a child does not outlive its parent."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from contrastive_audio.cli.console import line
from contrastive_audio.cli.endings import Interrupted

# Ctrl-C, an orderly end, and a terminal that is closed (which Windows does not have).
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
STOP_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_IS_CHILD = "CONTRASTIVE_AUDIO_IS_CHILD"  # tells `end_with_parent` that standard input is a pipe

_Handler = Callable[[int, FrameType | None], None]


def run_child(module: str, *arguments: str) -> int:
  """Runs `python -m MODULE ARGUMENTS` in a process of its own, and waits for its end.

  A signal to this process asks the child to stop (SIGTERM): a training saves its last step. A
  second one ends the child at once. The child is a session of its own, so that Ctrl-C in a terminal
  does not reach it twice.

  Args:
    module: a command.
    *arguments: its flags.

  Returns:
    The exit code of the child.

  Raises:
    Interrupted: this process got a signal; the child has ended.

  Example:
    >>> run_child("platform")  # which prints to the terminal, not to this example
    0
  """
  process: subprocess.Popen | None = None
  interrupt: Interrupted | None = None

  def stop(number: int, frame: FrameType | None) -> None:
    nonlocal interrupt
    if process is not None:
      if interrupt is None:
        line("stopping", "waiting for what runs to save its state; a second signal ends it at once")
      process.terminate()
    interrupt = Interrupted(number)

  with _handled_by(stop):
    process = subprocess.Popen(
      [sys.executable, "-m", module, *arguments],
      env=os.environ | {_IS_CHILD: "1"},
      stdin=subprocess.PIPE,
      start_new_session=True,
    )
    with process:
      if interrupt is not None:  # before there was a child to tell
        process.terminate()
      code = process.wait()
  if interrupt is not None:
    raise interrupt
  return code


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
  """Makes every signal that asks for an end interrupt the block, as Ctrl-C does.

  Example:
    >>> try:
    ...   with interrupted_by_signals():
    ...     signal.raise_signal(signal.SIGTERM)
    ... except KeyboardInterrupt:
    ...   print("interrupted")
    interrupted
  """

  def interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)

  with _handled_by(interrupt):
    yield


@contextlib.contextmanager
def _handled_by(handler: _Handler) -> Iterator[None]:
  """Handles STOP_SIGNALS, except those that are ignored (by nohup, say)."""
  heard = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
  previous = {number: signal.signal(number, handler) for number in heard}
  try:
    yield
  finally:
    for number, old in previous.items():
      signal.signal(number, old)


def end_with_parent() -> None:
  """Makes SIGTERM reach this process when its parent ends, even if the parent is killed.

  It does nothing in a command that `run_child` did not start.

  Example:
    >>> end_with_parent()
  """
  if os.environ.pop(_IS_CHILD, None):
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
  os.read(0, 1)  # it never writes: this ends when the pipe does, and the pipe ends with the parent
  os.kill(os.getpid(), signal.SIGTERM)
