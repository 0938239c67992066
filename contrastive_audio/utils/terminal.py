"""Standard output and error that end no job: readers that left, names they cannot show."""

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_NOBODY_READS = (errno.EPIPE, errno.EIO, errno.EBADF)  # `| head`; a terminal that was closed
_STANDARD = 3  # descriptors: input, output, error


class _Output(io.RawIOBase):
  """Writes to a file descriptor, which stays open; once that fails, drops what is written."""

  def __init__(self, descriptor: int):
    self._descriptor = descriptor
    self.error: OSError | None = None  # the first one

  def writable(self) -> bool:
    return True

  def fileno(self) -> int:
    return self._descriptor

  def isatty(self) -> bool:
    return os.isatty(self._descriptor)

  def write(self, content: Any) -> int:
    while self.error is None:
      try:
        return os.write(self._descriptor, content)
      except BlockingIOError:  # another program has made a shared pipe or terminal non-blocking
        select.select([], [self._descriptor], [])
      except OSError as error:
        self.error = error
    return len(content)


def writer(descriptor: int, like: TextIO | None = None) -> TextIO:
  """Returns a text stream whose writes never fail.

  What its encoding lacks, it writes with backslashes; if nothing can be written, it goes nowhere.

  Args:
    descriptor: of an open file; the stream does not close it.
    like: a stream whose encoding to use; None: UTF-8.

  Example:
    >>> with open("log", "wb") as file:
    ...   print("caf\\xe9 \\udcff", file=writer(file.fileno()), flush=True)
    >>> with open("log", encoding="utf-8") as file:
    ...   len(file.read())  # the second name takes six characters
    12
  """
  return _wrap(_Output(descriptor), like)


def _wrap(output: _Output, like: TextIO | None) -> TextIO:
  encoding = getattr(like, "encoding", None) or "utf-8"
  names = ("line_buffering", "write_through")  # of standard error, and with PYTHONUNBUFFERED
  by_line = output.isatty() or any(getattr(like, name, False) for name in names)
  return io.TextIOWrapper(
    io.BufferedWriter(output), encoding, "backslashreplace", line_buffering=by_line
  )


@contextlib.contextmanager
def steady() -> Iterator[None]:
  """Makes standard output and error end no job, until the block ends.

  If they are closed, what is written goes nowhere; and no file that the job opens takes their
  place, to be overwritten by messages of native libraries. Streams that belong to somebody else,
  such as a notebook's, stay as they are.

  Raises:
    OSError: at the end of a block that did not fail: some of its output could not be written,
      although somebody might have read it: the disk is full.

  Example:
    >>> with steady():
    ...   print("works")
    works
  """
  open_standard_descriptors()
  before = sys.stdout, sys.stderr
  outputs = [_Output(1), _Output(2)]
  sys.stdout, sys.stderr = map(_steadied, before, outputs)
  try:
    yield
    sys.stdout.flush()
  finally:
    for stream in (sys.stdout, sys.stderr):
      with contextlib.suppress(OSError, ValueError):
        stream.flush()
    sys.stdout, sys.stderr = before
  if (error := outputs[0].error) and error.errno not in _NOBODY_READS:
    raise OSError(error.errno, error.strerror, "standard output")


def _steadied(stream: TextIO | None, output: _Output) -> TextIO:
  if stream is None:
    return open(os.devnull, "w", encoding="utf-8")
  is_native = isinstance(stream, io.TextIOWrapper) and writes_to(stream, output.fileno())
  if not is_native or isinstance(getattr(stream.buffer, "raw", None), _Output):
    return stream
  stream.flush()
  return _wrap(output, stream)


def writes_to(stream: TextIO | None, descriptor: int) -> bool:
  """Whether a stream writes to a file descriptor.

  Args:
    stream: sys.stderr, for example, which is None if the process has none.
    descriptor: its number.

  Example:
    >>> writes_to(io.StringIO(), 2), writes_to(None, 2)
    (False, False)
  """
  try:
    return stream is not None and stream.fileno() == descriptor
  except (OSError, ValueError):
    return False


def open_standard_descriptors() -> None:
  """Opens nothing as those of the descriptors 0, 1 and 2 that are closed.

  A file that is opened gets the lowest free number; as number 2, what native libraries say would be
  written into it.

  Example:
    >>> open_standard_descriptors()
    >>> os.isatty(0) in (True, False)  # it is open
    True
  """
  while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
    os.set_inheritable(descriptor, True)
  os.close(descriptor)
