"""The CSV file of a labelling: read before each change, and replaced at once by each.

A row is one label of one stretch: `file,start_s,end_s,label`, as any command takes it. Rows about
other files, and other columns, are kept as they are, and so is how the file is written.
"""

import itertools
import os
from collections.abc import Sequence
from typing import NamedTuple

from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.datasets.stretches import require_inside
from contrastive_audio.datasets.timed_rows import parse_times
from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.utils.csv_styles import CsvStyle, style_of
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.spreadsheets import escaped, rewrite_cells, unescaped
from contrastive_audio.utils.tables import Table, read_table
from downstream.labelling.places import Place, Recordings

COLUMNS = ("file", "start_s", "end_s", "label")
_TIMES = ("start_s", "end_s")
_OF_THE_FILE = ("split", "group")  # columns that a new row has from another one of its file
_OF_THE_LABEL = ("label", "score")  # a new label has them from no other one


class _Row(NamedTuple):
  """A row as it is written, and what it says; the place is None if it is about another file."""

  cells: tuple[str, ...]
  place: Place | None
  labels: tuple[str, ...]


class Rows(NamedTuple):
  """The rows of a stretch, as they are in the file.

  Attributes:
    names: of the columns.
    rows: what `LabelTable.put_back` takes.
    numbers: of these rows among all rows of the file.

  Example:
    >>> Rows(COLUMNS, (), ()).labels
    ()
  """

  names: tuple[str, ...]
  rows: tuple[_Row, ...]
  numbers: tuple[int, ...]

  @property
  def labels(self) -> tuple[str, ...]:
    """The labels of the stretch."""
    return tuple(dict.fromkeys(label for row in self.rows for label in row.labels))


