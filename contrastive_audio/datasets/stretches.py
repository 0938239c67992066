"""Stretches of recordings: what a table with times lists, and what it leaves unlabelled."""

import collections
import dataclasses
import math
import os
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from contrastive_audio.datasets.clip_table import iterate_rows
from contrastive_audio.datasets.file_tree import printable
from contrastive_audio.errors import UserError

TOLERANCE_S = 0.1  # by which a row may end after its recording: programs round
_TENTHS = 10  # Of a recording, background ends at a tenth of a second: see `_unlabelled`.
_FRAGMENT = re.compile(r"#t=(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$")  # W3C Media Fragments


def key_of(recording: str, start_s: float, stop_s: float) -> str:
  """Returns the name of a stretch: that of its recording, and the seconds as a media fragment.

  Args:
    recording: its key; that of a stretch, if the times count from the start of one.
    start_s: where it begins.
    stop_s: where it ends.

  Example:
    >>> key_of("a.wav", 2.5, 10), key_of("a.wav#t=60,90", 0, 5)
    ('a.wav#t=2.5,10', 'a.wav#t=60,65')
  """
  first_s = 0.0
  if match := _FRAGMENT.search(recording):
    recording, first_s = recording[: match.start()], float(match[1])
  return f"{recording}#t={_seconds(first_s + start_s)},{_seconds(first_s + stop_s)}"


def recording_of(key: str) -> str:
  """Returns the name of the recording that a stretch is of; a clip is its own recording.

  Args:
    key: of a clip or a stretch.

  Example:
    >>> recording_of("a.wav#t=2.5,10"), recording_of("a.wav")
    ('a.wav', 'a.wav')
  """
  return _FRAGMENT.sub("", key)


def span_of(key: str) -> tuple[float, float] | None:
  """Returns (start, stop) in seconds of a stretch in its recording; None for a clip.

  Args:
    key: of a clip or a stretch.

  Example:
    >>> span_of("a.wav#t=2.5,10"), span_of("a.wav")
    ((2.5, 10.0), None)
  """
  match = _FRAGMENT.search(key)
  return (float(match[1]), float(match[2])) if match else None


def start_s_of(key: str) -> float:
  """Returns where a stretch starts in its recording, in seconds; 0 for a clip.

  Args:
    key: of a clip or a stretch.

  Example:
    >>> start_s_of("a.wav#t=2.5,10"), start_s_of("a.wav")
    (2.5, 0.0)
  """
  return (span_of(key) or (0.0, 0.0))[0]


def are_same(one: str, other: str) -> bool:
  """Returns whether two names are of the same clip, or of nearly the same stretch of a recording.

  At another sample rate a recording has another length, and so has what ends with it.

  Args:
    one: key of a clip or a stretch.
    other: the same.

  Example:
    >>> are_same("a.wav#t=2.5,10", "a.wav#t=2.5,10.1"), are_same("a.wav", "b.wav")
    (True, False)
  """
  spans = [span_of(key) or (0.0, 0.0) for key in (one, other)]
  is_near = all(abs(a - b) < 1.5 / _TENTHS for a, b in zip(*spans))
  return recording_of(one) == recording_of(other) and is_near


def require_inside(where: str, file: str, start_s: float, stop_s: float, length_s: float) -> None:
  """Raises an error if a stretch lies outside its recording; an end that was rounded does not.

  Args:
    where: the row that lists it.
    file: name of the recording.
    start_s: where it begins.
    stop_s: where it ends.
    length_s: of the recording.

  Raises:
    UserError: which row, which file, and how long it is.

  Example:
    >>> require_inside("list.csv, line 2", "a.wav", 0.0, 9.05, length_s=9.0)
    >>> require_inside("list.csv, line 2", "a.wav", 0.0, 12.0, length_s=9.0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: list.csv, line 2: 'a.wav' ends after 9 s, and the row ...
  """
  if start_s >= length_s or stop_s > length_s + TOLERANCE_S:
    raise UserError(
      f"{where}: {file!r} ends after {_seconds(length_s)} s, and the row goes from "
      f"{_seconds(start_s)} to {_seconds(stop_s)} s: times are seconds from the start of the file"
    )


