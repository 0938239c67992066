"""One process writes a store at a time, and says in one line why the disk refused."""

import contextlib
import errno
from collections.abc import Iterator

import filelock

from contrastive_audio.errors import UserError, disk_reason

_FULL = (errno.ENOSPC, errno.EDQUOT, None)  # None: Arrow gives no number, see errors.disk_reason


@contextlib.contextmanager
def exclusive(folder: str) -> Iterator[None]:
  """Makes other processes that prepare the same folder wait until the block ends.

  Args:
    folder: of the store; the lock lies beside it.

  Example:
    >>> with exclusive("mine"):
    ...   print("nobody else is writing")
    nobody else is writing
  """
  lock = filelock.FileLock(folder + ".lock")
  try:
    lock.acquire(timeout=0)
  except filelock.Timeout:
    print(f"waiting: another process is preparing {folder}", flush=True)
    lock.acquire()
  try:
    yield
  finally:
    lock.release()


@contextlib.contextmanager
def clear_disk_errors(folder: str) -> Iterator[None]:
  """Turns an error of the disk into a UserError that says what to do.

  Args:
    folder: of the store.

  Example:
    >>> with clear_disk_errors("mine"):
    ...   raise OSError("No space left on device")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: cannot write the store 'mine': no space left on device...
  """
  try:
    yield
  except OSError as error:
    reason = disk_reason(error)
    if reason is None:
      raise
    cure = "free some space" if error.errno in _FULL else "see to that"
    raise UserError(
      f"cannot write the store {folder!r}: {reason}. Finished chunks are kept: {cure} and run the "
      "same command again, or choose another place with --store_dir"
    ) from error