class LabelTable:
  """The labels of stretches, in a file.

  Attributes:
    path: of the file, which need not exist.

  Example:
    >>> recordings = Recordings("labels.csv", ["a.wav"], [160_000], 16_000)
    >>> table = LabelTable("labels.csv", recordings)
    >>> table.set(Place(0, 8_000, 24_000), ["wren", "rain"]).labels
    ()
    >>> table.set(Place(0, 8_000, 24_000), ["rain"]).labels
    ('wren', 'rain')
    >>> with open("labels.csv") as file:
    ...   file.read().split()
    ['file,start_s,end_s,label', 'a.wav,0.5,1.5,rain']
  """

  def __init__(self, path: str, recordings: Recordings):
    """Reads the file, if there is one.

    Args:
      path: of the file.
      recordings: that are labelled.

    Raises:
      UserError: it is no table with times, or a row of it is malformed.
    """
    self.path, self._recordings = path, recordings
    self._names: tuple[str, ...] = COLUMNS
    self._rows: list[_Row] = []
    self._style = CsvStyle()
    self._stood: dict[Place, int] = {}  # number of the first row of a stretch that was changed
    self._state: tuple[int, int, int] | None = None
    self.refresh()

  @property
  def labels(self) -> dict[Place, tuple[str, ...]]:
    """The labels of each stretch that has some, in the order of the file."""
    found: dict[Place, tuple[str, ...]] = {}
    for row in self._rows:
      if row.place is not None and row.labels:
        found[row.place] = tuple(dict.fromkeys((*found.get(row.place, ()), *row.labels)))
    return found

  @property
  def num_others(self) -> int:
    """Number of rows about other files."""
    return sum(row.place is None for row in self._rows)

  def refresh(self) -> bool:
    """Reads the file if another program has changed it; returns whether it has.

    Raises:
      UserError: it is no table with times any more.
    """
    state = _state_of(self.path)
    if state == self._state:
      return False
    names: tuple[str, ...] = COLUMNS
    rows: list[_Row] = []
    style = CsvStyle()
    if state is not None and state[1]:
      names, rows, style = self._read()
    self._names, self._rows, self._style, self._state = names, rows, style, state
    return True

  def set(self, place: Place, labels: Sequence[str]) -> Rows:
    """Gives a stretch other labels, and writes the file; returns the rows that it had.

    New rows stand where those before them stood, so that the order of the file stays. They have
    what other columns say about the stretch, but no score: nobody has computed one.

    Args:
      place: the stretch.
      labels: its classes; none: it is not labelled.

    Raises:
      UserError: the file cannot be written, and is as it was; or it is no table any more.
    """
    self.refresh()
    numbers = tuple(number for number, row in enumerate(self._rows) if row.place == place)
    before = Rows(self._names, tuple(self._rows[number] for number in numbers), numbers)
    kept = [row for row in before.rows if row.labels and {*row.labels} <= {*labels}]
    known = {name for row in kept for name in row.labels}
    new = [self._row(place, name) for name in dict.fromkeys(labels) if name not in known]
    gone = [row for row in before.rows if row not in kept]
    self._write(self._replaced(place, gone, new, numbers))
    return before

  def put_back(self, place: Place, before: Rows) -> None:
    """Gives a stretch the rows that it had, where they stood, and writes the file.

    Args:
      place: the stretch.
      before: what `set` returned.

    Raises:
      UserError: the file cannot be written, and is as it was; or it is no table any more.
    """
    self.refresh()
    if self._names != before.names:  # another program has changed the columns meanwhile
      self.set(place, before.labels)
      return
    rows = [row for row in self._rows if row.place != place]
    self._stood.pop(place, None)
    for number, row in zip(before.numbers, before.rows):
      rows.insert(number, row)
    self._write(rows)

  def _replaced(
    self, place: Place, gone: Sequence[_Row], new: Sequence[_Row], numbers: Sequence[int]
  ) -> list[_Row]:
    """Returns all rows with new ones for a stretch, where its first row stands or stood."""
    rows = self._rows
    if numbers:
      self._stood[place] = numbers[0]
    first = self._stood.get(place, len(rows))
    end = next(number for number in itertools.count(first) if number not in numbers)
    head, tail = ([row for row in part if row not in gone] for part in (rows[:end], rows[end:]))
    return [*head, *new, *tail]

  def _row(self, place: Place, label: str) -> _Row:
    rate_hz = self._recordings.sample_rate_hz
    seconds = (_seconds(sample / rate_hz) for sample in (place.first, place.end))
    start_s, end_s = (text.replace(".", self._style.decimal) for text in seconds)
    cells = {"file": escaped(self._recordings.names[place.clip]), "start_s": start_s}
    cells |= {"end_s": end_s, **self._cells_like(place), "label": escaped(label)}
    return _Row(tuple(cells.get(name.lower(), "") for name in self._names), place, (label,))

  def _cells_like(self, place: Place) -> dict[str, str]:
    """Returns what a new row takes over: what all rows of its stretch say, or some of its file."""
    of_file = [row for row in self._rows if row.place is not None and row.place.clip == place.clip]
    same = [row for row in of_file if row.place == place]
    names = [name.lower() for name in self._names]
    first, *others = [dict(zip(names, row.cells)) for row in same or of_file[:1]] or [{}]
    taken = {name: cell for name, cell in first.items() if name in _OF_THE_FILE}
    if same:
      agreed = (name for name in names if all(other[name] == first[name] for other in others))
      taken |= {name: first[name] for name in agreed if name not in _OF_THE_LABEL}
    return taken

  def _write(self, rows: list[_Row]) -> None:
    make_folder(os.path.dirname(os.path.abspath(self.path)))
    for cell in {cell for row in {*rows} - {*self._rows} for cell in row.cells}:
      _require_held(self._style, cell, f"the answer is not saved in {self.path}")
    try:
      rewrite_cells(self.path, [self._names, *(row.cells for row in rows)], self._style)
    except OSError as error:
      raise UserError(
        f"cannot write {self.path}: {disk_reason(error) or error}; the answer is not saved"
      ) from error
    self._rows, self._state = rows, _state_of(self.path)

  def _read(self) -> tuple[tuple[str, ...], list[_Row], CsvStyle]:
    names = read_table(self.path, COLUMNS).names
    table = read_table(self.path, [name.lower() for name in names])
    if missing := [name for name in COLUMNS if name not in table.columns]:
      raise UserError(
        f"--labels={self.path}: the first line must name the columns {','.join(COLUMNS)}; "
        f"{missing[0]!r} is missing in {','.join(names)[:80]}"
      )
    rows = [self._parse(table, line, cells) for line, cells in table.rows()]
    times = (cell for name in _TIMES for cell in table.columns[name])
    style = style_of(self.path, table.delimiter, times)
    for name in self._recordings.names:
      _require_held(style, name, f"--labels={self.path}")
    return names, rows, style

  def _parse(self, table: Table, line: int, cells: dict[str, str]) -> _Row:
    kept = tuple(cells[name.lower()] for name in table.names)
    where = table.where(line)
    start_s, stop_s = parse_times(where, cells["start_s"], cells["end_s"])
    clip = self._recordings.find(cells["file"])
    if clip is None:
      return _Row(kept, None, ())
    rate_hz, length = self._recordings.sample_rate_hz, self._recordings.lengths[clip]
    stop_s = length / rate_hz if stop_s is None else stop_s
    require_inside(where, self._recordings.names[clip], start_s, stop_s, length / rate_hz)
    end = min(round(stop_s * rate_hz), int(length))
    names = (name.strip() for name in unescaped(cells["label"]).split(LABEL_SEPARATOR))
    return _Row(
      kept, Place(clip, min(round(start_s * rate_hz), end - 1), end), tuple(filter(None, names))
    )


def _state_of(path: str) -> tuple[int, int, int] | None:
  """Returns what is another if a file was changed; None: there is no file."""
  try:
    status = os.stat(path)
  except FileNotFoundError:
    return None
  except OSError as error:
    raise UserError(f"cannot read {path}: {disk_reason(error) or error}") from error
  return status.st_mtime_ns, status.st_size, status.st_ino


def _require_held(style: CsvStyle, cell: str, what: str) -> None:
  if not style.can_hold(cell):
    raise UserError(
      f"{what}: the file is in {style.encoding}, which cannot hold {cell!r}: save it as UTF-8"
    )


def _seconds(seconds: float) -> str:
  return f"{seconds:.6f}".rstrip("0").rstrip(".")
