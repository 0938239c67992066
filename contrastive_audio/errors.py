"""Errors that are the user's to fix, and errors of single recordings."""

import errno
import os

# What a disk, a mount or a limit of the machine answers, whatever is read or written.
_DISK_NUMBERS = (
  errno.ENOSPC,
  errno.EDQUOT,
  errno.EROFS,
  errno.EACCES,
  errno.EPERM,
  errno.EIO,
  errno.ENAMETOOLONG,
  errno.EMFILE,
  errno.ENFILE,
  errno.EFBIG,
  errno.ELOOP,
  errno.EBUSY,
  errno.ENODEV,
  errno.ENXIO,
  errno.ESTALE,
  errno.ETIMEDOUT,
)
_DISK_REASONS = tuple(os.strerror(number).lower() for number in _DISK_NUMBERS)


class UserError(Exception):
  """Something the user can fix; the message is one line: what is wrong, where, and what to do.

  Example:
    >>> raise UserError("'runs/mine' is not a run folder: choose another one with --model")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'runs/mine' is not a run folder: ...
  """


class UnusableAudio(Exception):
  """A recording that cannot be used; the message is the reason that `skipped.csv` records.

  Example:
    >>> from contrastive_audio.sound.reading import read
    >>> read("missing.wav", 16_000)
    Traceback (most recent call last):
    contrastive_audio.errors.UnusableAudio: no such file or directory
  """


def disk_reason(error: BaseException) -> str | None:
  """Returns why the disk refused an operation, in lower case; None if it did not.

  Args:
    error: an OSError, or an error of TensorFlow, which gives the reason only in its text.

  Example:
    >>> disk_reason(OSError("No space left on device"))
    'no space left on device'
    >>> disk_reason(OSError(errno.EIO, "Error reading bytes from file"))
    'input/output error'
    >>> disk_reason(ValueError("not a number")) is None
    True
  """
  number = getattr(error, "errno", None)
  if number in _DISK_NUMBERS:
    return os.strerror(number).lower()
  text = str(error).lower()
  return next((reason for reason in _DISK_REASONS if reason in text), None)


def reason_of(error: BaseException) -> str:
  """Returns what an error says, in one line; the name of its class if it says nothing.

  Args:
    error: any exception.

  Example:
    >>> reason_of(ValueError("first line\\nsecond line")), reason_of(ValueError())
    ('first line', 'ValueError')
  """
  lines = [line.strip() for line in str(error).splitlines()]
  return next(filter(None, lines), type(error).__name__)
