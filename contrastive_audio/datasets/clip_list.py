"""A table of the user's that lists clips -> clips: files, each once, or stretches of files."""

import dataclasses
import functools
import itertools
import os
import re
import stat
from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.file_tree import UNPRINTABLE
from contrastive_audio.datasets.splits import split_name
from contrastive_audio.datasets.timed_rows import TimedRows, joined, parse_times
from contrastive_audio.errors import UserError
from contrastive_audio.utils.spreadsheets import unescaped
from contrastive_audio.utils.tables import Table, read_table
from contrastive_audio.utils.words import counted

# What a clip has -> the columns that say it; of several, the first.
_COLUMNS = {
  "file": ("file", "filename", "file_name", "filepath", "file_path", "path"),
  "label": ("label", "category", "class", "target", "event_label", "common name"),
  "group": ("group",),
  "split": ("split",),
}
_RAVEN, _FILE_OFFSET = ("begin time (s)", "end time (s)"), "file offset (s)"
# Columns of the start and of the end of a stretch, in seconds; of several pairs, the first.
_TIMES = (
  ("start_s", "end_s"),
  ("start_s", "stop_s"),
  _RAVEN,
  ("start (s)", "end (s)"),  # BirdNET
  ("onset", "offset"),  # DCASE
)
# How other programs may call such columns, in whatever unit.
_UNIT = r"[ _]?\(?(time)?[ _(]*(seconds|sec|s|ms|samples|frames?)?\)?"
_START_LIKE = re.compile(rf"(start|begin|onset){_UNIT}")
_END_LIKE = re.compile(rf"(end|stop|offset|duration|length|dur|len){_UNIT}")


class ClipList(NamedTuple):
  """What a table lists.

  Attributes:
    clips: clip_table.SCHEMA, with paths relative to the folder of the table; with times, also the
      column timed_rows.WHERE.
    remarks: what users should know about this table.

  Example:
    >>> ClipList(to_table([Row("1.wav")]), remarks=("columns ignored: fold",)).clips.num_rows
    1
  """

  clips: pa.Table
  remarks: tuple[str, ...]


def read_clip_list(path: str) -> ClipList:
  """Reads a table with a column of files and, if they are there, of labels, groups, splits, times.

  Args:
    path: of a table, see utils/tables.py.

  Raises:
    UserError: what is wrong, and in which line.

  Example:
    >>> open("1.wav", "w").close()
    >>> with open("clips.csv", "w") as file:
    ...   _ = file.write("filename,category,fold\\n1.wav,dog,3\\n")
    >>> clips, remarks = read_clip_list("clips.csv")
    >>> clips["label"].to_pylist(), remarks
    (['dog'], ('files from the column filename, labels from category', 'columns ignored: fold'))
  """
  table = read_table(path, list(dict.fromkeys(itertools.chain(*_COLUMNS.values(), *_TIMES))))
  column_of = {
    what: column
    for what, names in _COLUMNS.items()
    if (column := next((name for name in names if name in table.columns), None))
  }
  if "file" not in column_of:
    raise UserError(
      f"{path}: the first line must name the columns file,label[,group,split]; it reads "
      f"{','.join(table.names)[:80] or 'nothing'}"
    )
  if not table.lines:
    raise UserError(f"{path}: the file lists no clips")
  times = _columns_of_times(table)
  reader = _Reader(table, column_of)
  if times:
    timed = reader.timed_rows(*times)
    clips, remarks = timed.table(), timed.remarks()
  else:
    clips, remarks = to_table(reader.rows()), reader.remarks()
  reader.require_some_files()
  column_of |= dict(zip(("start", "end"), times))
  return ClipList(clips, tuple(_remarks(table, column_of) + remarks))


def _columns_of_times(table: Table) -> tuple[str, ...]:
  """Returns the columns of starts and ends; none, if the table has no times."""
  pair = next((pair for pair in _TIMES if set(pair) <= set(table.columns)), ())
  if not pair and (lonely := {"start_s", "end_s", "stop_s"} & set(table.columns)):
    raise UserError(
      f"{table.path}: the column {min(lonely)!r} needs another one: times are start_s and end_s, "
      "in seconds from the start of the file"
    )
  if not pair:
    _require_no_other_times(table)
  if pair == _RAVEN and _FILE_OFFSET in map(str.lower, table.names):
    raise UserError(
      f"{table.path}: 'Begin Time (s)' may count from the start of a sequence of files: keep "
      "Raven's own file, NAME.selections.txt, of which 'File Offset (s)' is read; or remove that "
      "column if each file was opened alone"
    )
  return pair


def _require_no_other_times(table: Table) -> None:
  """Refuses columns that look like times under another name: whole files would be read."""
  start, end = (
    next((name for name in table.names if likeness.fullmatch(name.lower())), None)
    for likeness in (_START_LIKE, _END_LIKE)
  )
  if start and end:
    raise UserError(
      f"{table.path}: the columns {start!r} and {end!r} look like times, and would be ignored: "
      "name them start_s and end_s if they are seconds from the start of the file; if not, rename "
      "or remove them"
    )