class Stretch(NamedTuple):
  """A stretch of a recording.

  Attributes:
    clip_id: number of the recording.
    start_s: where it begins.
    stop_s: where it ends.
    key: see `key_of`.
    label: its classes, joined by source.LABEL_SEPARATOR, or None.
    group: see source.Clip.

  Example:
    >>> Stretch(0, 2.5, 10.0, "a.wav#t=2.5,10", "dog", "a.wav").label
    'dog'
  """

  clip_id: int
  start_s: float
  stop_s: float
  key: str
  label: str | None
  group: str | None


@dataclasses.dataclass(frozen=True)
class Stretches:
  """What is used of recordings.

  Attributes:
    rows: the stretches, clip_table.SCHEMA; without `stop_s` one goes to the end.
    where: the row of the table, for each of them.
    background: class of what no row covers; None: that is not used.
    divided: paths of recordings with rows that were not chosen; what no row covers is not used.

  Example:
    >>> from contrastive_audio.datasets.clip_table import Row, to_table
    >>> rows = to_table([Row("a.wav", label="dog", start_s=2.0, stop_s=4.0)])
    >>> stretches = Stretches(rows, ["list.csv, line 2"], background="other")
    >>> [(each.key, each.label) for each in stretches.within(["a.wav"], [6.5])]
    [('a.wav', 'dog'), ('a.wav#t=0,2', 'other'), ('a.wav#t=4,6.5', 'other')]
  """

  rows: pa.Table
  where: Sequence[str]
  background: str | None = None
  divided: frozenset[bytes] = frozenset()

  def within(self, keys: Sequence[str], lengths_s: Sequence[float]) -> Iterator[Stretch]:
    """Yields the stretches of some recordings, those of the table first.

    Args:
      keys: of the recordings; what the table lists of others is left out.
      lengths_s: of the recordings.

    Raises:
      UserError: a stretch lies outside its recording.
    """
    numbers = {key: number for number, key in enumerate(keys)}
    rows_of: dict[int, list[Mapping[str, Any]]] = collections.defaultdict(list)
    found: list[Stretch] = []
    for where, row in zip(self.where, iterate_rows(self.rows)):
      number = numbers.get(file := printable(os.fsdecode(row["path"])))
      if number is None:
        continue
      length_s = float(lengths_s[number])
      stop_s = length_s if row["stop_s"] is None else row["stop_s"]
      require_inside(where, file, row["start_s"], stop_s, length_s)
      stop_s = min(stop_s, length_s)
      rows_of[number].append(row | {"stop_s": stop_s})
      found.append(Stretch(number, row["start_s"], stop_s, row["key"], row["label"], row["group"]))
    yield from found
    if self.background is not None and found:
      piece_s = statistics.median(each.stop_s - each.start_s for each in found)
      for number, rows in rows_of.items():
        if rows[0]["path"] not in self.divided:
          yield from self._unlabelled(number, keys[number], rows, lengths_s[number], piece_s)

  def _unlabelled(
    self,
    number: int,
    key: str,
    rows: Sequence[Mapping[str, Any]],
    length_s: float,
    piece_s: float,
  ) -> Iterator[Stretch]:
    """Yields what no row covers, in pieces of about one length.

    A recording lasts some microseconds longer at another sample rate. Rounded down, its end gives
    the pieces the same names there.
    """
    groups = {row["group"] for row in rows}
    group = groups.pop() if len(groups) == 1 else key
    end_s = math.floor(length_s * _TENTHS + 1e-6) / _TENTHS
    for start_s, stop_s in _gaps([(row["start_s"], row["stop_s"]) for row in rows], end_s):
      count = round((stop_s - start_s) / piece_s)
      bounds = [start_s + (stop_s - start_s) * part / count for part in range(count)] + [stop_s]
      for first_s, last_s in zip(bounds, bounds[1:] if count else []):
        name = key_of(key, first_s, last_s)
        yield Stretch(number, first_s, last_s, name, self.background, group)


def _gaps(spans_s: Sequence[tuple[float, float]], length_s: float) -> Iterator[tuple[float, float]]:
  """Yields (start, stop) of what no span covers."""
  position_s = 0.0
  for start_s, stop_s in [*sorted(spans_s), (length_s, length_s)]:
    if start_s > position_s:
      yield position_s, start_s
    position_s = max(position_s, stop_s)


def _seconds(seconds: float) -> str:
  return f"{seconds:.6f}".rstrip("0").rstrip(".")
