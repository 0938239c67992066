"""The official lists: segments (part, times, labels) and classes; also copies that were damaged.

Official are three comment lines, then `ytid, start, end, "mid,mid"`. Copies lack the comments, have
a header without `#`, whole seconds, labels without quotes, or ids that a spreadsheet turned into
`#NAME?` or into numbers.
"""

import csv
import dataclasses
import os
import re

import numpy as np
import pyarrow as pa

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.compact_columns import Columns
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError

PARTS = ("balanced", "unbalanced", "eval")
NUM_CLASSES = 527
CLASS_FILE = "class_labels_indices.csv"
PIECE = 1 << 16  # rows that are looked at together where a copy of all would cost
_URL = "http://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv/"
_LIST = re.compile(r"^(balanced|unbalanced|eval)(?:_train)?_segments(_?part\d+)?.*\.csv$", re.I)
_FOLDER = re.compile(r"^(unbal|bal|eval)(?:anced|uation)?(?=_train|_segments|[\d.]|$)", re.I)
_ID = re.compile(r"^[A-Za-z0-9_-]{11}$")
_MID = re.compile(r"^/[a-z]/[A-Za-z0-9_]+$")


@dataclasses.dataclass(frozen=True)
class Segments:
  """The segments of all lists, sorted by id, each id once.

  Attributes:
    ids: bytes `[n]`, "S11".
    starts_s: float64 `[n]`, in the video.
    stops_s: float64 `[n]`, in the video.
    parts: uint8 `[n]`, an index into PARTS.
    labels: large_string `[n]`, dictionary-encoded, names joined by LABEL_SEPARATOR; null without a
      class file.
    files: names of the lists.
    destroyed: (what is left of an id, part) of each row whose id was destroyed.
    num_repeated: rows whose id an earlier row has.
  """

  ids: np.ndarray
  starts_s: np.ndarray
  stops_s: np.ndarray
  parts: np.ndarray
  labels: pa.DictionaryArray
  files: tuple = ()
  destroyed: tuple = ()
  num_repeated: int = 0


def part_of_list(name):
  """Returns which of PARTS a file of segments lists, by its name, or None."""
  match = _LIST.match(os.path.basename(name))
  return match and match[1].lower()


def part_of_folder(path):
  """Returns which of PARTS a folder or archive on a path holds, by its name, or None."""
  for component in reversed(path.split(os.sep)[:-1]):
    if match := _FOLDER.match(component):
      return {"bal": "balanced", "unbal": "unbalanced", "eval": "eval"}[match[1].lower()]
  return None


def firsts(ids, order=None):
  """Returns int `[m]`: where each id is first, sorted by id.

  Args:
    ids: `[n]`, bytes.
    order: int `[n]`, sorts the ids; who comes first in it is first. None: as they are.
  """
  order = np.argsort(ids, kind="stable").astype(np.int32) if order is None else order
  is_first = np.ones(len(order), bool)
  for start in range(1, len(order), PIECE):  # no second copy of all ids
    some = ids[order[start - 1 : start + PIECE]]
    is_first[start : start + PIECE] = some[1:] != some[:-1]
  return order[is_first]


def find(ids, wanted):
  """Returns int32 `[m]`: where in the sorted `ids` each wanted id is, -1 where it is not."""
  position = np.full(len(wanted), -1, np.int32)
  for start in range(0, len(wanted) if len(ids) else 0, PIECE):
    some = wanted[start : start + PIECE]
    found = np.minimum(np.searchsorted(ids, some), len(ids) - 1)
    position[start : start + PIECE] = np.where(ids[found] == some, found, -1)
  return position


def read_classes(root, paths):
  """Reads the class file.

  Args:
    root: folder.
    paths: relative paths of all tables in it.

  Returns:
    A dictionary, mid -> name, in official order; empty if there is no class file.

  Raises:
    UserError: it is that of another data set, or damaged.
  """
  found = [path for path in paths if os.path.basename(path) == CLASS_FILE]
  if not found:
    return {}
  path = os.path.join(root, found[0])
  what = f"AudioSet's list of {NUM_CLASSES} classes, {_URL}{CLASS_FILE}"
  rows = file_source.read_table(path, ("index", "mid", "display_name"), what)
  classes = {row["mid"]: row["display_name"] for row in rows}
  in_order = all(row["index"] == str(number) for number, row in enumerate(rows))
  if len(rows) != NUM_CLASSES or len(classes) != NUM_CLASSES or not in_order:
    raise UserError(
      f"{path}: {len(classes)} classes{'' if in_order else ', not numbered from 0 on'}; "
      f"it should be {what} (YAMNet's list, for one, looks alike and has 521)"
    )
  if wrong := [row for row in rows if not _MID.match(row["mid"])]:
    raise UserError(f"{path}, line {wrong[0]['line']}: {wrong[0]['mid']!r} is no id of a class")
  return classes