def _remarks(table: Table, column_of: Mapping[str, str]) -> list[str]:
  usual = {name: name for name in _COLUMNS} | {"start": "start_s", "end": "end_s"}
  renamed = [f"{what}s from {name}" for what, name in column_of.items() if usual[what] != name]
  others = [name or "(no name)" for name in table.names if name.lower() not in column_of.values()]
  remarks = ["the text is read as Windows-1252"] if table.is_windows else []
  remarks += [", ".join(renamed).replace(" from ", " from the column ", 1)] if renamed else []
  return remarks + ([f"columns ignored: {', '.join(others)}"] if others else [])


class _Reader:
  """Reads the rows of a table, and keeps what is odd about them.

  Args:
    table: the table.
    column_of: what a clip has -> the column that says it.
  """

  def __init__(self, table: Table, column_of: Mapping[str, str]):
    self._table, self._column_of = table, column_of
    self._files = _Files(os.path.dirname(table.path))
    self._seen: dict[Hashable, tuple[int, Row]] = {}  # file -> its first line, and row
    self._repeats: list[tuple[int, int]] = []
    self._num_found = 0

  def rows(self) -> Iterator[Row]:
    """Yields the clips; a row that says of a file what an earlier one said is left out."""
    for line, cells in self._table.rows():
      row = self._row(line, cells)
      identity = self._files.identity(row.path)
      first_line, first = self._seen.setdefault(identity, (line, row))
      if first is row:
        yield row
      else:
        self._require_same(line, row, first_line, first)
        self._repeats.append((line, first_line))

  def timed_rows(self, start: str, stop: str) -> TimedRows:
    """Returns the rows of a table with times, whose columns are named."""
    timed = TimedRows()
    for line, cells in self._table.rows():
      row, where = self._row(line, cells), self._table.where(line)
      identity = self._files.identity(row.path)
      self._seen.setdefault(identity, (line, row))
      start_s, stop_s = parse_times(where, cells[start], cells[stop])
      timed.add(where, identity, dataclasses.replace(row, start_s=start_s, stop_s=stop_s))
    return timed

  def require_some_files(self) -> None:
    """Refuses a table none of whose files is there."""
    if not self._num_found:
      line, row = next(iter(self._seen.values()))
      folder = self._table.path.rpartition(os.sep)[0] or "."
      raise UserError(
        f"{self._table.where(line)}: {row.path!r:.80} is not there, nor is any other file of the "
        f"table: paths must be absolute, or relative to {folder!r}, the folder of the table"
      )

  def remarks(self) -> list[str]:
    """Returns what was left out."""
    if not self._repeats:
      return []
    (line, first_line), count = self._repeats[0], len(self._repeats)
    text = "1 row repeats another" if count == 1 else f"{counted(count, 'row')} repeat others"
    return [f"{text}: line {line} that of line {first_line}"]

  def _row(self, line: int, cells: Mapping[str, str]) -> Row:
    values = {what: cells[column] or None for what, column in self._column_of.items()}
    for what, text in values.items():
      if text and UNPRINTABLE.search(text):
        raise UserError(
          f"{self._table.where(line)}: the {what} {text!r:.80} contains a control character: "
          "remove it"
        )
    file, label, group, split = (values.get(what) for what in _COLUMNS)
    if file is None:
      raise UserError(f"{self._table.where(line)}: no file name")
    path, is_found = self._files.find(file)
    self._num_found += is_found
    return Row(
      path=path,
      label=joined([label and unescaped(label)]),
      group=group and unescaped(group),
      split=split and split_name(split),
    )

  def _require_same(self, line: int, row: Row, first_line: int, first: Row) -> None:
    """Refuses a row that says something else of a file than an earlier row."""
    for what in ("label", "split", "group"):
      one, other = getattr(first, what), getattr(row, what)
      if one != other:
        spelling = f" as {first.path!r}" if first.path != row.path else ""
        hint = "; several labels of a clip are joined by ';'" if what == "label" else ""
        raise UserError(
          f"{self._table.where(line)}: {row.path!r} is already listed in line {first_line}"
          f"{spelling}, with the {what} {one!r} there and {other!r} here: list each file once{hint}"
        )


class _Files:
  """Finds files however their paths are written, and tells which paths are of the same file.

  Args:
    root: folder to which the paths are relative.
  """

  def __init__(self, root: str):
    self._root = root
    self._real_path = functools.lru_cache(maxsize=1 << 16)(os.path.realpath)

  def find(self, name: str) -> tuple[str, bool]:
    """Returns (path of a file that a table names, whether it is there)."""
    spellings = [name, unescaped(name)]
    spellings += [text.replace("\\", "/") for text in spellings]  # as Windows writes paths
    for path in dict.fromkeys(spellings):
      if os.path.exists(os.path.join(self._root, path)):
        return path, True
    return name, False

  def identity(self, path: str) -> Hashable:
    """Returns what is the same for all paths of a file, also where case does not matter."""
    folder, name = os.path.split(os.path.join(self._root, path))
    if name in ("", os.curdir, os.pardir):
      folder, name = os.path.join(folder, name), ""
    real = os.path.join(self._real_path(folder), name)
    try:
      status = os.lstat(real)
      if stat.S_ISLNK(status.st_mode):
        real = os.path.realpath(real)
        status = os.stat(real)
    except OSError:
      return real
    return real.casefold(), status.st_dev, status.st_ino
