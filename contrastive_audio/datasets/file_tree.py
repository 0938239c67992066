"""Files below a folder, in a fixed order, and names that can be printed."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from contrastive_audio.errors import UserError

# What systems and programs leave behind, beside names that begin with a dot; in lower case.
_LEFT_BEHIND = frozenset(
  {
    "__macosx",  # macOS, in archives
    "@eadir",  # Synology
    "@recycle",  # QNAP
    "#recycle",  # Synology
    "#snapshot",  # Synology
    "$recycle.bin",  # Windows
    "system volume information",  # Windows
    "lost+found",  # Linux
    "__pycache__",  # Python
    "thumbs",  # previews
  }
)
# Characters that end a line, or that terminals obey.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Found(NamedTuple):
  """The files below a folder.

  Attributes:
    paths: relative paths of the files that were looked for, sorted.
    num_others: number of other files.
    num_hidden: number of hidden folders, which were not looked into.

  Example:
    >>> Found(["a.wav"], num_others=1, num_hidden=0).paths
    ['a.wav']
  """

  paths: list[str]
  num_others: int
  num_hidden: int


def printable(path: str) -> str:
  r"""Returns a path as one line of text that any terminal and any UTF-8 column can hold.

  Args:
    path: str as `os.fsdecode` returns it.

  Example:
    >>> printable(os.fsdecode(b"caf\xe9.wav")), printable("two\nlines.wav")
    ('caf\\xe9.wav', 'two\\nlines.wav')
  """
  text = os.fsencode(path).decode("utf-8", "backslashreplace")
  return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def is_hidden(path: str) -> bool:
  """Returns whether a file or a folder on its path is hidden, or was left behind by a program.

  Args:
    path: relative to a data set.

  Example:
    >>> [is_hidden(path) for path in ("dog/1.wav", "dog/._1.wav", "./__MACOSX/dog/1.wav")]
    [False, True, True]
  """
  names = (name for name in path.split("/") if name not in ("", ".", ".."))
  return any(name.startswith(".") or name.lower() in _LEFT_BEHIND for name in names)


def find_files(root: str, extensions: Iterable[str]) -> Found:
  """Finds files below a folder; symbolic links are followed once, hidden folders are left out.

  Args:
    root: a folder.
    extensions: of the files to find, in lower case, with the dot.

  Raises:
    UserError: a folder cannot be listed.

  Example:
    >>> for name in ("b.WAV", "a.wav", "notes.txt"):
    ...   open(name, "w").close()
    >>> find_files(".", [".wav"])
    Found(paths=['a.wav', 'b.WAV'], num_others=1, num_hidden=0)
  """
  paths, num_others, endings = [], 0, tuple(extensions)
  hidden: list[str] = []
  for folder, names in iterate_folders(root, hidden):
    chosen = [n for n in names if not is_hidden(n) and n.lower().endswith(endings)]
    num_others += len(names) - len(chosen)
    paths += [os.path.join(folder, name) for name in chosen]
  return Found(sorted(paths), num_others, len(hidden))


def without_repeats(root: str, paths: list[str]) -> list[str]:
  """Leaves out links to files that are listed anyway, by themselves or by an earlier link.

  Args:
    root: a folder.
    paths: of files, relative to it.

  Example:
    >>> open("a.wav", "w").close()
    >>> os.symlink("a.wav", "b.wav")
    >>> without_repeats(".", ["a.wav", "b.wav"])
    ['a.wav']
  """
  links = [path for path in paths if os.path.islink(os.path.join(root, path))]
  if not links:
    return paths
  seen = {os.path.realpath(os.path.join(root, path)) for path in set(paths).difference(links)}
  repeats = set()
  for path in links:
    if (place := os.path.realpath(os.path.join(root, path))) in seen:
      repeats.add(path)
    seen.add(place)
  return [path for path in paths if path not in repeats]


def iterate_folders(root: str, hidden: list[str] | None = None) -> Iterator[tuple[str, list[str]]]:
  """Yields (relative folder, "" for the root; sorted names of its files), in order.

  Symbolic links are followed once, hidden folders are left out. Only one folder is held in memory
  at a time.

  Args:
    root: a folder.
    hidden: a list to which the relative paths of hidden folders are added; None: they are not kept.

  Raises:
    UserError: a folder cannot be listed.

  Example:
    >>> os.makedirs("dog/.trash")
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
    relative = os.path.relpath(folder, root)
    relative = "" if relative == os.curdir else relative
    if hidden is not None:
      hidden += [os.path.join(relative, child) for child in children if is_hidden(child)]
    children[:] = sorted(child for child in children if not is_hidden(child))
    yield relative, sorted(names)


def _refuse_folder(error: OSError) -> NoReturn:
  raise UserError(f"cannot list the folder {error.filename!r}: {(error.strerror or '').lower()}")