def read_segments(root, paths, classes):
  """Reads all lists of segments.

  Args:
    root: folder.
    paths: relative paths of all tables in it.
    classes: mid -> name; empty: labels are left out.

  Returns:
    Segments.

  Raises:
    UserError: a list cannot be read, is none of AudioSet, or names unknown classes.
  """
  rows, destroyed, codes = Columns("S11", "f8", "f8", "u1", "i4"), [], {}
  chosen = _lists(paths)
  for path in chosen:
    part = PARTS.index(part_of_list(path))
    _read_list(os.path.join(root, path), part, classes, codes, rows, destroyed)
  columns = list(rows.finish())
  num_rows, first = len(columns[0]), firsts(columns[0])
  repeated = num_rows - len(first)
  *kept, labels = (columns.pop(0)[first] for _ in range(5))
  labels = pa.DictionaryArray.from_arrays(
    pa.array(labels, mask=labels < 0), pa.array(codes, pa.large_string())
  )
  return Segments(*kept, labels, tuple(chosen), tuple(destroyed), repeated)


def _lists(paths):
  """Returns the lists to be read, by part: whole ones, or, without one, those of its pieces."""
  chosen = []
  for part in PARTS:
    found = [path for path in paths if part_of_list(path) == part]
    whole = [path for path in found if not _LIST.match(os.path.basename(path))[2]]
    chosen += whole[:1] or found
  return chosen


def _read_list(path, part, classes, codes, rows, destroyed):
  """Adds the rows of one list; `codes` numbers the combinations of labels as they come."""
  num_rows, lost = 0, []
  with _opened(path) as file:
    for number, cells in enumerate(csv.reader(file, skipinitialspace=True), start=1):
      if _is_remark(cells):
        continue
      num_rows += 1
      if not _ID.match(cells[0]):
        lost.append((f"{cells[0]} ({os.path.basename(path)}, line {number})", PARTS[part]))
        continue
      times, labels = _times(path, number, cells), _labels(path, number, cells, classes)
      code = -1 if labels is None else codes.setdefault(labels, len(codes))
      rows.add(cells[0].encode(), *times, part, code)
  if 2 * len(lost) >= num_rows:
    raise UserError(
      f"{path}: {len(lost)} of {num_rows} rows begin with no YouTube id; it should be AudioSet's "
      f'list, with rows such as --PJHxphWEs, 30.000, 40.000, "/m/09x0r": get it from {_URL}'
    )
  destroyed += lost


def _opened(path):
  try:
    return open(path, newline="", encoding="utf-8-sig", errors="replace")
  except OSError as error:
    raise UserError(f"cannot read {path!r}: {(error.strerror or '').lower()}") from error


def _is_remark(cells):
  """Whether a row is empty, a comment or a header. `#NAME?` is what is left of an id."""
  if not any(cells):
    return True
  first = cells[0].strip()
  return first.upper() == "YTID" or (first.startswith("#") and not first.startswith("#NAME"))


def _times(path, number, cells):
  try:
    start_s, stop_s = float(cells[1]), float(cells[2])
    if 0 <= start_s < stop_s and cells[3]:
      return start_s, stop_s
  except (ValueError, IndexError):
    pass
  raise UserError(
    f"{path}, line {number}: expected id, start, end, labels, found {', '.join(cells)[:60]!r}; "
    f"get the list again from {_URL}"
  )


def _labels(path, number, cells, classes):
  """Names of the classes of a row; without quotes each label is a cell of its own."""
  if not classes:
    return None
  mids = [mid.strip(' "') for cell in cells[3:] for mid in cell.split(",")]
  try:
    return LABEL_SEPARATOR.join([classes[mid] for mid in mids if mid])
  except KeyError as error:
    raise UserError(
      f"{path}, line {number}: the label {error} is none of the {len(classes)} classes of "
      f"{CLASS_FILE}; get both from {_URL}"
    ) from error
