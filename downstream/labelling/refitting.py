"""Fits in the background: once more after whatever has changed meanwhile."""

import threading
from collections.abc import Callable

from contrastive_audio.errors import UserError


class Refitting:
  """A thread that calls a function again and again, as long as it is asked to.

  Attributes:
    problem: what went wrong in the last call; None: nothing.

  Example:
    >>> calls = []
    >>> with Refitting(lambda: calls.append(1)) as refitting:
    ...   refitting.request()
    ...   refitting.wait()
    >>> calls, refitting.is_busy
    ([1], False)
  """

  def __init__(self, work: Callable[[], object]):
    """Starts nothing yet.

    Args:
      work: what is called.
    """
    self._work = work
    self._changed = threading.Condition()
    self._is_requested = self._is_working = self._is_ended = False
    self.problem: str | None = None
    self._thread = threading.Thread(target=self._run, daemon=True)

  @property
  def is_busy(self) -> bool:
    """Whether a call is running, or waits."""
    with self._changed:
      return self._is_requested or self._is_working

  def request(self) -> None:
    """Asks for a call that begins after now; many requests may share one."""
    with self._changed:
      self._is_requested = True
      self._changed.notify_all()

  def wait(self) -> None:
    """Waits until there is nothing to do."""
    with self._changed:
      self._changed.wait_for(lambda: not (self._is_requested or self._is_working))

  def __enter__(self) -> "Refitting":
    self._thread.start()
    return self

  def __exit__(self, *_: object) -> None:
    """Lets a call that is running go on: it changes nothing outside of this process."""
    with self._changed:
      self._is_ended = True
      self._changed.notify_all()

  def _run(self) -> None:
    while True:
      with self._changed:
        self._is_working = False
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._is_requested or self._is_ended)
        if self._is_ended:
          return
        self._is_requested, self._is_working = False, True
      self.problem = self._try()

  def _try(self) -> str | None:
    try:
      self._work()
    except UserError as error:
      return str(error)
    except Exception as error:  # a labelling goes on without a classifier
      return f"the classifier could not be fitted ({type(error).__name__}: {error})"
    return None
