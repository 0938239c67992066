"""Rows of tables with times: the same file on many rows, and which labels a stretch has."""

import collections
import dataclasses
import math
from collections.abc import Hashable, Sequence

import pyarrow as pa

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.file_tree import printable
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.datasets.stretches import key_of
from contrastive_audio.errors import UserError
from contrastive_audio.utils.words import counted

WHERE = "where"  # column beside those of clip_table.SCHEMA: the row of the table
_DECIMALS = 6  # of times, and of the names of stretches: programs compute 0.1 + 0.2


def parse_times(where: str, start: str, stop: str) -> tuple[float, float | None]:
  """Reads the two times of a row.

  Args:
    where: the row, for messages.
    start: where the stretch begins, in seconds; empty: the row is about the whole file.
    stop: where it ends; empty, too.

  Returns:
    (start, stop), to the microsecond; without a stop, the end of the file.

  Raises:
    UserError: one of them is missing or no number, or they are no stretch.

  Example:
    >>> parse_times("list.csv, line 2", "1.5", "3"), parse_times("list.csv, line 3", "", "")
    ((1.5, 3.0), (0.0, None))
  """
  if not start and not stop:
    return 0.0, None
  try:
    start_s, stop_s = (round(float(text.replace(",", ".")), _DECIMALS) for text in (start, stop))
  except ValueError:
    start_s = stop_s = math.nan
  if not (math.isfinite(start_s) and math.isfinite(stop_s)):
    raise UserError(
      f"{where}: the times {start!r:.40} and {stop!r:.40}: write two numbers, seconds from the "
      "start of the file, or none for the whole file"
    )
  if start_s == stop_s >= 0:
    raise UserError(
      f"{where}: the label at {start_s:g} s is a point: give it an end after its start"
    )
  if not 0 <= start_s < stop_s:
    raise UserError(f"{where}: it goes from {start_s:g} to {stop_s:g} s: the end has to come later")
  return start_s, stop_s


class TimedRows:
  """Collects rows with times; those of the same stretch of a file become one.

  Example:
    >>> rows = TimedRows()
    >>> rows.add("line 2", "a", Row("a.wav", label="dog", start_s=0.0, stop_s=2.0))
    >>> rows.add("line 3", "a", Row("a.wav", label="rain", start_s=0.0, stop_s=2.0))
    >>> rows.table()["label"].to_pylist(), rows.remarks()
    (['dog;rain'], ['1 row has the times of another'])
  """

  def __init__(self) -> None:
    """Begins with no rows."""
    self._path_of: dict[Hashable, str] = {}
    self._rows: dict[tuple[str, float, float], tuple[str, Row]] = {}
    self._num_repeats = self._num_overlapping = 0

  def add(self, where: str, file: Hashable, row: Row) -> None:
    """Adds a row.

    Args:
      where: the row of the table.
      file: what is the same for all paths of a file.
      row: with `start_s`; a row without a group has that of its recording.

    Raises:
      UserError: another row has the same times, but not the same split or group.
    """
    path = self._path_of.setdefault(file, row.path)
    recording, start_s = printable(path), row.start_s or 0.0
    stop_s = math.inf if row.stop_s is None else row.stop_s
    key = recording if math.isinf(stop_s) else key_of(recording, start_s, stop_s)
    label, group = joined([row.label]), row.group or recording
    row = dataclasses.replace(row, path=path, key=key, label=label, group=group)
    first_where, first = self._rows.setdefault((path, start_s, stop_s), (where, row))
    if first is row:
      return
    for what in ("split", "group"):
      one, other = getattr(first, what), getattr(row, what)
      if one != other:
        raise UserError(
          f"{where}: {recording!r} has the times of {first_where}, with the {what} {one!r} there "
          f"and {other!r} here: they must agree"
        )
    self._num_repeats += 1
    both = dataclasses.replace(first, label=joined([first.label, row.label]))
    self._rows[path, start_s, stop_s] = (first_where, both)

  def table(self) -> pa.Table:
    """Returns the rows (clip_table.SCHEMA, and WHERE), with the labels of those that overlap.

    A stretch also has the label of another one if they share more than half of the shorter one.
    """
    by_path: dict[str, list[tuple[float, float, str | None]]] = collections.defaultdict(list)
    for (path, start_s, stop_s), (_, row) in self._rows.items():
      by_path[path].append((start_s, stop_s, row.label))
    labels = {
      (path, *span): label
      for path, spans in by_path.items()
      for span, label in _labels_of_overlapping(spans).items()
    }
    rows = [dataclasses.replace(row, label=labels[place]) for place, (_, row) in self._rows.items()]
    self._num_overlapping = sum(
      new.label != old.label for new, (_, old) in zip(rows, self._rows.values())
    )
    where = pa.array([where for where, _ in self._rows.values()], pa.large_string())
    return to_table(rows).append_column(WHERE, where)

  def remarks(self) -> list[str]:
    """Returns what users should know about the rows, once the table is made."""
    remarks = []
    if self._num_repeats:
      verb = "has" if self._num_repeats == 1 else "have"
      remarks.append(f"{counted(self._num_repeats, 'row')} {verb} the times of another")
    if self._num_overlapping:
      verb = "has its label" if self._num_overlapping == 1 else "have their labels"
      remarks.append(
        f"{counted(self._num_overlapping, 'row')} {verb} and those of overlapping rows"
      )
    return remarks


def _labels_of_overlapping(
  spans: list[tuple[float, float, str | None]],
) -> dict[tuple[float, float], str | None]:
  """Returns (start, stop) -> labels of a stretch and of those that overlap it."""
  order = sorted(range(len(spans)), key=lambda number: spans[number][:2])
  found: list[list[str | None]] = [[label] for _, _, label in spans]
  active: list[int] = []
  for number in order:
    start_s, stop_s, label = spans[number]
    active = [other for other in active if spans[other][1] > start_s]
    for other in active:
      other_start_s, other_stop_s, other_label = spans[other]
      shared_s = min(stop_s, other_stop_s) - start_s
      shorter_s = min(stop_s - start_s, other_stop_s - other_start_s)
      if math.isinf(shared_s) or shared_s > shorter_s / 2:
        found[number].append(other_label)
        found[other].append(label)
    active.append(number)
  return {span[:2]: joined(labels) for span, labels in zip(spans, found)}


def joined(labels: Sequence[str | None]) -> str | None:
  """Returns several labels as one text, each once, in alphabetical order; None if there is none.

  So the same classes are the same text, however they were written.

  Args:
    labels: each of one class or of several.

  Example:
    >>> joined(["rain; dog", None, "rain;"])
    'dog;rain'
  """
  names = {
    name.strip() for label in labels if label is not None for name in label.split(LABEL_SEPARATOR)
  }
  return LABEL_SEPARATOR.join(sorted(filter(None, names))) or None
