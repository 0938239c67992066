"""Selection tables of Raven Pro and Raven Lite: text, separated by tabs, with a header.

A selection has a row for each of its views (waveform, spectrogram). Times are seconds from the
start of what Raven had opened, which may be a sequence of files; "File Offset (s)", where it is
there, counts from the start of "Begin File". "Begin Path" is where that file was. In a table that
names no file, both times of a selection have to agree. The column with labels has any name.
"""

import collections
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from contrastive_audio.datasets.annotations.annotation import (
  Annotation,
  one_cell,
  parse_number,
  read_cells,
)
from contrastive_audio.datasets.stretches import TOLERANCE_S
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import replacing

BEGIN, END = "begin time (s)", "end time (s)"
_LOW, _HIGH, _OFFSET = "low freq (hz)", "high freq (hz)", "file offset (s)"
_FILES = ("begin path", "begin file")  # of both, the first
_HEADER = (
  *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)"),
  "High Freq (Hz)",
)
_PATH, _FILE_HEADER = "Begin Path", ("Begin File", "File Offset (s)")
# What the rows of a selection have in common. Joined tables number their selections anew.
_SELECTION = ("selection", "channel", BEGIN, END, *_FILES, _OFFSET)
_SCORE = "Score"
_SCORES = (_SCORE.lower(), "confidence")  # names that people and programs give to it
# Names that people and programs give to the column with labels; of several, the first.
_LABELS = (
  *("annotation", "annotations", "label", "labels", "species", "common name", "class", "category"),
  *("call type", "type", "tag", "species code"),
)

_NumberedRow = tuple[int, Mapping[str, str]]  # number of the line, its cells


def read_raven(path: str) -> list[tuple[int, Annotation]]:
  """Reads a selection table.

  Args:
    path: of the file.

  Returns:
    (number of the line, annotation) of each selection, once for all its views.

  Raises:
    UserError: it is no selection table, or says nothing that can be understood.

  Example:
    >>> write_raven("wren.selections.txt", [Annotation(1.5, 3.0, "wren", 2000.0, 7000.0)])
    >>> read_raven("wren.selections.txt")[0][1].label
    'wren'
  """
  (_, header), *lines = read_cells(path) or [(1, [])]
  names = [name.lower() for name in header]
  if missing := [name for name in (BEGIN, END) if name not in names]:
    raise UserError(f"{path}: no column {missing[0]!r}: it is no selection table of Raven")
  rows = [(line, _row(path, line, cells, names)) for line, cells in lines]
  label = label_column(header)
  annotations = [(line, _annotation(path, line, row, label)) for line, row in _selections(rows)]
  if _OFFSET not in names and len({each.file for _, each in annotations}) > 1:
    raise UserError(
      f"{path}: it is about several files, and does not say where in them the selections are: "
      "add the column 'File Offset (s)' in Raven"
    )
  return annotations


def label_column(header: Sequence[str]) -> str | None:
  """Returns which column of a selection table holds labels, in lower case; None: none does.

  Args:
    header: names of all columns. One that people name so is taken, or else the only column that
      Raven itself does not write.

  Example:
    >>> label_column(["Selection", "View", "Begin Time (s)", "Sound"])
    'sound'
  """
  names = [name.lower() for name in header]
  if known := [name for name in _LABELS if name in names]:
    return known[0]
  own = {name.lower() for name in (*_HEADER, *_FILE_HEADER)} | {*_FILES, "end path", "end file"}
  own |= {*_SCORES}
  others = [name for name in names if name and name not in own and not name.endswith(")")]
  return others[0] if len(others) == 1 else None


