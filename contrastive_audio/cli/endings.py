"""How a command ends: what a person can mend is one line, and everything has an exit code.

0    the work is done, even if nobody read the output to its end (`| head`)
1    something to mend, in one line; or a fault of the program, with its traceback
130  interrupted by Ctrl-C; by another signal, 128 and its number, as shells count
"""

import contextlib
import errno
import re
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from contrastive_audio.errors import UnusableAudio, UserError, disk_reason, reason_of
from contrastive_audio.utils import terminal
from contrastive_audio.utils.words import one_line

_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)  # only writing fails so
_FAULT = (
  "This is a fault of the program. What was finished is kept, and the same command goes on from "
  "there. Please report it: docs/security.md says where, and what helps."
)


class Interrupted(KeyboardInterrupt):
  """A signal asked for the end; KeyboardInterrupt itself stands for Ctrl-C.

  Attributes:
    exit_code: of the process that ends because of it.

  Example:
    >>> Interrupted(signal.SIGTERM).exit_code
    143
  """

  def __init__(self, number: int):
    """Keeps what the process ends with.

    Args:
      number: of the signal.
    """
    super().__init__(f"signal {int(number)}")
    self.exit_code = 128 + int(number)


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
  """Ends a command whose work is the block: what a person can mend becomes one line.

  Raises:
    SystemExit: with code 1 after an error of the user or the machine, 130 after Ctrl-C, 143 after
      SIGTERM.
    Exception: a fault of the program, which Python shows with its traceback.

  Example:
    >>> with contextlib.suppress(SystemExit), contextlib.redirect_stderr(sys.stdout), in_one_line():
    ...   raise UserError("'runs/mine' is not a run folder")
    error: 'runs/mine' is not a run folder
  """
  try:
    with terminal.steady():
      yield
  except KeyboardInterrupt as interrupt:
    code = getattr(interrupt, "exit_code", 128 + signal.SIGINT)
    leave("interrupted; the same command resumes where it stopped", code)
  except Exception as error:
    if (text := _mendable(error)) is not None:
      leave(f"error: {text}", 1)
    _point_to_report(error)
    raise


def leave(message: str, code: int) -> NoReturn:
  """Ends the process with one line on standard error.

  Args:
    message: the line.
    code: exit code.

  Example:
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...   leave("error: no such file", 1)
    Traceback (most recent call last):
    SystemExit: 1
  """
  with terminal.steady():
    sys.stdout.flush()
    print(one_line(message), file=sys.stderr, flush=True)
  sys.exit(code)


def _mendable(error: Exception) -> str | None:
  """Returns what a person can mend, and where; None: nothing, it is a fault of the program."""
  if isinstance(error, (UserError, UnusableAudio)):
    return str(error).strip() or type(error).__name__
  if isinstance(error, MemoryError):
    return f"not enough memory: {reason_of(error)}; nothing finished is lost, ask for less at once"
  if isinstance(error, OSError):
    return _of_the_disk(error)
  if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:  # part of a file name
    return f"a library cannot use {error.object!r}, which is not UTF-8: rename it"
  if "tensorflow" in type(error).__module__:
    return _of_tensorflow(error)
  return None


def _of_tensorflow(error: Exception) -> str | None:
  """Returns what the disk or memory refused, or what an error of ours said that tf.data carried."""
  if reason := disk_reason(error):
    return f"cannot write a file of the run: {reason}; nothing finished is lost, fix it and repeat"
  if found := re.search(r"(?:UserError|DamagedStore): (.+)", str(error)):
    return found[1]
  if type(error).__name__ == "ResourceExhaustedError":
    found = re.search(r"OOM when .+|[Oo]ut of memory.+", str(error))
    reason = found[0] if found else reason_of(error)
    return (
      f"not enough memory: {reason}; nothing finished is lost, ask for less at once: in a "
      "training, a smaller --batch_size, or --microbatch"
    )
  return None


def _of_the_disk(error: OSError) -> str | None:
  """Returns what a system call could not do; None if no disk and no file had to do with it."""
  reason = disk_reason(error)
  if error.filename is not None:
    reason = reason or (error.strerror or reason_of(error)).lower()
  if reason is None:
    return None
  paths = [name for name in (error.filename, error.filename2) if name is not None]
  where = " to ".join(map(_path_text, paths)) or f"a file ({reason_of(error)})"
  verb = "write" if error.errno in _WRITING else "use"
  return f"cannot {verb} {where}: {reason}; nothing finished is lost, fix it and repeat"


def _path_text(path: str | bytes | int) -> str:
  if isinstance(path, bytes):
    return path.decode("utf-8", "backslashreplace")
  return f"file descriptor {path}" if isinstance(path, int) else str(path)


def _point_to_report(error: Exception) -> None:
  if hasattr(error, "add_note"):  # Python 3.11: shown below the traceback
    error.add_note(_FAULT)
  else:
    print(_FAULT, file=sys.stderr, flush=True)
