"""How a command ends: one line for what a person can mend, whatever raised it."""

import errno
import os

import pytest
import tensorflow as tf

from contrastive_audio.cli.endings import in_one_line
from contrastive_audio.errors import UnusableAudio, UserError


def end(error, capsys):
  """Raises an error in a command; returns its exit code and its only line."""
  with pytest.raises(SystemExit) as ended, in_one_line():
    raise error
  (line,) = capsys.readouterr().err.splitlines()
  return ended.value.code, line


DISK = ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO", "ENAMETOOLONG", "EMFILE", "ESTALE"]


@pytest.mark.parametrize("name", DISK)
def test_what_a_disk_answers_is_one_line_with_the_path(name, capsys):
  number = getattr(errno, name)
  code, line = end(OSError(number, os.strerror(number), "/data/x.wav"), capsys)
  assert code == 1
  assert "/data/x.wav" in line
  assert os.strerror(number).lower() in line


@pytest.mark.parametrize(
  ("error", "begins"),
  [
    (UserError(""), "error: UserError"),
    (UserError(" \n"), "error: UserError"),
    (UnusableAudio("no audio in it"), "error: no audio in it"),
    (UserError("the folder 'two\nlines' \x1b[2J"), r"error: the folder 'two\nlines' \x1b[2J"),
    (FileNotFoundError(errno.ENOENT, "No such file", "gone.wav"), "error: cannot use gone.wav: no"),
    (
      OSError(errno.EXDEV, "Invalid cross-device link", "a", None, b"b"),
      "error: cannot use a to b: invalid cross-device link",
    ),
    (
      OSError(errno.EIO, "Error reading bytes from file."),  # as pyarrow's
      "error: cannot use a file ([Errno 5] Error reading bytes from file.): input/output error",
    ),
    (
      tf.errors.FailedPreconditionError(None, None, "run/x; Read-only file system"),
      "error: cannot write a file of the run: read-only file system",
    ),
    (MemoryError("Unable to allocate 7 TiB"), "error: not enough memory: Unable to allocate 7 TiB"),
    (MemoryError(), "error: not enough memory: MemoryError"),
    (
      tf.errors.ResourceExhaustedError(
        None,
        None,
        "Detected at node m/Conv2D\nOOM when allocating tensor with shape[8,9] on GPU\nHint",
      ),
      "error: not enough memory: OOM when allocating tensor with shape[8,9] on GPU; nothing",
    ),
  ],
)
def test_every_line_says_something_and_is_one(error, begins, capsys):
  code, line = end(error, capsys)
  assert code == 1
  assert line.startswith(begins)


@pytest.mark.parametrize(
  "error", [ZeroDivisionError(), OSError("something else"), BrokenPipeError(errno.EPIPE, "pipe")]
)
def test_a_fault_of_the_program_keeps_its_traceback_and_says_where_to_report_it(error, capsys):
  with pytest.raises(type(error)) as raised, in_one_line():
    raise error
  told = "\n".join(getattr(raised.value, "__notes__", [])) + capsys.readouterr().err
  assert "What was finished is kept" in told
  assert "docs/security.md" in told
