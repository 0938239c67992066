"""Tables in files, read strictly: every row has the cells that the header names.

CSV files may be separated by commas, semicolons or tabs, with any line ends, in UTF-8, UTF-16 or
UTF-32 with a byte order mark, or in Windows-1252. Parquet files are read, too. Whatever would have
to be guessed is a UserError that names the line.
"""

import collections
import csv
import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.utils.csv_styles import SEPARATOR_LINE
from contrastive_audio.utils.text_files import WINDOWS, encoding_of, refuse

EXTENSIONS = (".csv", ".tsv", ".parquet")
_DELIMITERS = ",;\t"
_LONGEST_SHOWN = 80
_LARGEST_COLUMN_MB = 1024  # of a Parquet file; ten million names of a hundred letters


def name_in_table(table: str, path: str) -> str:
  """Returns how a table names a file.

  A file below the folder of the table is named relative to it, so that both can be moved together;
  others by their whole path.

  Args:
    table: path of the table.
    path: of the file.

  Example:
    >>> name_in_table("labels.csv", "./field/a.wav"), name_in_table("lists/b.csv", "/mnt/b.wav")
    ('field/a.wav', '/mnt/b.wav')
  """
  folder, path = os.path.dirname(os.path.abspath(table)), os.path.abspath(path)
  return os.path.relpath(path, folder) if path.startswith(os.path.join(folder, "")) else path


