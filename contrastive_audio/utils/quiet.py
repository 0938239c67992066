"""Keeps C libraries from writing to the user's terminal what the user cannot act on."""

import contextlib
import os
import sys
import tempfile

from contrastive_audio.errors import UserError


@contextlib.contextmanager
def native_stderr(log_path=None):
  """Sends what C code writes to file descriptor 2 elsewhere, until the block ends.

  Args:
    log_path: file to which the text is appended; None discards it. If the block fails for a reason
      of its own, the text is shown after all, since it may hold the cause.

  Yields:
    A text stream that still reaches the user, for progress bars.
  """
  sys.stderr.flush()
  terminal_fd = os.dup(2)
  with tempfile.TemporaryFile() as captured, open(terminal_fd, "w") as terminal:
    os.dup2(captured.fileno(), 2)
    try:
      yield terminal if _writes_to_fd_2(sys.stderr) else sys.stderr  # the latter in a notebook
    except UserError:
      raise
    except Exception:
      terminal.write(_text(captured))
      raise
    finally:
      sys.stderr.flush()
      os.dup2(terminal_fd, 2)
      if log_path and (text := _text(captured)):
        with open(log_path, "a", encoding="utf-8") as log:
          log.write(text)


def _writes_to_fd_2(stream):
  try:
    return stream.fileno() == 2
  except (OSError, ValueError):
    return False


def _text(captured):
  captured.seek(0)
  return captured.read().decode("utf-8", "replace")
