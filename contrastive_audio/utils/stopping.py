"""Ctrl-C, SIGTERM and a closed terminal: heard, answered at once, and obeyed in good order."""

import contextlib
import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

import tqdm

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one is unknown to Windows
_PATIENCE_S = 2.0  # after a second signal, until a process that computes is ended from outside
_LATER = "after this step; a second Ctrl-C or SIGTERM ends at once"
_NOW = "the same command goes on from what is saved"
_END = 0  # no number of a signal


class StopRequest:
  """Makes a first signal a request to stop in good order, and a second one end the block at once.

  It says so at once, even while the process computes: a thread of its own waits for signals. Off
  the main thread, which alone gets signals, it does nothing.

  Attributes:
    requested: whether there was a signal.
    signal_number: which one.
    in_set_up: whether there is nothing to stop in good order; then already the first signal ends
      the block.

  Example:
    >>> with StopRequest() as stop:
    ...   signal.raise_signal(signal.SIGINT)  # Ctrl-C
    ...   time.sleep(0.5)
    stopping   after this step; a second Ctrl-C or SIGTERM ends at once
    >>> stop.requested, stop.exit_code
    (True, 130)
  """

  def __init__(self, in_set_up: bool = False):
    """Hears nothing yet.

    Args:
      in_set_up: see the attribute.
    """
    self.requested, self.in_set_up = False, in_set_up
    self.signal_number: int = signal.SIGINT
    self._num_handled = 0
    self._previous: dict[int, Any] = {}
    self._pipe: tuple[int, int] | None = None
    self._previous_pipe_end = -1
    self._thread: threading.Thread | None = None

  @property
  def exit_code(self) -> int:
    """Of a process that ends because of the signal, as shells count: 130 after Ctrl-C."""
    return 128 + self.signal_number

  def leave_set_up(self, *_: object) -> None:
    """From now on there is something to stop in good order."""
    self.in_set_up = False

  def __enter__(self) -> "StopRequest":
    if threading.current_thread() is not threading.main_thread():
      return self
    self._pipe = os.pipe()
    os.set_blocking(self._pipe[1], False)
    self._previous_pipe_end = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
    self._thread = threading.Thread(target=self._answer, args=[self._pipe[0]], daemon=True)
    self._thread.start()
    for name in _NAMES:
      number = getattr(signal, name, None)
      is_ignored = name == "SIGHUP" and number and signal.getsignal(number) == signal.SIG_IGN
      if number and not is_ignored:  # as nohup asks for
        self._previous[number] = signal.signal(number, self._handle)
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
  ) -> None:
    for number, handler in self._previous.items():
      signal.signal(number, handler)
    if self._pipe is None or self._thread is None:
      return
    signal.set_wakeup_fd(self._previous_pipe_end)
    os.write(self._pipe[1], bytes([_END]))
    self._thread.join()
    for descriptor in self._pipe:
      os.close(descriptor)
    self._pipe, self._previous = None, {}

  def _handle(self, number: int, frame: FrameType | None) -> None:
    """Runs in the main thread, as soon as that is back in Python."""
    waits = not self.requested and not self.in_set_up
    self.requested, self.signal_number = True, number
    self._num_handled += 1
    if waits:
      return
    if number == signal.SIGINT:
      raise KeyboardInterrupt
    raise SystemExit(self.exit_code)

  def _answer(self, descriptor: int) -> None:
    """Runs in a thread of its own, which gets the number of each signal when it comes."""
    num_heard = 0
    while (number := os.read(descriptor, 1)[0]) != _END:
      if number not in self._previous:
        continue
      num_heard += 1
      if num_heard == 1:
        self._say(_NOW if self.in_set_up else _LATER)
      else:
        self._end_unless_handled(num_heard, number)

  def _say(self, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads any more
      tqdm.tqdm.write(f"stopping   {text}")

  def _end_unless_handled(self, num_heard: int, number: int) -> None:
    """Ends the process if its main thread does not come back from what it computes."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while self._num_handled < num_heard:
      if time.monotonic() > deadline_s:
        os._exit(128 + number)  # what is saved is saved: files are replaced, never changed
      time.sleep(0.02)
