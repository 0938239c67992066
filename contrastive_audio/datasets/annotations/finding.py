"""Which program wrote a label file, and which recording it is about."""

import os
from collections.abc import Callable

from contrastive_audio.datasets.annotations.annotation import Annotation, read_cells
from contrastive_audio.datasets.annotations.audacity import read_audacity
from contrastive_audio.datasets.annotations.raven import BEGIN, END, read_raven
from contrastive_audio.errors import UserError
from contrastive_audio.sound import formats

EXTENSION = ".txt"
_AUDIO_ENDINGS = tuple(formats.EXTENSIONS)


def reader_of(path: str) -> Callable[[str], list[tuple[int, Annotation]]] | None:
  """Returns the function that reads a label file; None if no program that we know wrote it.

  Args:
    path: of a text file.

  Raises:
    UserError: it cannot be read.

  Example:
    >>> with open("a.txt", "w") as file:
    ...   _ = file.write("0.5\\t1.0\\twren\\n")
    >>> reader_of("a.txt").__name__
    'read_audacity'
  """
  cells = next((cells for _, cells in read_cells(path)), [])
  if {BEGIN, END} <= {cell.lower() for cell in cells}:
    return read_raven
  return read_audacity if len(cells) > 1 and all(map(_is_number, cells[:2])) else None


def recording_of(path: str, where: str, file: str | None) -> str:
  """Returns the recording that an annotation is about, relative to the folder of its label file.

  That is the file that the label file names: at its path, or else of its name beside the label
  file. A label file that names none is about the recording beside it whose name, with or without
  its extension, its own begins with, up to a dot; the longest counts.

  Args:
    path: of the label file.
    where: path and line, for messages.
    file: the recording that the line names, or None.

  Raises:
    UserError: there is no such recording, or there are two.

  Example:
    >>> for name in ("a.wav", "a.b.wav", "a.b.Table.1.selections.txt"):
    ...   open(name, "w").close()
    >>> recording_of("a.b.Table.1.selections.txt", where="", file=None)
    'a.b.wav'
    >>> recording_of("a.b.Table.1.selections.txt", where="", file="D:\\\\field\\\\a.wav")
    'a.wav'
  """
  folder = os.path.dirname(path)
  if file is None:
    return _beside(path)
  name = file.replace("\\", "/").rpartition("/")[2]
  for candidate in (file, file.replace("\\", "/"), name):
    if os.path.isfile(os.path.join(folder, candidate)):
      return candidate
  raise UserError(
    f"{where}: {file!r:.80} is not there, nor is {name!r:.80} in the folder of the table: put it "
    "there"
  )


def _beside(path: str) -> str:
  """Returns the recording beside a label file."""
  folder, stem = os.path.split(path)
  names = sorted(
    name for name in os.listdir(folder or os.curdir) if name.lower().endswith(_AUDIO_ENDINGS)
  )
  while "." in stem:
    stem = stem.rpartition(".")[0]
    found = [name for name in names if stem in (name, os.path.splitext(name)[0])]
    if len(found) > 1:
      raise UserError(
        f"{path}: it may be about {found[0]!r} or {found[1]!r}: name it after one, with its "
        f"extension: {found[0]}{EXTENSION}"
      )
    if found:
      return found[0]
  raise UserError(
    f"{path}: no recording beside it is called so: the table of rec.wav is called rec.txt, "
    "rec.Table.1.selections.txt or the like, or names its files in the column 'Begin File'"
  )


def _is_number(text: str) -> bool:
  try:
    float(text)
  except ValueError:
    return False
  return True