def write_raven(
  path: str, annotations: Iterable[Annotation], highest_hz: float | None = None
) -> None:
  """Writes a selection table of one recording, which Raven opens.

  Args:
    path: of the file; Raven proposes NAME.Table.1.selections.txt for NAME.wav.
    annotations: of one recording; their `file` may be its path, or its name alone.
    highest_hz: upper bound of the frequencies of those that have none; Raven wants one.

  Raises:
    ValueError: a bound is not known, or they are of several recordings.

  Example:
    >>> write_raven("a.Table.1.selections.txt", [Annotation(0.5, 2.0, "wren")], highest_hz=8000.0)
    >>> with open("a.Table.1.selections.txt") as file:
    ...   _, row = file.read().splitlines()
    >>> row.split("\\t")
    ['1', 'Spectrogram 1', '1', '0.500000000', '2.000000000', '0.000', '8000.000', 'wren']
  """
  listed = list(annotations)
  files = {each.file for each in listed}
  if len(files) > 1:
    raise ValueError(f"annotations of {len(files)} recordings: write a table for each")
  extra = _extra_columns(listed)
  with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8") as file:
    file.write("\t".join([*_HEADER, *extra, "Annotation"]) + "\n")
    for number, each in enumerate(listed, start=1):
      low_hz, high_hz = each.low_hz or 0.0, highest_hz if each.high_hz is None else each.high_hz
      if high_hz is None:
        raise ValueError(f"{each}: without an upper bound of its frequencies, pass highest_hz")
      cells = [str(number), "Spectrogram 1", "1", f"{each.start_s:.9f}", f"{each.stop_s:.9f}"]
      cells += [f"{low_hz:.3f}", f"{high_hz:.3f}", *(cell_of(each) for cell_of in extra.values())]
      file.write("\t".join([*cells, one_cell(each.label)]) + "\n")


def _extra_columns(annotations: Sequence[Annotation]) -> dict[str, Callable[[Annotation], str]]:
  """Returns columns of what not all annotations have: name -> what makes a cell of it."""
  path = next((each.file for each in annotations if each.file is not None), None)
  columns: dict[str, Callable[[Annotation], str]] = {}
  if path is not None:
    name = os.path.basename(path)
    if name != path:
      columns[_PATH] = lambda each: _path_cell(each.file or "")
    file, offset = _FILE_HEADER
    columns |= {file: lambda _: _path_cell(name), offset: lambda each: f"{each.start_s:.9f}"}
  if any(each.score is not None for each in annotations):
    columns[_SCORE] = lambda each: "" if each.score is None else f"{each.score:.4f}"
  return columns


def _path_cell(path: str) -> str:
  """Returns a path as a cell: its spaces are part of the name."""
  return re.sub(r"[\t\r\n]", " ", path)


def _selections(rows: Sequence[_NumberedRow]) -> Iterator[_NumberedRow]:
  """Yields the rows without those of further views, which repeat a selection."""
  views_of: dict[tuple[str | None, ...], list[str]] = collections.defaultdict(list)
  keys = [tuple(row.get(name) for name in _SELECTION) for _, row in rows]
  for key, (_, row) in zip(keys, rows):
    views_of[key].append(row.get("view", ""))
  for key, (line, row) in zip(keys, rows):
    views = views_of[key]
    shown = next((view for view in views if view.lower().startswith("spectrogram")), views[0])
    if row.get("view", "") == shown:
      yield line, row


def _row(path: str, line: int, cells: Sequence[str], names: Sequence[str]) -> dict[str, str]:
  if len(cells) > len(names):
    raise UserError(f"{path}, line {line}: {len(cells)} cells, and the header has {len(names)}")
  # Editors take off tabs at the end of a line.
  return dict(zip(names, [*cells, *[""] * (len(names) - len(cells))]))


def _annotation(path: str, line: int, row: Mapping[str, str], label: str | None) -> Annotation:
  where = f"{path}, line {line}"

  def number(name: str) -> float:
    return parse_number(where, name, row[name])

  file = next((row[name] for name in _FILES if row.get(name)), None)
  start_s, stop_s = number(BEGIN), number(END)
  if row.get(_OFFSET):
    offset_s = number(_OFFSET)
    if file is None:
      _require_one_file(where, start_s, offset_s)
    else:
      start_s, stop_s = offset_s, offset_s + stop_s - start_s
  low_hz, high_hz = (number(name) if row.get(name) else None for name in (_LOW, _HIGH))
  score = next((_number_or_none(row[name]) for name in _SCORES if row.get(name)), None)
  return Annotation(start_s, stop_s, (label and row[label]) or None, low_hz, high_hz, file, score)


def _require_one_file(where: str, start_s: float, offset_s: float) -> None:
  """Refuses a selection in a file that nobody names: it is not the one that Raven began with."""
  if abs(offset_s - start_s) > TOLERANCE_S:
    raise UserError(
      f"{where}: the selection begins at {start_s:g} s, and at {offset_s:g} s of its file, which "
      "the table does not name: add the column 'Begin File' in Raven; or remove 'File Offset (s)' "
      "if the recording was opened alone"
    )


def _number_or_none(text: str) -> float | None:
  """Reads what people may have written words into."""
  try:
    return float(text)
  except ValueError:
    return None
