"""Files below a folder, in a fixed order, and names that can be printed."""

import os
from collections.abc import Iterable, Iterator
from typing import NoReturn

from contrastive_audio.errors import UserError


def printable(path: str) -> str:
  r"""Returns a path as text that any terminal and any UTF-8 column can hold.

  Args:
    path: str as `os.fsdecode` returns it.

  Example:
    >>> printable(os.fsdecode(b"caf\xe9.wav"))
    'caf\\xe9.wav'
  """
  return os.fsencode(path).decode("utf-8", "backslashreplace")


def find_files(root: str, extensions: Iterable[str]) -> tuple[list[str], int]:
  """Finds files below a folder; symbolic links are followed once.

  Args:
    root: a folder.
    extensions: of the files to find, in lower case, with the dot.

  Returns:
    (relative paths, sorted; number of other files).

  Raises:
    UserError: a folder cannot be listed.

  Example:
    >>> for name in ("b.WAV", "a.wav", "notes.txt"):
    ...   open(name, "w").close()
    >>> find_files(".", [".wav"])
    (['a.wav', 'b.WAV'], 1)
  """
  paths, num_others, endings = [], 0, tuple(extensions)
  for folder, names in iterate_folders(root):
    chosen = [n for n in names if not n.startswith(".") and n.lower().endswith(endings)]
    num_others += len(names) - len(chosen)
    paths += [os.path.join(folder, name) for name in chosen]
  return sorted(paths), num_others


def iterate_folders(root: str) -> Iterator[tuple[str, list[str]]]:
  """Yields (relative folder, "" for the root; sorted names of its files), in order.

  Symbolic links are followed once. Only one folder is held in memory at a time.

  Args:
    root: a folder.

  Raises:
    UserError: a folder cannot be listed.

  Example:
    >>> os.makedirs("dog")
    >>> open("dog/1.wav", "w").close()
    >>> list(iterate_folders("."))
    [('', []), ('dog', ['1.wav'])]
  """
  seen = set()
  for folder, children, names in os.walk(root, followlinks=True, onerror=_refuse_folder):
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:  # reached again through a symbolic link
      children.clear()
      continue
    seen.add((status.st_dev, status.st_ino))
    children.sort()
    relative = os.path.relpath(folder, root)
    yield "" if relative == os.curdir else relative, sorted(names)


def _refuse_folder(error: OSError) -> NoReturn:
  raise UserError(f"cannot list the folder {error.filename!r}: {(error.strerror or '').lower()}")
