"""The name of a file -> the YouTube id and the start time that it holds."""

import dataclasses
import os
import re

# Times stand at the end: `_30`, `_30.000`, `_30000_40000` or `_30.0-40.0`. Ids may contain `_` and
# `-` themselves, so times are matched from the right.
_TIME = r"\d+(?:\.\d+)?"
_TIMES = re.compile(rf"^(?P<head>.{{11,}}?)_(?P<start>{_TIME})(?:[_-](?P<stop>{_TIME}))?$")
_ID = re.compile(r"^[A-Za-z0-9_-]{11}$")
_LONGEST_S = 100_000  # larger numbers are milliseconds, and so are pairs that lie 1000 apart


@dataclasses.dataclass(frozen=True)
class RecordingName:
  """What the name of a recording says.

  Attributes:
    ytid: YouTube id, 11 characters.
    start_s: where in the video the file begins; None if the name does not say.

  Example:
    >>> RecordingName("--PJHxphWEs").start_s is None
    True
  """

  ytid: str
  start_s: float | None = None


def parse(name: str) -> RecordingName | None:
  """Parses the name of a recording, as any of the known tools writes it.

  Args:
    name: of a file or of a member of an archive, with or without folders and extensions.

  Returns:
    What it says; None if it holds no id.

  Example:
    >>> parse("audios/Y--PJHxphWEs_30000_40000.flac")
    RecordingName(ytid='--PJHxphWEs', start_s=30.0)
  """
  stem = _stem(name)
  if ytid := _id_of(stem):  # first, since an id may end like a time: "abcdefgh_12"
    return RecordingName(ytid)
  times = _TIMES.match(stem)
  if times is None or not (ytid := _id_of(times["head"])):
    return None
  return RecordingName(ytid, _start_s(times["start"], times["stop"]))


def _stem(name: str) -> str:
  stem = os.path.basename(name)
  if stem.lower().endswith(".gz"):
    stem = stem[:-3]
  base, extension = os.path.splitext(stem)
  # "id_30.000" has no extension, but a time
  return stem if re.fullmatch(r"\.\d+", extension) else base


def _id_of(text: str) -> str | None:
  """Returns the id in a text that holds nothing else but a known prefix, or None."""
  for prefix in ("", "id_", "Y", "id_Y"):
    rest = text.removeprefix(prefix) if text.startswith(prefix) else ""
    if _ID.match(rest):
      return rest
  return None


def _start_s(start: str, stop: str | None) -> float:
  """Parses whole numbers of milliseconds (audiosetdl), or seconds with or without decimals."""
  in_ms = "." not in start and stop is not None and float(stop) - float(start) >= 1000
  return float(start) / 1000 if in_ms or float(start) > _LONGEST_S else float(start)
