"""Models, files or folders, that are replaced whole: the old one stands until the new one does.

What is being written lies in a folder of its own beside the model, a workshop, locked as long as
its process lives. The next replacement removes the workshops of processes that were killed.
"""

import contextlib
import ctypes
import glob
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator

import filelock

_SUFFIX = ".part"
_LOCK, _OLD = "lock", "old"
_UNLOCKED_S = 60.0  # a workshop without a lock is this old before it counts as left over


@contextlib.contextmanager
def replacing_whole(path: str | os.PathLike) -> Iterator[str]:
  """Replaces a file or a folder, once the block has written the new one.

  If the block raises an exception, the old one stays as it was and nothing is left over. After a
  kill the old or the new one stands under the name, whole, except on systems that cannot exchange
  two folders in one step: there, for a moment, it has to be brought back by `bring_back`.

  Args:
    path: file or folder to replace, or to create; its parent exists.

  Yields:
    The path to write to, with the same name.

  Example:
    >>> os.makedirs("model/old")
    >>> with replacing_whole("model") as unfinished:
    ...   os.makedirs(os.path.join(unfinished, "new"))
    >>> os.listdir(), os.listdir("model")
    (['model'], ['new'])
  """
  path = os.path.abspath(path)
  bring_back(path)
  workshop, lock = _open_workshop(path)
  try:
    unfinished = os.path.join(workshop, os.path.basename(path))
    yield unfinished
    flush_tree(unfinished)
    _put(unfinished, path, workshop)
  finally:
    _close_workshop(path, workshop, lock)


def bring_back(path: str | os.PathLike) -> None:
  """Removes what killed processes left of a replacement, and puts back an old model they moved.

  Args:
    path: of the model.

  Example:
    >>> os.makedirs(".model-0123abcd.part/old/weights")  # killed between two renames
    >>> os.utime(".model-0123abcd.part", (0, 0))
    >>> bring_back("model")
    >>> os.listdir(), os.listdir("model")
    (['model'], ['weights'])
  """
  path = os.path.abspath(path)
  for workshop in _workshops(path):
    lock = filelock.FileLock(os.path.join(workshop, _LOCK))
    # Refused: its process lives, or is another user's, or the file system has no locks.
    with contextlib.suppress(OSError, NotImplementedError):
      if os.path.exists(lock.lock_file) or _is_old(workshop):
        lock.acquire(timeout=0)
        _close_workshop(path, workshop, lock)


def flush_tree(path: str) -> None:
  """Writes a file, or all files of a folder, to the disk itself.

  Example:
    >>> open("file", "w").close()
    >>> flush_tree("file")
  """
  if not os.path.isdir(path):
    _flush(path, os.O_RDWR)
    return
  for name in os.listdir(path):
    flush_tree(os.path.join(path, name))
  with contextlib.suppress(PermissionError):  # Windows opens no folders
    _flush(path, os.O_RDONLY)


def _flush(path: str, mode: int) -> None:
  descriptor = os.open(path, mode)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _workshops(path: str) -> list[str]:
  """Returns the workshops of a model; also those of earlier versions, which had other names."""
  folder, name = os.path.split(path)
  pattern = re.compile(rf"\.{re.escape(name)}-[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")
  earlier = re.compile(r"\.saved_model-[a-z0-9_]{8}")
  found = glob.glob(os.path.join(glob.escape(folder), ".*-*"))
  matches = [p for p in found if any(r.fullmatch(os.path.basename(p)) for r in (pattern, earlier))]
  return [match for match in matches if os.path.isdir(match)]


def _is_old(workshop: str) -> bool:
  return time.time() - os.stat(workshop).st_mtime > _UNLOCKED_S


def _open_workshop(path: str) -> tuple[str, filelock.BaseFileLock]:
  folder, name = os.path.split(path)
  workshop = tempfile.mkdtemp(dir=folder, prefix=f".{name}-", suffix=_SUFFIX)
  lock = filelock.FileLock(os.path.join(workshop, _LOCK))
  with contextlib.suppress(OSError, NotImplementedError):  # a file system without locks
    lock.acquire(timeout=0)
  return workshop, lock


def _close_workshop(path: str, workshop: str, lock: filelock.BaseFileLock) -> None:
  """Removes a workshop; an old model in it goes back if none stands under its name."""
  old = os.path.join(workshop, _OLD)
  try:
    if os.path.lexists(old) and not os.path.lexists(path):
      os.rename(old, path)  # if this fails, the workshop stays: it holds the only model
  finally:
    lock.release()
  shutil.rmtree(workshop, ignore_errors=True)


def _put(unfinished: str, path: str, workshop: str) -> None:
  """Gives the new model its name; what had the name before moves into the workshop."""
  if not os.path.isdir(unfinished) or not os.path.lexists(path):
    os.replace(unfinished, path)
  elif not _exchange(unfinished, path):
    os.rename(path, os.path.join(workshop, _OLD))
    os.rename(unfinished, path)
  with contextlib.suppress(OSError):  # not all systems open folders
    _flush(os.path.dirname(path), os.O_RDONLY)


def _exchange(first: str, second: str) -> bool:
  """Exchanges two names in one step, if the system can; returns whether it did."""
  if not sys.platform.startswith("linux"):
    return False
  rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
  at_folder, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
  names = os.fsencode(first), os.fsencode(second)
  return rename is not None and rename(at_folder, names[0], at_folder, names[1], exchange) == 0
