"""The name of a file -> the YouTube id and the times that it holds."""

import dataclasses
import os
import re

# Times stand at the end, `_30`, `_30.000`, `_30000_40000` or `_30.0-40.0`; ids may hold `_` and `-`
# themselves, so that they are taken from the right.
_TIME = r"\d+(?:\.\d+)?"
_TIMES = re.compile(rf"^(?P<head>.{{11,}}?)_(?P<start>{_TIME})(?:[_-](?P<stop>{_TIME}))?$")
_ID = re.compile(r"^[A-Za-z0-9_-]{11}$")
_LONGEST_S = 100_000  # larger numbers are milliseconds, and so are pairs that lie 1000 apart


@dataclasses.dataclass(frozen=True)
class Name:
  """What a name says.

  Attributes:
    ytid: 11 characters.
    start_s: where in the video the file begins; None where the name does not say.
  """

  ytid: str
  start_s: float | None = None


def parse(name):
  """Reads the name of a recording, as any of the known tools writes it.

  Args:
    name: of a file or of a member of an archive, with or without folders and endings.

  Returns:
    A Name, or None if it holds no id.
  """
  stem = _stem(name)
  if _id(stem):  # first, since an id may end like a time: "abcdefgh_12"
    return Name(_id(stem))
  times = _TIMES.match(stem)
  if times is None or not _id(times["head"]):
    return None
  return Name(_id(times["head"]), _start_s(times["start"], times["stop"]))


def _stem(name):
  stem = os.path.basename(name)
  if stem.lower().endswith(".gz"):
    stem = stem[:-3]
  base, ending = os.path.splitext(stem)
  # "id_30.000" has no ending, but a time
  return stem if re.fullmatch(r"\.\d+", ending) else base


def _id(text):
  """Returns the id in a text that holds nothing else but a known prefix, or None."""
  for prefix in ("", "id_", "Y", "id_Y"):
    rest = text.removeprefix(prefix) if text.startswith(prefix) else ""
    if _ID.match(rest):
      return rest
  return None


def _start_s(start, stop):
  """Whole numbers of milliseconds (audiosetdl) or seconds, with or without decimals."""
  in_ms = "." not in start and stop is not None and float(stop) - float(start) >= 1000
  return float(start) / 1000 if in_ms or float(start) > _LONGEST_S else float(start)
