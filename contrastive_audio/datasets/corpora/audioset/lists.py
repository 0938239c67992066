"""The official lists: segments (split, times, labels) and classes; also damaged copies of them.

The official form is three comment lines, then `ytid, start, end, "mid,mid"`. Copies lack the
comments, or have a header without `#`, whole seconds, labels without quotes, or ids that a
spreadsheet turned into `#NAME?` or into numbers.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from contrastive_audio.datasets.compact_columns import Columns
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.audioset.sorted_ids import first_positions
from contrastive_audio.datasets.file_tree import printable
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError
from contrastive_audio.utils.tables import iterate_rows

SPLITS = ("balanced", "unbalanced", "eval")
CLASS_FILE = "class_labels_indices.csv"
_NUM_CLASSES = 527
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
    splits: uint8 `[n]`, an index into SPLITS.
    labels: large_string `[n]`, dictionary-encoded, names joined by LABEL_SEPARATOR; null without a
      class file.
    files: names of the lists.
    destroyed: (what is left of an id, split) of each row whose id was destroyed.
    num_repeated: number of rows whose id an earlier row has.

  Example:
    >>> read_segments(".", paths=[], classes={}).ids.shape
    (0,)
  """

  ids: np.ndarray
  starts_s: np.ndarray
  stops_s: np.ndarray
  splits: np.ndarray
  labels: pa.DictionaryArray
  files: tuple[str, ...] = ()
  destroyed: tuple[tuple[str, str], ...] = ()
  num_repeated: int = 0


def split_of_list(path: str) -> str | None:
  """Returns which of SPLITS a list of segments belongs to, by its name, or None.

  Args:
    path: of a file.

  Example:
    >>> split_of_list("metadata/balanced_train_segments.csv"), split_of_list("notes.csv")
    ('balanced', None)
  """
  match = _LIST.match(os.path.basename(path))
  return match[1].lower() if match else None


def split_of_folder(path: str) -> str | None:
  """Returns which of SPLITS a recording belongs to, by its folder or archive, or None.

  Args:
    path: of the recording.

  Example:
    >>> split_of_folder("audioset/unbal_train00.tar/Y--PJHxphWEs.wav")
    'unbalanced'
  """
  for component in reversed(path.split(os.sep)[:-1]):
    if match := _FOLDER.match(component):
      return {"bal": "balanced", "unbal": "unbalanced", "eval": "eval"}[match[1].lower()]
  return None


def read_classes(root: str, paths: Iterable[str]) -> dict[str, str]:
  """Reads the class file.

  Args:
    root: folder.
    paths: relative paths of all tables in it.

  Returns:
    mid -> name, in official order; empty if there is no class file.

  Raises:
    UserError: it belongs to another data set, or is damaged.

  Example:
    >>> read_classes(".", ["balanced_train_segments.csv"])
    {}
  """
  path = next((path for path in paths if os.path.basename(path) == CLASS_FILE), None)
  if path is None:
    return {}
  path = os.path.join(root, path)
  what = f"AudioSet's list of {_NUM_CLASSES} classes, {_URL}{CLASS_FILE}"
  rows = listing.read_table(path, ("index", "mid", "display_name"), what)
  classes = {row["mid"]: row["display_name"] for row in rows}
  in_order = all(row["index"] == str(number) for number, row in enumerate(rows))
  if len(rows) != _NUM_CLASSES or len(classes) != _NUM_CLASSES or not in_order:
    raise UserError(
      f"{path}: {len(classes)} classes{'' if in_order else ', not numbered from 0'}; "
      f"it should be {what} (YAMNet's list looks similar, but has 521)"
    )
  if wrong := [row for row in rows if not _MID.match(row["mid"])]:
    raise UserError(f"{path}, line {wrong[0]['line']}: {wrong[0]['mid']!r} is not an id of a class")
  return classes


def read_segments(root: str, paths: Sequence[str], classes: Mapping[str, str]) -> Segments:
  """Reads all lists of segments.

  Args:
    root: folder.
    paths: relative paths of all tables in it.
    classes: mid -> name; empty: labels are left out.

  Raises:
    UserError: a list cannot be read, is not a list of AudioSet, or names unknown classes.

  Example:
    >>> with open("eval_segments.csv", "w") as file:
    ...   _ = file.write('--PJHxphWEs, 30.000, 40.000, "/m/09x0r"\\n')
    >>> segments = read_segments(".", ["eval_segments.csv"], {"/m/09x0r": "Speech"})
    >>> segments.ids.tolist(), segments.labels.to_pylist()
    ([b'--PJHxphWEs'], ['Speech'])
  """
  reader, chosen = _ListReader(classes), _choose_lists(paths)
  for path, split in chosen.items():
    reader.read(os.path.join(root, path), split)
  return reader.finish(files=tuple(chosen))


