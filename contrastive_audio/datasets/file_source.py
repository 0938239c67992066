"""Audio in files -> clips, held as columns, so that millions of them stay small.

A clip is a file, a member of an archive (see containers.py), or a piece of either.
"""

import csv
import dataclasses
import functools
import hashlib
import itertools
import os

import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.datasets import archive_members
from contrastive_audio.datasets.source import Clip, ClipSource
from contrastive_audio.errors import UserError
from contrastive_audio.sound import reading

SCHEMA = pa.schema(
  [
    pa.field("key", pa.large_string()),
    pa.field("path", pa.large_binary()),  # relative to the root; see also KEY
    pa.field("member", pa.large_string()),  # where in the file, see containers.py
    pa.field("label", pa.large_string()),
    pa.field("group", pa.large_string()),
    pa.field("split", pa.large_string()),
    pa.field("start_s", pa.float64()),
    pa.field("stop_s", pa.float64()),
    pa.field("slack_s", pa.float64()),
  ]
)
KEY = b"\0"  # stands for the key in a path: so paths can be dictionary-encoded by their folders
MISSING_SCHEMA = pa.schema([pa.field(name, pa.large_string()) for name in ("key", "split")])
_BATCH_ROWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class Row:
  """One clip in a file.

  Attributes:
    path: of its file, relative to the root of the data set, str as `os.fsdecode` makes it.
    label: see source.Clip.
    group: see source.Clip.
    split: name of its part of the data set, or None.
    key: see source.Clip; None: the path.
    member: where in the file, see containers.py; None: all of it.
    start_s, stop_s, slack_s: the piece of the recording that is the clip, see reading.read; None:
      all of it.
  """

  path: str
  label: str | None = None
  group: str | None = None
  split: str | None = None
  key: str | None = None
  member: str | None = None
  start_s: float | None = None
  stop_s: float | None = None
  slack_s: float | None = None


def table_of(rows):
  """Returns the pyarrow table (SCHEMA) of an iterable of Rows, in its order."""
  batches, rows = [], iter(rows)
  while some := list(itertools.islice(rows, _BATCH_ROWS)):
    columns = {name: [getattr(row, name) for row in some] for name in SCHEMA.names}
    columns["path"] = [os.fsencode(row.path) for row in some]
    columns["key"] = [printable(row.path) if row.key is None else row.key for row in some]
    batches.append(pa.record_batch(columns, SCHEMA))
  return pa.Table.from_batches(batches, SCHEMA)


def missing_table(pairs):
  """Returns the pyarrow table (MISSING_SCHEMA) of (key, split) pairs: clips that are not there."""
  columns = zip(*pairs) if pairs else ((), ())
  return pa.table([pa.array(cells, pa.large_string()) for cells in columns], MISSING_SCHEMA)


def rows_of(table):
  """Yields the rows of a table (SCHEMA) as dictionaries, a few at a time, with whole paths."""
  for batch in table.to_batches(max_chunksize=4096):
    for row in batch.to_pylist():
      yield row | {"path": row["path"].replace(KEY, row["key"].encode())}


class FilesSource(ClipSource):
  """Clips in files below one folder."""

  def __init__(self, name, root, table, summary):
    """Takes the clips in their final order.

    Args:
      name: of the data set, as --dataset has it; of a path the last part only.
      root: folder to which the paths are relative.
      table: a pyarrow table (SCHEMA); columns may be dictionary-encoded, or null throughout.
      summary: one line for people.
    """
    self.name = name
    self.num_clips = table.num_rows
    self.summary = summary
    self._root = root
    self._table = table

  def clips(self, start, stop):
    for row in rows_of(self._table.slice(start, stop - start)):
      path = os.path.join(self._root, os.fsdecode(row["path"]))
      piece = {name: row[name] for name in ("start_s", "stop_s", "slack_s")}
      load = functools.partial(_load, path, row["member"], piece)
      yield Clip(row["key"], load, row["label"], row["group"])

  def fingerprint(self):
    digest = hashlib.sha256(os.fsencode(os.path.realpath(self._root)))
    size_and_time = functools.lru_cache(maxsize=1)(_size_and_time)  # one archive, many members
    for row in rows_of(self._table):
      path = os.path.join(self._root, os.fsdecode(row["path"]))
      digest.update(repr((row, size_and_time(path))).encode())
    digest.update(repr(list(self.missing)).encode())
    return digest.hexdigest()

  def splits(self):
    named = self._table.filter(pc.is_valid(self._table["split"]))
    return dict(zip(named["key"].to_pylist(), named["split"].to_pylist()))


