"""A folder in which one process works at a time; the others hear which one."""

import contextlib
import datetime
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import filelock

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.utils.files import read_json, write_json

LOCK, HOLDER = "lock", "lock.json"  # what is locked, and who has locked it
_TRIES, _PAUSE_S = 20, 0.05  # a process that has just taken the lock still has to say who it is


class FolderLock:
  """Keeps all others out of a folder: processes, and threads with a FolderLock of their own.

  The operating system frees it when its process ends, however that ends.

  Example:
    >>> os.mkdir("run")
    >>> with FolderLock("run", "is training this run").held():
    ...   with FolderLock("run", "is training this run").held():
    ...     pass
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: another process is training this run (pid ...
  """

  def __init__(self, folder: str | os.PathLike, activity: str, other: str | None = None):
    """Locks nothing yet.

    Args:
      folder: it has to exist when it is locked.
      activity: what the holder does, as it follows "another process".
      other: what may be chosen instead, as it follows "choose"; None: another folder.
    """
    self._folder, self._activity = os.fspath(folder), activity
    self._other = other or f"another folder than {self._folder!r}"
    self._lock = filelock.FileLock(os.path.join(self._folder, LOCK))
    self._depth = 0

  @contextlib.contextmanager
  def held(self) -> Iterator[None]:
    """Holds the lock until the block ends; blocks of one FolderLock may be nested.

    Raises:
      UserError: somebody else holds it, or the folder cannot be written.
    """
    if not self._depth:
      self._acquire()
    self._depth += 1
    try:
      yield
    finally:
      self._depth -= 1
      if not self._depth:
        self._release()

  def _acquire(self) -> None:
    try:
      self._lock.acquire(timeout=0)
    except filelock.Timeout as error:
      raise UserError(
        f"another process {self._activity} ({self._describe_holder()}): wait until it has ended, "
        f"or choose {self._other}"
      ) from error
    except OSError as error:
      raise UserError(
        f"cannot lock the folder {self._folder!r}: {disk_reason(error) or error}"
      ) from error
    with contextlib.suppress(OSError):  # a full disk: then nobody knows who it is
      write_json(self._holder_path, _this_process())

  def _release(self) -> None:
    with contextlib.suppress(OSError):
      os.remove(self._holder_path)
    self._lock.release()

  @property
  def _holder_path(self) -> str:
    return os.path.join(self._folder, HOLDER)

  def _describe_holder(self) -> str:
    holder: dict[str, Any] = {}
    for _ in range(_TRIES):
      with contextlib.suppress(OSError, ValueError):
        content = read_json(self._holder_path)
        holder = content if isinstance(content, dict) else {}
      if holder and not _has_ended(holder):
        break
      time.sleep(_PAUSE_S)
    known = [f"{name} {holder[name]}" for name in ("pid", "host", "since") if name in holder]
    return ", ".join(known) or "it does not say which"


def _this_process() -> dict[str, Any]:
  now = datetime.datetime.now().astimezone()
  since = now.isoformat(sep=" ", timespec="seconds")
  return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _has_ended(holder: dict[str, Any]) -> bool:
  """Whether a process that has said that it holds the lock is no more, as far as can be known."""
  pid = holder.get("pid")
  if os.name == "nt" or holder.get("host") != socket.gethostname() or not isinstance(pid, int):
    return False
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return True
  except (OSError, OverflowError):
    return False
  return False
