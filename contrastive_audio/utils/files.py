"""Files that are written atomically: a reader sees the old content or the new, never a mixture."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from typing import Any

from contrastive_audio.errors import UserError

_SHOWN = 40  # characters of a name, which may be as long as names can be without what is added
UNFINISHED = ".part"  # in the name of every file that is still being written
# What file systems answer that cannot flush a folder; they keep the order of renames by themselves.
_CANNOT_FLUSH_FOLDERS = (errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
  """Replaces a file atomically, once the block has written all of it.

  The content is on disk before the file gets its name, and the name before the block ends. If the
  block raises an exception, the old file stays as it was and nothing is left over. A process that
  is killed leaves its unfinished file behind, with UNFINISHED in the name.

  Args:
    path: file to replace, or to create.

  Yields:
    The path to write to, in the same folder and with the same extension.

  Example:
    >>> with replacing("note.txt") as unfinished, open(unfinished, "w") as file:
    ...   _ = file.write("complete")
    >>> os.listdir()
    ['note.txt']
  """
  folder, name = os.path.split(os.path.abspath(path))
  stem, extension = os.path.splitext(name)
  # Another process may be writing the same file; in containers it may have the same number.
  writer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
  unfinished = os.path.join(folder, f".{stem[:_SHOWN]}.{writer}{UNFINISHED}{extension}")
  try:
    yield unfinished
    _flush_to_disk(unfinished)
    os.replace(unfinished, path)
    _flush_folder_to_disk(folder)
  finally:
    with contextlib.suppress(FileNotFoundError):
      os.remove(unfinished)


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a UTF-8 text file atomically.

  Example:
    >>> write_text("note.txt", "é")
    >>> os.path.getsize("note.txt")
    2
  """
  with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8") as file:
    file.write(text)


def read_json(path: str | os.PathLike) -> Any:
  """Returns the content of a JSON file; None if there is no such file.

  Example:
    >>> read_json("missing.json") is None
    True
  """
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    return json.load(file)


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Writes a JSON file atomically.

  Example:
    >>> write_json("value.json", {"clips": 3})
    >>> read_json("value.json")
    {'clips': 3}
  """
  write_text(path, json.dumps(value, indent=1) + "\n")


def digest_of_file(path: str | os.PathLike, algorithm: str = "sha256") -> str:
  """Returns a hex digest of a file's content.

  Args:
    path: the file.
    algorithm: as `hashlib.new` takes it.

  Example:
    >>> open("empty", "w").close()
    >>> digest_of_file("empty")[:8]
    'e3b0c442'
  """
  digest = hashlib.new(algorithm)
  with open(path, "rb") as file:
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()


def remove_file(path: str | os.PathLike) -> None:
  """Removes a file, if it is there.

  Args:
    path: of the file.

  Example:
    >>> remove_file("missing")
  """
  with contextlib.suppress(FileNotFoundError):
    os.remove(path)


def make_folder(path: str | os.PathLike) -> None:
  """Creates a folder and its parents, unless they exist.

  Raises:
    UserError: if that is not possible.

  Example:
    >>> make_folder("runs/mine")
    >>> os.path.isdir("runs/mine")
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


def _flush_folder_to_disk(path: str) -> None:
  """Makes new names in a folder survive a power failure."""
  if os.name == "nt":  # which cannot open folders, and does it by itself
    return
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  except OSError as error:
    if error.errno not in _CANNOT_FLUSH_FOLDERS:
      raise
  finally:
    os.close(descriptor)
