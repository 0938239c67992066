"""Keeps native libraries from writing to the terminal what the user cannot act on."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, TextIO

from contrastive_audio.errors import UserError
from contrastive_audio.utils import terminal


@contextlib.contextmanager
def native_stderr(log_path: str | os.PathLike | None = None) -> Iterator[TextIO]:
  """Captures what native code writes to file descriptor 2 until the block ends.

  If the block fails with anything but a UserError, the captured text is shown after all, because
  it may hold the cause.

  Args:
    log_path: file to which the captured text is appended; None discards it.

  Yields:
    A text stream that still reaches the user, for progress bars.

  Example:
    >>> with native_stderr("decoder.log"):
    ...   _ = os.write(2, b"a warning of a C library")
    >>> with open("decoder.log") as log:
    ...   log.read()
    'a warning of a C library'
  """
  terminal.open_standard_descriptors()  # a program without a console has none
  with contextlib.ExitStack() as at_the_end:
    terminal_fd = os.dup(2)
    at_the_end.callback(os.close, terminal_fd)
    captured = at_the_end.enter_context(tempfile.TemporaryFile())
    # In a notebook sys.stderr does not write to file descriptor 2 and stays as it is.
    is_foreign = sys.stderr is not None and not terminal.writes_to(sys.stderr, 2)
    shown = sys.stderr if is_foreign else terminal.writer(terminal_fd, sys.stderr)
    _flush()
    os.dup2(captured.fileno(), 2)
    try:
      yield shown
    except UserError:
      raise
    except Exception:
      shown.write(_text(captured))
      raise
    finally:
      shown.flush()
      _flush()
      os.dup2(terminal_fd, 2)
      if log_path and (text := _text(captured)):
        with open(log_path, "a", encoding="utf-8") as log:
          log.write(text)


def _flush() -> None:
  if sys.stderr is not None:
    sys.stderr.flush()


def _text(captured: IO[bytes]) -> str:
  captured.seek(0)
  return captured.read().decode("utf-8", "replace")