class Splits:
  """The parts of a data set, as its clips name them, and unions of them."""

  def __init__(self, table, unions=None):
    """Takes a table with a column `split`, and unions, see source.ClipSource."""
    present = set(pc.unique(table["split"]).to_pylist()) - {None}
    self._members = {name: {name} for name in present}
    self._members |= {name: present & set(parts) for name, parts in (unions or {}).items()}

  def choose(self, split, what):
    """Returns the names that a choice stands for; None: all clips.

    Args:
      split: a name, several joined by "+", "all", or None: "train" where there is one, else all.
      what: the data set, for people.

    Returns:
      A list of names in the column `split`, sorted, or None.

    Raises:
      UserError: there is no such part.
    """
    if split is None:
      split = "train" if self._members.get("train") else "all"
    if split == "all":
      return None
    for name in (wanted := split.split("+")):
      if not self._members.get(name):
        known = ", ".join(sorted(filter(self._members.get, self._members))) or "none"
        raise UserError(f"{what}: no clip with split {name!r}; it has {known}")
    return sorted(set().union(*map(self._members.get, wanted)))


def of_parts(table, names):
  """Returns the rows of a table whose `split` is among the names; all, if None."""
  if names is None:
    return table
  return table.filter(pc.is_in(table["split"], pa.array(names, pa.large_string())))


def printable(path):
  """Returns a path as a string that any terminal and any UTF-8 column can hold."""
  return os.fsencode(path).decode("utf-8", "backslashreplace")


def walk(root, endings):
  """Finds files below a folder; symbolic links are followed once.

  Args:
    root: a folder.
    endings: which file names count, in small letters, with the dot.

  Returns:
    (relative paths, sorted; number of other files).

  Raises:
    UserError: a folder cannot be listed.
  """
  paths, num_others, endings = [], 0, tuple(endings)
  for folder, names in folders(root):
    found = [n for n in names if not n.startswith(".") and n.lower().endswith(endings)]
    num_others += len(names) - len(found)
    paths += [os.path.join(folder, name) for name in found]
  return sorted(paths), num_others


def folders(root):
  """Yields (relative folder, "" for the root; names of the files in it, sorted), in order.

  Symbolic links are followed once. Only one folder is held in memory at a time.

  Raises:
    UserError: a folder cannot be listed.
  """
  seen = set()
  for folder, below, names in os.walk(root, followlinks=True, onerror=_refuse_folder):
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:  # reached again through a symbolic link
      below.clear()
      continue
    seen.add((status.st_dev, status.st_ino))
    below.sort()
    relative = os.path.relpath(folder, root)
    yield "" if relative == os.curdir else relative, sorted(names)


def read_table(path, columns, what, delimiter=",", header=True):
  """Reads a CSV or TSV file that a data set is published with.

  Args:
    path: the file.
    columns: names that the first line must hold (others may be there, too), or, without a header,
      of the columns in their order.
    what: the file and where to get it, for people.
    delimiter: between the cells.
    header: whether the first line names the columns.

  Returns:
    A list of dictionaries, name -> text; each has a "line", its number in the file.

  Raises:
    UserError: not readable, another header, too few cells, no row.
  """
  try:
    with open(path, newline="", encoding="utf-8-sig") as file:
      lines = list(csv.reader(file, delimiter=delimiter))
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"cannot read {path!r}: {reason.lower()}; it should be {what}") from error
  names = [name.strip() for name in lines[0]] if header and lines else list(columns)
  if missing := [name for name in columns if name not in names]:
    found = delimiter.join(names)[:80]
    raise UserError(
      f"{path}: the first line must name the columns {', '.join(columns)}; {', '.join(missing)} "
      f"is missing, it reads {found!r}: it should be {what}"
    )
  rows = []
  for number, cells in enumerate(lines[1:] if header else lines, start=2 if header else 1):
    if not any(cells):
      continue
    if len(cells) < len(columns):
      raise UserError(f"{path}, line {number}: {len(cells)} cells, expected {len(names)}: {what}")
    rows.append(dict(zip(names, map(str.strip, cells))) | {"line": number})
  if not rows:
    raise UserError(f"{path}: the file lists no clips; it should be {what}")
  return rows


def _load(path, member, piece, sample_rate_hz):
  source = path if member is None else archive_members.read_member(path, member)
  return reading.read(source, sample_rate_hz, **piece)


def _refuse_folder(error):
  raise UserError(f"cannot list the folder {error.filename!r}: {(error.strerror or '').lower()}")


def _size_and_time(path):
  try:
    status = os.stat(path)
  except OSError:
    return None
  return status.st_size, status.st_mtime_ns
