"""What published data sets have in common: lists of files and labels, against what is there."""

import os

from contrastive_audio.datasets import file_source
from contrastive_audio.errors import UserError


def compare(rows, root, folders, what, endings=(".wav",)):
  """Divides clips that official lists name into those on disk and those that are not.

  Args:
    rows: files.Rows of the lists; several may be of one file.
    root: folder to which their paths are relative.
    folders: where audio may lie, relative to the root; those that are absent are passed over.
    what: the data set and where to get it, for people.
    endings: of audio files.

  Returns:
    (Rows that are there, those that are not as a table (files.MISSING_SCHEMA), remarks).

  Raises:
    UserError: none is there.
  """
  found = audio_in(root, folders, endings)
  rows = list(rows)
  present = [row for row in rows if row.path in found]
  if not present:
    raise UserError(
      f"none of the {len(rows)} listed clips is in {root!r}, such as {rows[0].path!r}: it should "
      f"hold {what}"
    )
  missing = file_source.missing_table(
    [(_key(row), row.split) for row in rows if row.path not in found]
  )
  unlisted = len(found - {row.path for row in rows})
  remarks = (f"{unlisted} audio files that no list names are left out",) if unlisted else ()
  return present, missing, remarks


def _key(row):
  return row.key or file_source.printable(row.path)


def audio_in(root, folders, endings=(".wav",)):
  """Returns the set of paths, relative to the root, of audio files in some of its folders."""
  found = set()
  for folder in folders:
    top = os.path.join(root, folder)
    if os.path.isdir(top):
      found.update(
        os.path.normpath(os.path.join(folder, p)) for p in file_source.walk(top, endings)[0]
      )
  return found


def require_class(label, classes, where, what):
  """Returns a label that is among the classes.

  Args:
    label: text.
    classes: all names that there are.
    where: file and line, for people.
    what: the file and where to get it, for people.

  Raises:
    UserError: it is not one of them.
  """
  if label not in classes:
    known = ", ".join(list(classes)[:3]) + (", ..." if len(classes) > 3 else "")
    raise UserError(
      f"{where}: unknown class {label!r}, expected one of {len(classes)}: {known}; is it the list "
      f"of another data set? It should be {what}"
    )
  return label


def read_lines(path, what):
  """Returns the lines of a text file, stripped, without empty ones.

  Args:
    path: the file.
    what: the file and where to get it, for people.

  Raises:
    UserError: it cannot be read, or is empty.
  """
  try:
    with open(path, encoding="utf-8-sig") as file:
      lines = [line.strip() for line in file]
  except (OSError, UnicodeDecodeError) as error:
    reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"cannot read {path!r}: {reason.lower()}; it should be {what}") from error
  if not any(lines):
    raise UserError(f"{path}: the file lists no clips; it should be {what}")
  return list(filter(None, lines))
