"""Text files that people and tools write: which encoding they are in, and their lines."""

import codecs
import re
from typing import NoReturn

from contrastive_audio.errors import UserError, reason_of

WINDOWS = "cp1252"
_MARKS = {  # the longer ones first: that of UTF-32 begins like that of UTF-16
  codecs.BOM_UTF8: "utf-8-sig",
  codecs.BOM_UTF32_LE: "utf-32",
  codecs.BOM_UTF32_BE: "utf-32",
  codecs.BOM_UTF16_LE: "utf-16",
  codecs.BOM_UTF16_BE: "utf-16",
}
_NO_WESTERN_WORD = re.compile(rb"[\x80-\xff]{3}")
_BLOCK_BYTES = 1 << 20


def encoding_of(path: str) -> str:
  """Returns the encoding of a text file: of its byte order mark, else UTF-8, else Windows-1252.

  Args:
    path: of the file.

  Raises:
    UserError: it cannot be read, or holds something else than text in one encoding.

  Example:
    >>> with open("names", "wb") as file:
    ...   _ = file.write("Vögel".encode("cp1252"))
    >>> encoding_of("names")
    'cp1252'
  """
  try:
    with open(path, "rb") as file:
      block = file.read(_BLOCK_BYTES)
      for mark, encoding in _MARKS.items():
        if block.startswith(mark):
          return encoding
      decoder = codecs.getincrementaldecoder("utf-8")()
      while block:
        if b"\0" in block:
          raise UserError(f"cannot read {path!r}: it holds NUL bytes: save it as text in UTF-8")
        decoder.decode(block)
        block = file.read(_BLOCK_BYTES)
      decoder.decode(b"", final=True)
  except UnicodeDecodeError:
    return _windows_of(path)
  except OSError as error:
    refuse(path, error)
  return "utf-8"


def read_lines(path: str) -> list[str]:
  r"""Returns the lines of a text file, without their ends; empty ones are left out.

  Args:
    path: of the file.

  Raises:
    UserError: it cannot be read.

  Example:
    >>> with open("keys", "wb") as file:
    ...   _ = file.write(b"\xef\xbb\xbfdog/1.wav\r\n\r\n")
    >>> read_lines("keys")
    ['dog/1.wav']
  """
  encoding = encoding_of(path)
  try:
    with open(path, encoding=encoding) as file:
      return list(filter(None, file.read().split("\n")))
  except (OSError, UnicodeError) as error:
    refuse(path, error)


def refuse(path: str, error: Exception) -> NoReturn:
  """Raises a UserError that says in one line why a file cannot be read.

  Args:
    path: of the file.
    error: what reading it raised.

  Raises:
    UserError: always.

  Example:
    >>> refuse("clips.csv", PermissionError(13, "Permission denied"))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: cannot read 'clips.csv': permission denied
  """
  reason = reason_of(error)
  if isinstance(error, UnicodeError):
    reason = "its text is not in one of the known encodings: save it as UTF-8"
  elif isinstance(error, OSError) and error.strerror:
    reason = error.strerror.lower()
  raise UserError(f"cannot read {path!r}: {reason}") from error


def is_windows(content: bytes) -> bool:
  """Whether text is read as Windows-1252, if that of its file is not in UTF-8.

  Args:
    content: some text of a file, whole words at least.

  Example:
    >>> is_windows("Möwe".encode("cp1252")), is_windows("чайка".encode("cp1251"))
    (True, False)
  """
  is_western = not _NO_WESTERN_WORD.search(content)
  return is_western and content.decode("utf-8", "ignore").isascii()


def _windows_of(path: str) -> str:
  """Returns WINDOWS for a file that is not in UTF-8, unless its letters are those of another."""
  with open(path, "rb") as file:
    for number, line in enumerate(file, start=1):
      if is_windows(line):
        continue
      reason = "is in UTF-8 and others are not"
      if _NO_WESTERN_WORD.search(line):
        reason = "is neither in UTF-8 nor in Windows-1252"
      raise UserError(f"cannot read {path!r}: line {number} {reason}: save the file as UTF-8")
  return WINDOWS