def _choose_lists(paths: Sequence[str]) -> dict[str, str]:
  """Returns path -> split of the lists to read: a whole list if there is one, else its pieces."""
  chosen: dict[str, str] = {}
  for split in SPLITS:
    lists = [path for path in paths if split_of_list(path) == split]
    whole = [path for path in lists if not _is_piece(path)]
    chosen |= dict.fromkeys(whole[:1] or lists, split)
  return chosen


def _is_piece(path: str) -> bool:
  """Whether a list is a piece, such as unbalanced_train_segments_part01.csv."""
  match = _LIST.match(os.path.basename(path))
  return match is not None and match[2] is not None


class _ListReader:
  """Reads lists one after the other.

  Args:
    classes: mid -> name; empty: labels are left out.
  """

  def __init__(self, classes: Mapping[str, str]):
    self._classes = classes
    self._columns = Columns(ids="S11", starts_s="f8", stops_s="f8", splits="u1", label_codes="i4")
    self._label_codes: dict[str, int] = {}  # combination of labels -> its number
    self._destroyed: list[tuple[str, str]] = []

  def read(self, path: str, split: str) -> None:
    """Adds the rows of a list."""
    num_rows, destroyed = 0, []
    for number, cells in iterate_rows(path):
      if _is_remark(cells):
        continue
      num_rows += 1
      if _ID.match(cells[0]):
        self._add(path, number, cells, SPLITS.index(split))
      else:
        text = printable(cells[0])
        destroyed.append((f"{text} ({os.path.basename(path)}, line {number})", split))
    if 2 * len(destroyed) >= num_rows:
      raise UserError(
        f"{path}: {len(destroyed)} of {num_rows} rows do not begin with a YouTube id; it should be "
        'AudioSet\'s list, with rows such as --PJHxphWEs, 30.000, 40.000, "/m/09x0r": get it from '
        f"{_URL}"
      )
    self._destroyed += destroyed

  def finish(self, files: tuple[str, ...]) -> Segments:
    """Returns all segments, of equal ids the first."""
    columns = self._columns.finish()
    first, num_rows = first_positions(columns["ids"]), len(columns["ids"])
    kept = {name: columns.pop(name)[first] for name in list(columns)}  # frees one after the other
    codes = kept["label_codes"]
    return Segments(
      ids=kept["ids"],
      starts_s=kept["starts_s"],
      stops_s=kept["stops_s"],
      splits=kept["splits"],
      labels=pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(list(self._label_codes), pa.large_string())
      ),
      files=files,
      destroyed=tuple(self._destroyed),
      num_repeated=num_rows - len(first),
    )

  def _add(self, path: str, number: int, cells: Sequence[str], split: int) -> None:
    start_s, stop_s = _parse_times(path, number, cells)
    code = -1
    if self._classes:
      labels = self._parse_labels(path, number, cells)
      code = self._label_codes.setdefault(labels, len(self._label_codes))
    self._columns.add(
      ids=cells[0].encode(), starts_s=start_s, stops_s=stop_s, splits=split, label_codes=code
    )

  def _parse_labels(self, path: str, number: int, cells: Sequence[str]) -> str:
    """Returns the names of the classes; without quotes, each label is a cell of its own."""
    mids = [mid.strip(' "') for cell in cells[3:] for mid in cell.split(",")]
    try:
      return LABEL_SEPARATOR.join([self._classes[mid] for mid in mids if mid])
    except KeyError as error:
      raise UserError(
        f"{path}, line {number}: the label {error} is none of the {len(self._classes)} classes of "
        f"{CLASS_FILE}; get both from {_URL}"
      ) from error


def _is_remark(cells: Sequence[str]) -> bool:
  """Whether a row is empty, a comment or a header. `#NAME?` is what is left of an id."""
  if not any(cells):
    return True
  first = cells[0].strip()
  return first.upper() == "YTID" or (first.startswith("#") and not first.startswith("#NAME"))


def _parse_times(path: str, number: int, cells: Sequence[str]) -> tuple[float, float]:
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
