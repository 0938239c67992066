"""Keeps C libraries from writing to the user's terminal what the user cannot act on."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings

from audio.errors import UserError


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


def import_tensorflow():
  """Imports TensorFlow and Keras (on the TensorFlow backend) without their start-up messages.

  Raises:
    ImportError: Keras was already imported with another backend.
  """
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"
  with native_stderr(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # a missing GPU driver is reported here
  logging.getLogger("tensorflow").setLevel(logging.ERROR)  # deprecations inside libraries
  if keras.backend.backend() != "tensorflow":
    raise ImportError(
      f"Keras runs on the backend {keras.backend.backend()!r}; this package needs 'tensorflow': "
      "import it before keras, or set KERAS_BACKEND=tensorflow"
    )
