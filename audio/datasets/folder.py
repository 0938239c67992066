"""A folder of audio files, or a CSV that lists them -> clips."""

import csv
import functools
import hashlib
import os

import pyarrow as pa

from audio import reading
from audio.datasets.source import Clip, ClipSource
from audio.errors import UserError

_CSV_COLUMNS = ("file", "label", "group", "split")


class FolderSource(ClipSource):
  """Audio files below one folder; held as columns, so that millions of paths stay small."""

  def __init__(self, name, root, paths, labels, groups, summary):
    """Takes the files in their final order.

    Args:
      name: as the user wrote it.
      root: folder to which the paths are relative.
      paths: relative paths, str as `os.fsdecode` makes them.
      labels: a label or None for each path.
      groups: a group or None for each path.
      summary: one line for people.
    """
    self.name = name
    self.num_clips = len(paths)
    self.summary = summary
    self._root = root
    self._columns = pa.table(
      {
        "path": pa.array([os.fsencode(path) for path in paths], pa.large_binary()),
        "label": pa.array(labels, pa.large_string()),
        "group": pa.array(groups, pa.large_string()),
      }
    )

  def clips(self, start, stop):
    for row in self._columns.slice(start, stop - start).to_pylist():
      path = os.path.join(self._root, os.fsdecode(row["path"]))
      load = functools.partial(reading.read, path)
      yield Clip(_printable(row["path"]), load, row["label"], row["group"])

  def fingerprint(self):
    digest = hashlib.sha256(os.fsencode(os.path.realpath(self._root)))
    for batch in self._columns.to_batches(max_chunksize=4096):
      for row in batch.to_pylist():
        path = os.path.join(self._root, os.fsdecode(row["path"]))
        digest.update(repr((row, _size_and_time(path))).encode())
    return digest.hexdigest()


def open_folder(path, split=None):
  """Opens a folder (recursive), a CSV with the columns `file,label[,group,split]`, or one file.

  In a folder the first sub-folder is the class if every file lies in one; otherwise the clips have
  no labels. Symbolic links are followed once. In a CSV, paths are relative to its folder.

  Args:
    path: a folder, a file ending in .csv, or an audio file.
    split: for a CSV with a `split` column: which part; "all"; None: "train" if there is one, else
      all.

  Returns:
    A FolderSource.

  Raises:
    UserError: no such folder, not readable, nothing in it, a malformed CSV.
  """
  path = os.path.expanduser(path)
  if path.lower().endswith(".csv") and not os.path.isdir(path):
    return _open_csv(path, split)
  if split is not None:
    raise UserError(
      f"--split={split}: the folder {path} has no splits; use a CSV with a split column"
    )
  return _open_tree(path)


def _open_tree(root):
  if os.path.isfile(root) and os.path.splitext(root)[1].lower() in reading.EXTENSIONS:
    folder, file = os.path.split(root)
    return FolderSource(f"folder:{root}", folder, [file], [None], [None], f"the file {root}")
  if not os.path.isdir(root):
    raise UserError(f"no such folder: {root!r} (from --dataset=folder:{root})")
  paths, num_others = _walk(root)
  if not paths:
    raise UserError(
      f"no audio in {root!r} ({num_others} other files): "
      f"it needs files ending in {', '.join(sorted(reading.EXTENSIONS))}"
    )
  labels = [path.split(os.sep)[0] if os.sep in path else None for path in paths]
  if None in labels:  # some file lies at the top: sub-folders are not classes
    labels = [None] * len(paths)
  labels = [label and _printable(os.fsencode(label)) for label in labels]
  summary = f"{len(paths)} audio files{_in_classes(labels)} in {root}"
  summary += f" ({num_others} other files ignored)" if num_others else ""
  return FolderSource(f"folder:{root}", root, paths, labels, [None] * len(paths), summary)


def _walk(root):
  """Returns the relative paths of all audio files, sorted, and the number of other files."""
  audio = reading.EXTENSIONS | reading.UNSUPPORTED_EXTENSIONS
  paths, num_others, seen = [], 0, set()
  for folder, folders, files in os.walk(root, followlinks=True, onerror=_refuse_folder):
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:  # reached again through a symbolic link
      folders.clear()
      continue
    seen.add((status.st_dev, status.st_ino))
    folders.sort()
    found = [
      file
      for file in files
      if not file.startswith(".") and os.path.splitext(file)[1].lower() in audio
    ]
    num_others += len(files) - len(found)
    paths += [os.path.relpath(os.path.join(folder, file), root) for file in found]
  return sorted(paths), num_others


def _refuse_folder(error):
  raise UserError(f"cannot list the folder {error.filename!r}: {(error.strerror or '').lower()}")


def _open_csv(path, split):
  rows = _read_csv(path)
  names = sorted({row["split"] for row in rows if row["split"]})
  if split is None and "train" in names:
    split = "train"
  if split not in (None, "all"):
    rows = [row for row in rows if row["split"] == split]
    if not rows:
      raise UserError(f"{path}: no row with split {split!r}; it has {', '.join(names) or 'none'}")
  labels = [row["label"] for row in rows]
  summary = f"{len(rows)} rows{_in_classes(labels)} of {path}" + (
    f", split {split}" if split not in (None, "all") else ""
  )
  root = os.path.dirname(path) or "."
  files, groups = [row["file"] for row in rows], [row["group"] for row in rows]
  source = FolderSource(f"folder:{path}", root, files, labels, groups, summary)
  source.splits = {
    _printable(os.fsencode(row["file"])): row["split"] for row in rows if row["split"]
  }
  return source


def _read_csv(path):
  """Returns the rows as dictionaries with all of _CSV_COLUMNS; empty cells are None."""
  try:
    with open(path, newline="", encoding="utf-8-sig") as file:
      reader = csv.DictReader(file)
      columns = [name.strip() for name in reader.fieldnames or []]
      if "file" not in columns or not set(columns) <= set(_CSV_COLUMNS):
        raise UserError(
          f"{path}: the first line must name the columns file,label[,group,split]; "
          f"it reads {','.join(columns) or 'nothing'}"
        )
      reader.fieldnames = columns
      rows = [
        {name: (row.get(name) or "").strip() or None for name in _CSV_COLUMNS} for row in reader
      ]
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    reason = getattr(error, "strerror", None) or str(error)
    raise UserError(f"cannot read {path!r}: {reason.lower()}") from error
  _check_rows(path, rows)
  return rows


def _check_rows(path, rows):
  if not rows:
    raise UserError(f"{path}: the file lists no clips")
  first_line = {}
  for line, row in enumerate(rows, start=2):
    if row["file"] is None:
      raise UserError(f"{path}, line {line}: no file name")
    if (other := first_line.setdefault(row["file"], line)) != line:
      raise UserError(f"{path}, line {line}: {row['file']!r} is listed already in line {other}")


def _in_classes(labels):
  names = {label for label in labels if label is not None}
  return f" in {len(names)} classes" if names else ", no labels,"


def _printable(path):
  """A path in bytes as a string that any terminal and any UTF-8 column can hold."""
  return path.decode("utf-8", "backslashreplace")


def _size_and_time(path):
  try:
    status = os.stat(path)
  except OSError:
    return None
  return status.st_size, status.st_mtime_ns
