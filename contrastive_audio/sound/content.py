"""The bytes of a file, on disk or in memory, and views of some of them."""

import io
import os
import re
import stat
from collections.abc import Iterator

from contrastive_audio.errors import UnusableAudio

Source = str | bytes | os.PathLike | memoryview | bytearray | io.BytesIO
_SEARCHED_BYTES = 1 << 20  # read at once while searching
_LONGEST_MATCH_BYTES = 64


class Content:
  """The bytes of a file, read at any position; a context manager.

  Attributes:
    path: of the file; None: its content was given.
    num_bytes: how many there are.

  Example:
    >>> with Content(memoryview(b"fLaC and more")) as content:
    ...   content.num_bytes, content.read_at(5, 3), list(content.find(re.compile(b"o")))
    (13, b'and', [10])
  """

  def __init__(self, source: Source):
    """Opens a file.

    Args:
      source: a path (bytes are decoded by `os.fsdecode`), or the content of a file.

    Raises:
      UnusableAudio: it cannot be opened, is no regular file, or is empty.
    """
    self.path: str | None = None
    self._file: int | None = None
    if isinstance(source, (memoryview, bytearray, io.BytesIO)):
      self._bytes = source.getbuffer() if isinstance(source, io.BytesIO) else memoryview(source)
      self._bytes = self._bytes.cast("B") if self._bytes.format != "B" else self._bytes
      self.num_bytes = self._bytes.nbytes
    else:
      self.path = os.fsdecode(source)
      self.num_bytes = self._open(self.path)
    if not self.num_bytes:
      self.close()
      raise UnusableAudio("empty file (0 bytes)")

  def _open(self, path: str) -> int:
    try:
      if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: a pipe would wait
        raise UnusableAudio("not a regular file")
      self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
      return os.fstat(self._file).st_size
    except (OSError, ValueError) as error:  # ValueError: a null character
      raise UnusableAudio((getattr(error, "strerror", None) or str(error)).lower()) from error

  def __enter__(self) -> "Content":
    return self

  def __exit__(self, *_: object) -> None:
    self.close()

  def close(self) -> None:
    """Closes the file."""
    if self._file is not None:
      os.close(self._file)
      self._file = None

  def read_at(self, position: int, num_bytes: int) -> bytes:
    """Returns bytes from a position; fewer at the end.

    Args:
      position: of the first byte.
      num_bytes: how many.
    """
    if position >= self.num_bytes:
      return b""
    if self._file is None:
      return bytes(self._bytes[position : position + num_bytes])
    return os.pread(self._file, max(0, num_bytes), position)

  def find(self, pattern: re.Pattern[bytes], begin: int = 0) -> Iterator[int]:
    """Yields the positions of all matches, in order.

    Args:
      pattern: matches at most 64 bytes.
      begin: where to start.
    """
    for start in range(begin, self.num_bytes, _SEARCHED_BYTES):
      window = self.read_at(start, _SEARCHED_BYTES + _LONGEST_MATCH_BYTES)
      for match in pattern.finditer(window):
        if match.start() < _SEARCHED_BYTES:
          yield start + match.start()


class View(io.RawIOBase):
  """Some of the bytes of a file as a file of their own, for decoders; some may be replaced.

  Attributes:
    name: what decoders that look at extensions see; nobody opens a file of this name.

  Example:
    >>> content = Content(memoryview(b"RIFF????WAVE behind"))
    >>> View(content, 0, 12, {4: b"1234"}).read()
    b'RIFF1234WAVE'
  """

  def __init__(
    self, content: Content, begin: int, end: int, replaced: dict[int, bytes] | None = None
  ):
    """Makes a view.

    Args:
      content: the file.
      begin: position of the first byte.
      end: position behind the last byte.
      replaced: position in the file -> bytes to be seen there.
    """
    super().__init__()
    self.name = "recording" + os.path.splitext(content.path or "")[1].lower()
    self._content, self._begin, self._end = content, begin, end
    self._replaced = replaced or {}
    self._position = 0

  def readable(self) -> bool:
    """Returns that it is."""
    return True

  def seekable(self) -> bool:
    """Returns that it is."""
    return True

  def tell(self) -> int:
    """Returns the position."""
    return self._position

  def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
    """Moves to a position, and returns it; stays where it is if there is no such position."""
    origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end - self._begin}
    if origin[whence] + offset >= 0:  # damaged files send decoders anywhere
      self._position = origin[whence] + offset
    return self._position

  def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
    """Fills a buffer with what follows; returns how many bytes that were."""
    first = self._begin + self._position
    found = self._content.read_at(first, min(len(buffer), self._end - first))
    buffer[: len(found)] = self._with_replaced(found, first)
    self._position += len(found)
    return len(found)

  def _with_replaced(self, found: bytes, first: int) -> bytes:
    changed = found
    for position, value in self._replaced.items():
      low, high = max(position, first), min(position + len(value), first + len(found))
      if low < high:
        inside = value[low - position : high - position]
        changed = changed[: low - first] + inside + changed[high - first :]
    return changed