@dataclasses.dataclass(frozen=True)
class Table:
  """The wanted columns of a table.

  Attributes:
    path: of its file.
    names: of all columns, as the header has them.
    lines: number of the line of each row; in a Parquet file, of the row.
    columns: name of each wanted column that is there, in lower case -> its stripped cells.
    is_windows: whether the file is in Windows-1252 rather than in Unicode.
    delimiter: what separates the cells of a CSV file.

  Example:
    >>> table = Table("a.csv", ("File", "year"), [2], {"file": ["1.wav"]})
    >>> list(table.rows()), table.where(2)
    ([(2, {'file': '1.wav'})], 'a.csv, line 2')
  """

  path: str
  names: tuple[str, ...]
  lines: Sequence[int]
  columns: Mapping[str, Sequence[str]]
  is_windows: bool = False
  delimiter: str = ","

  def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields (line, column -> cell) of each row."""
    for line, *cells in zip(self.lines, *self.columns.values()):
      yield line, dict(zip(self.columns, cells))

  def where(self, line: int) -> str:
    """Returns a place in the table, for messages."""
    return f"{self.path}, {'row' if _is_parquet(self.path) else 'line'} {line}"


def read_table(
  path: str,
  wanted: Collection[str],
  delimiters: str = _DELIMITERS,
  names: Sequence[str] | None = None,
) -> Table:
  """Reads some columns of a table; empty rows are left out.

  Args:
    path: of a CSV file, or of a Parquet file, which ends in .parquet.
    wanted: names of columns, in lower case. The header may write them in any case.
    delimiters: what may separate cells; the one is taken that finds most of the wanted columns.
    names: of the columns, if the first line does not name them.

  Raises:
    UserError: it cannot be read, a row has other cells than the header, a column is there twice.

  Example:
    >>> with open("clips.csv", "w") as file:
    ...   _ = file.write("file;label\\n1.wav;Speech, male\\n")
    >>> read_table("clips.csv", wanted=("file", "label")).columns
    {'file': ['1.wav'], 'label': ['Speech, male']}
  """
  if _is_parquet(path):
    return _read_parquet(path, wanted)
  encoding = encoding_of(path)
  delimiter = _choose_delimiter(path, encoding, delimiters, wanted, names)
  rows = _filled_rows(path, encoding, delimiter)
  names = next(rows, (0, []))[1] if names is None else names
  positions = _positions(path, names, wanted)
  lines: list[int] = []
  columns: dict[str, list[str]] = {name: [] for name in positions}
  for line, cells in rows:
    _require_cells(path, line, cells, names)
    lines.append(line)
    for name, position in positions.items():
      columns[name].append(cells[position])
  return Table(path, tuple(names), lines, columns, encoding == WINDOWS, delimiter)


def iterate_rows(path: str) -> Iterator[tuple[int, list[str]]]:
  """Yields (number of the line, its cells) of a file of any shape that commas separate.

  Args:
    path: of the file.

  Raises:
    UserError: it cannot be read.

  Example:
    >>> with open("list.csv", "w") as file:
    ...   _ = file.write('# a list\\na, "b,c"\\n')
    >>> list(iterate_rows("list.csv"))
    [(1, ['# a list']), (2, ['a', 'b,c'])]
  """
  yield from _rows(path, encoding_of(path), delimiter=",", skipinitialspace=True)


def _is_parquet(path: str) -> bool:
  return path.lower().endswith(".parquet")


def _rows(path: str, encoding: str, **dialect: Any) -> Iterator[tuple[int, list[str]]]:
  """Yields (number of the first line, stripped cells) of each row."""
  try:
    with open(path, newline="", encoding=encoding) as file:
      reader = csv.reader(file, **dialect)
      line = 1
      for cells in reader:
        yield line, [cell.strip() for cell in cells]
        line = reader.line_num + 1
  except csv.Error as error:
    raise UserError(f"{path}, line {line}: {error}: is a quotation mark missing?") from error
  except (OSError, UnicodeError) as error:
    refuse(path, error)


def _filled_rows(path: str, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
  dialect = {"delimiter": delimiter, "strict": True, "skipinitialspace": True}
  for line, cells in _rows(path, encoding, **dialect):
    if any(cells) and not (line == 1 and cells[0].startswith(SEPARATOR_LINE)):
      yield line, cells


def _choose_delimiter(
  path: str,
  encoding: str,
  delimiters: str,
  wanted: Collection[str],
  names: Sequence[str] | None,
) -> str:
  """Returns the delimiter by which the first row has most of the wanted columns, or cells."""

  def num_found(delimiter: str) -> int:
    try:
      _, cells = next(_filled_rows(path, encoding, delimiter), (0, []))
    except UserError:  # a quoted cell ends before another delimiter; what is wrong is said later
      return 0
    return len(cells) if names else len({cell.lower() for cell in cells} & set(wanted))

  return delimiters if len(delimiters) == 1 else max(delimiters, key=num_found)


def _positions(path: str, names: Sequence[str], wanted: Collection[str]) -> dict[str, int]:
  """Returns the position of each wanted column that is there."""
  lower = [name.lower() for name in names]
  counts = collections.Counter(lower)
  if twice := [name for name in wanted if counts[name] > 1]:
    raise UserError(f"{path}: {counts[twice[0]]} columns are named {twice[0]!r}: keep one of them")
  return {name: lower.index(name) for name in wanted if name in counts}


def _require_cells(path: str, line: int, cells: Sequence[str], names: Sequence[str]) -> None:
  """Refuses a row that does not fit the header; empty cells at its end do no harm."""
  if len(cells) < len(names) or any(cells[len(names) :]):
    raise UserError(
      f"{path}, line {line}: {len(cells)} cells, expected {len(names)}: put a cell that contains "
      f"the separator between quotation marks; it reads {_shown(cells)}"
    )
  if broken := [cell for cell in cells if "\n" in cell or "\r" in cell]:
    raise UserError(
      f"{path}, line {line}: a cell contains a line break: is a quotation mark missing? It reads "
      f"{_shown(broken)}"
    )


def _shown(cells: Sequence[str]) -> str:
  return repr(", ".join(cells)[:_LONGEST_SHOWN])


def _read_parquet(path: str, wanted: Collection[str]) -> Table:
  try:
    metadata = pq.read_metadata(path)
    names = metadata.schema.to_arrow_schema().names
    positions = _positions(path, names, wanted)
    chosen = [names[position] for position in positions.values()]
    flat = {column.path for column in map(metadata.schema.column, range(metadata.num_columns))}
    once = [name for name in chosen if name in flat]  # in memory, equal cells are there once
    with pq.ParquetFile(path, metadata=metadata, read_dictionary=once) as file:
      table = file.read(chosen)
  except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
    refuse(path, error)
  columns = {
    name: _as_text(path, names[position], table.column(names[position]))
    for name, position in positions.items()
  }
  return Table(path, tuple(names), range(1, table.num_rows + 1), columns)


def _as_text(path: str, name: str, column: pa.ChunkedArray) -> list[str]:
  """Returns the cells of a column as text; nulls and NaN are empty."""
  try:
    if pa.types.is_dictionary(column.type):
      _require_bounded(path, name, column.chunks)
      column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
      column = pc.if_else(pc.is_nan(column), None, column)
    cells = column.cast(pa.large_string()).to_pylist()
  except (ValueError, pa.ArrowException) as error:
    raise UserError(
      f"{path}: the column {name!r} holds {column.type}, expected text or numbers "
      f"({reason_of(error)})"
    ) from error
  return ["" if cell is None else cell.strip() for cell in cells]


def _require_bounded(path: str, name: str, chunks: Sequence[pa.DictionaryArray]) -> None:
  """Refuses a column whose cells, each counted as often as it is there, are no list of names."""
  num_bytes = 0
  for chunk in chunks:
    if pa.types.is_primitive(chunk.dictionary.type):
      continue
    lengths = pc.binary_length(chunk.dictionary)
    num_bytes += pc.sum(lengths.take(chunk.indices)).as_py() or 0
  if num_bytes > _LARGEST_COLUMN_MB << 20:
    raise UserError(
      f"{path}: the column {name!r} holds more than {_LARGEST_COLUMN_MB} MB of text, which is more "
      "than names of files or classes: write another one"
    )
