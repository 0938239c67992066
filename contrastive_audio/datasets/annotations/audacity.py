"""Label tracks of Audacity: start, end and text of a label in each line, separated by tabs.

A second line, which begins with a backslash, has the bounds of the frequencies of a spectral
selection; -1 stands for a bound that is not known.
"""

from collections.abc import Iterable

from contrastive_audio.datasets.annotations.annotation import (
  Annotation,
  one_cell,
  parse_number,
  read_cells,
)
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import replacing

_BOUNDS = "\\"  # how a line with bounds of frequencies begins
_UNKNOWN_HZ = -1.0


def read_audacity(path: str) -> list[tuple[int, Annotation]]:
  """Reads a label track.

  Args:
    path: of the file.

  Returns:
    (number of the line, annotation) of each label.

  Raises:
    UserError: a line is not what Audacity writes.

  Example:
    >>> with open("labels.txt", "w") as file:
    ...   _ = file.write("3.400000\\t6.100000\\tregion label\\n")
    >>> read_audacity("labels.txt")
    [(1, Annotation(start_s=3.4, stop_s=6.1, label='region label', low_hz=None, ...))]
  """
  found: list[tuple[int, Annotation]] = []
  for line, cells in read_cells(path):
    where = f"{path}, line {line}"
    if cells[0] != _BOUNDS:
      found.append((line, _label(where, cells)))
      continue
    if not found or len(cells) != 3:
      raise UserError(f"{where}: a line with a backslash has two frequencies, and follows a label")
    bounds = [parse_number(where, "frequency", cell) for cell in cells[1:]]
    low_hz, high_hz = (None if bound == _UNKNOWN_HZ else bound for bound in bounds)
    label_line, label = found.pop()
    found.append(
      (label_line, Annotation(label.start_s, label.stop_s, label.label, low_hz, high_hz))
    )
  return found


def write_audacity(path: str, annotations: Iterable[Annotation]) -> None:
  """Writes a label track of one recording, which Audacity imports.

  Args:
    path: of the file.
    annotations: of one recording.

  Example:
    >>> write_audacity("labels.txt", [Annotation(4.0, 4.5, "wren", low_hz=1484.669312)])
    >>> with open("labels.txt") as file:
    ...   file.read()
    '4.000000\\t4.500000\\twren\\n\\\\\\t1484.669312\\t-1.000000\\n'
  """
  with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8") as file:
    for each in annotations:
      file.write(f"{each.start_s:.6f}\t{each.stop_s:.6f}\t{one_cell(each.label)}\n")
      bounds = (each.low_hz, each.high_hz)
      if bounds != (None, None):
        low_hz, high_hz = (_UNKNOWN_HZ if bound is None else bound for bound in bounds)
        file.write(f"{_BOUNDS}\t{low_hz:.6f}\t{high_hz:.6f}\n")


def _label(where: str, cells: list[str]) -> Annotation:
  if len(cells) < 2:
    raise UserError(f"{where}: expected start, end and label, separated by tabs: {cells[0]!r:.40}")
  start_s, stop_s = (parse_number(where, what, cell) for what, cell in zip(("start", "end"), cells))
  return Annotation(start_s, stop_s, " ".join(cells[2:]) or None)
