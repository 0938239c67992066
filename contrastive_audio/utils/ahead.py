"""Work that another thread does ahead, while this one is busy with something else."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_END = object()
_POLL_S = 0.1  # how soon the thread ends once nobody wants the rest


def ahead(items: Iterable[Item], count: int = 2) -> Iterator[Item]:
  """Yields the items, which a thread computes up to `count` ahead.

  The thread starts with the first item that is asked for, and ends with the iterator. What the
  items raise is raised here.

  Args:
    items: is iterated in the thread, by nobody else.
    count: of items that wait.

  Example:
    >>> list(ahead(number**2 for number in range(4)))
    [0, 1, 4, 9]
  """
  waiting: queue.Queue = queue.Queue(count)
  stopped = threading.Event()
  thread = threading.Thread(target=_fill, args=(items, waiting, stopped), daemon=True)
  thread.start()
  try:
    while (item := waiting.get()) is not _END:
      if isinstance(item, _Failure):
        raise item.error
      yield item
  finally:
    stopped.set()
    thread.join()


class _Failure:
  """What was raised in the thread."""

  def __init__(self, error: BaseException):
    self.error = error


def _fill(items: Iterable[Any], waiting: queue.Queue, stopped: threading.Event) -> None:
  try:
    for item in items:
      if not _put(item, waiting, stopped):
        return
  except BaseException as error:  # whatever it is belongs to the caller
    _put(_Failure(error), waiting, stopped)
  else:
    _put(_END, waiting, stopped)


def _put(item: Any, waiting: queue.Queue, stopped: threading.Event) -> bool:
  """Waits until there is room; returns whether somebody wants the item."""
  while not stopped.is_set():
    try:
      waiting.put(item, timeout=_POLL_S)
      return True
    except queue.Full:
      continue
  return False
