"""What published data sets have in common: official lists of clips, compared with the files."""

import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa

from contrastive_audio.datasets.clip_table import Row, to_missing_table
from contrastive_audio.datasets.file_tree import find_files, printable
from contrastive_audio.errors import UserError
from contrastive_audio.utils import tables, text_files


def compare(
  rows: Iterable[Row],
  root: str,
  folders: Iterable[str],
  what: str,
  extensions: Sequence[str] = (".wav",),
) -> tuple[list[Row], pa.Table, tuple[str, ...]]:
  """Divides the clips of official lists into those on disk and those that are missing.

  Args:
    rows: clips of the lists; several may be of one file.
    root: folder to which their paths are relative.
    folders: where audio may lie, relative to the root; they need not all exist.
    what: the data set and where to get it, human-readable.
    extensions: of audio files.

  Returns:
    (clips on disk, missing clips (clip_table.MISSING_SCHEMA), remarks).

  Raises:
    UserError: all clips are missing.

  Example:
    >>> open("a.wav", "w").close()
    >>> present, missing, _ = compare([Row("a.wav"), Row("b.wav")], ".", [""], "my data set")
    >>> [row.path for row in present], missing["key"].to_pylist()
    (['a.wav'], ['b.wav'])
  """
  files = audio_in(root, folders, extensions)
  rows = list(dict.fromkeys(rows))
  _require_one_row_for_each_clip(rows, what)
  present = [row for row in rows if row.path in files]
  if not present:
    raise UserError(
      f"none of the {len(rows)} listed clips is in {root!r}, such as {rows[0].path!r}: it should "
      f"hold {what}"
    )
  missing = to_missing_table(
    [(row.key or printable(row.path), row.split) for row in rows if row.path not in files]
  )
  num_unlisted = len(files - {row.path for row in rows})
  remarks = (f"{num_unlisted} unlisted audio files are left out",) if num_unlisted else ()
  return present, missing, remarks


def _require_one_row_for_each_clip(rows: Sequence[Row], what: str) -> None:
  clips: dict[tuple[str, float | None], Row] = {}
  for row in rows:
    other = clips.setdefault((os.path.normpath(row.path), row.start_s), row)
    if other is not row:
      raise UserError(
        f"{row.path!r} is listed twice, with the labels {other.label!r} and {row.label!r} and the "
        f"splits {other.split!r} and {row.split!r}: the lists should be those of {what}"
      )


def audio_in(root: str, folders: Iterable[str], extensions: Sequence[str] = (".wav",)) -> set[str]:
  """Returns the paths, relative to the root, of audio files in some of its folders.

  Args:
    root: folder of the data set.
    folders: relative to it; they need not all exist.
    extensions: of audio files, in lower case.

  Example:
    >>> os.makedirs("eval")
    >>> open("eval/1.wav", "w").close()
    >>> audio_in(".", ["train", "eval"])
    {'eval/1.wav'}
  """
  paths: set[str] = set()
  for folder in folders:
    top = os.path.join(root, folder)
    if os.path.isdir(top):
      below = find_files(top, extensions).paths
      paths.update(os.path.normpath(os.path.join(folder, path)) for path in below)
  return paths


def require_class(label: str, classes: Collection[str], where: str, what: str) -> str:
  """Returns a label that is one of the classes.

  Args:
    label: from a list.
    classes: names of all classes.
    where: file and line, human-readable.
    what: the file and where to get it, human-readable.

  Raises:
    UserError: it is not one of them.

  Example:
    >>> require_class("cow", ("cat", "dog"), "train.csv, line 7", "train.csv of https://...")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: train.csv, line 7: unknown class 'cow', expected one of 2...
  """
  if label not in classes:
    examples = ", ".join(list(classes)[:3]) + (", ..." if len(classes) > 3 else "")
    raise UserError(
      f"{where}: unknown class {label!r}, expected one of {len(classes)}: {examples}; is it the "
      f"list of another data set? It should be {what}"
    )
  return label


def read_lines(path: str, what: str) -> list[str]:
  """Returns the lines of a text file, stripped, without empty ones.

  Args:
    path: of the file.
    what: the file and where to get it, human-readable.

  Raises:
    UserError: it cannot be read, or is empty.

  Example:
    >>> with open("list.txt", "w") as file:
    ...   _ = file.write("a.wav\\n\\nb.wav\\n")
    >>> read_lines("list.txt", "the list of https://...")
    ['a.wav', 'b.wav']
  """
  try:
    lines = [line.strip() for line in text_files.read_lines(path)]
  except UserError as error:
    raise UserError(f"{error}; it should be {what}") from error
  if not any(lines):
    raise UserError(f"{path}: the file lists no clips; it should be {what}")
  return list(filter(None, lines))


def read_table(
  path: str,
  columns: Sequence[str],
  what: str,
  delimiter: str = ",",
  header: bool = True,
  optional: Sequence[str] = (),
) -> list[dict[str, Any]]:
  """Reads a CSV or TSV file that a data set is published with.

  Args:
    path: of the file.
    columns: names that the first line must contain, among others; without a header, names of the
      columns in their order.
    what: the file and where to get it, human-readable.
    delimiter: between the cells.
    header: whether the first line names the columns.
    optional: names of columns that are returned, too, if they are there.

  Returns:
    The rows, name of each of these columns -> text; each has a "line", its number in the file.

  Raises:
    UserError: not readable, another header, too few cells, no row.

  Example:
    >>> with open("meta.csv", "w") as file:
    ...   _ = file.write("file,label\\na.wav,dog\\n")
    >>> read_table("meta.csv", ("file", "label"), "the list of https://...")
    [{'file': 'a.wav', 'label': 'dog', 'line': 2}]
  """
  try:
    table = tables.read_table(path, [*columns, *optional], delimiter, None if header else columns)
  except UserError as error:
    raise UserError(f"{error}; it should be {what}") from error
  if missing := [name for name in columns if name not in table.columns]:
    raise UserError(
      f"{path}: the first line must name the columns {', '.join(columns)}; {', '.join(missing)} "
      f"is missing, it reads {delimiter.join(table.names)[:80]!r}: it should be {what}"
    )
  rows = [{**cells, "line": line} for line, cells in table.rows()]
  if not rows:
    raise UserError(f"{path}: the file lists no clips; it should be {what}")
  return rows
