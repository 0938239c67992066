"""Files that are written atomically: a reader sees the old content or the new, never a part."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator

from contrastive_audio.errors import UserError

UNFINISHED = ".part"  # in the name of every file that is still being written


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
  """Replaces a file atomically, once the block has written all of it.

  What a killed process leaves behind has UNFINISHED in its name; the old file stays as it was.

  Args:
    path: file to replace, or to create.

  Yields:
    The path to write to, in the same folder and with the same extension.

  Example:
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "note.txt")
    >>> with replacing(path) as unfinished, open(unfinished, "w") as file:
    ...   _ = file.write("complete")
    >>> open(path).read()
    'complete'
  """
  folder, name = os.path.split(os.path.abspath(path))
  stem, extension = os.path.splitext(name)
  writer = f"{socket.gethostname()}-{os.getpid()}"  # another process may be writing the same file
  unfinished = os.path.join(folder, f".{stem}.{writer}{UNFINISHED}{extension}")
  try:
    yield unfinished
    _flush_to_disk(unfinished)
    os.replace(unfinished, path)
  finally:
    with contextlib.suppress(FileNotFoundError):
      os.remove(unfinished)


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a UTF-8 text file atomically.

  Example:
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "note.txt")
    >>> write_text(path, "é")
    >>> open(path, encoding="utf-8").read()
    'é'
  """
  with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8") as file:
    file.write(text)


def read_json(path: str | os.PathLike):
  """Returns the content of a JSON file; None if there is no such file.

  Example:
    >>> read_json("no/such/file.json") is None
    True
  """
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    return json.load(file)


def write_json(path: str | os.PathLike, value) -> None:
  """Writes a JSON file atomically.

  Example:
    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "value.json")
    >>> write_json(path, {"clips": 3})
    >>> read_json(path)
    {'clips': 3}
  """
  write_text(path, json.dumps(value, indent=1) + "\n")


def make_folder(path: str | os.PathLike) -> None:
  """Creates a folder and its parents, unless they exist.

  Raises:
    UserError: if that is not possible.

  Example:
    >>> import tempfile
    >>> folder = os.path.join(tempfile.mkdtemp(), "runs", "mine")
    >>> make_folder(folder)
    >>> os.path.isdir(folder)
    True
  """
  try:
    os.makedirs(path, exist_ok=True)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"cannot create the folder {os.fspath(path)!r}: {reason}") from error


def _flush_to_disk(path: str) -> None:
  descriptor = os.open(path, os.O_RDWR)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
