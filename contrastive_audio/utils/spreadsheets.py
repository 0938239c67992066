"""CSV files of ours, which people open in spreadsheets: no cell of them is taken for a formula.

A spreadsheet runs a cell that begins with = + - or @ as a formula. Such text gets an apostrophe in
front, which marks text in a spreadsheet, and which is taken off when the file is read back.
"""

import csv
import io
import os
import re
import stat
from collections.abc import Iterable

from contrastive_audio.utils.csv_styles import CsvStyle
from contrastive_audio.utils.files import replacing

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


def escaped(cell: str) -> str:
  """Returns the text of a cell such that no spreadsheet runs it; numbers stay numbers.

  Args:
    cell: its text.

  Example:
    >>> escaped("=1+1.wav"), escaped("'=1+1.wav"), escaped("-0.5"), escaped("dog")
    ("'=1+1.wav", "''=1+1.wav", '-0.5', 'dog')
  """
  return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unescaped(cell: str) -> str:
  """Returns the text that `escaped` was given.

  Args:
    cell: what it returned.

  Example:
    >>> unescaped("'=1+1.wav"), unescaped("'tis.wav")
    ('=1+1.wav', "'tis.wav")
  """
  return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write_csv(path: str | os.PathLike, rows: Iterable[Iterable[object]]) -> None:
  """Writes a CSV file atomically, without formulas.

  Args:
    path: of the file.
    rows: the header, then the rows; numbers are written as they are.

  Example:
    >>> write_csv("clips.csv", [["file", "score"], ["@home.wav", -0.5]])
    >>> with open("clips.csv") as file:
    ...   file.read().split()
    ['file,score', "'@home.wav,-0.5"]
  """
  write_cells(
    path, ([escaped(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
  )


def write_cells(path: str | os.PathLike, rows: Iterable[Iterable[object]]) -> None:
  """Writes a CSV file atomically, cells as they are: those of somebody else's file stay theirs.

  Args:
    path: of the file.
    rows: the header, then the rows.

  Example:
    >>> write_cells("notes.csv", [["file", "note"], ["a.wav", "-5 dB"]])
    >>> with open("notes.csv") as file:
    ...   file.read().splitlines()
    ['file,note', 'a.wav,-5 dB']
  """
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    csv.writer(file).writerows(rows)


def rewrite_cells(
  path: str | os.PathLike, rows: Iterable[Iterable[object]], style: CsvStyle
) -> None:
  """Does the same with a file that may be there: a link to it, its mode and its style stay.

  Args:
    path: of the file, which need not exist; a link to it is followed.
    rows: the header, then the rows.
    style: that of the file, which is written as it was read; it can hold all cells.

  Example:
    >>> write_cells("real.csv", [["file"]])
    >>> os.symlink("real.csv", "link.csv")
    >>> rewrite_cells("link.csv", [["file"], ["a.wav"]], CsvStyle())
    >>> os.path.islink("link.csv"), read_csv("real.csv")
    (True, [['file'], ['a.wav']])
  """
  place = os.path.realpath(path)
  mode = stat.S_IMODE(os.stat(place).st_mode) if os.path.exists(place) else None
  with replacing(place) as unfinished:
    with open(unfinished, "w", newline="", encoding=style.encoding) as file:
      file.write(style.start)
      csv.writer(file, delimiter=style.delimiter, lineterminator=style.line_end).writerows(rows)
    if mode is not None:
      os.chmod(unfinished, mode)


def line_of_cells(cells: Iterable[str]) -> str:
  """Returns one line of CSV, cells as they are: what a flag that takes a list reads back.

  Args:
    cells: their text; one that has a comma is quoted.

  Example:
    >>> line_of_cells(["rain, heavy", "wind"])
    '"rain, heavy",wind'
  """
  line = io.StringIO()
  csv.writer(line, lineterminator="").writerow(cells)
  return line.getvalue()


def read_csv(path: str | os.PathLike) -> list[list[str]]:
  """Returns the rows that `write_csv` was given, as text.

  Args:
    path: of the file.

  Example:
    >>> write_csv("clips.csv", [["file"], ["@home.wav"]])
    >>> read_csv("clips.csv")
    [['file'], ['@home.wav']]
  """
  with open(path, newline="", encoding="utf-8") as file:
    return [list(map(unescaped, row)) for row in csv.reader(file)]
