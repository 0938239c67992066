"""A folder of audio files, or a CSV that lists them -> clips."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.datasets.file_tree import find_files, printable
from contrastive_audio.datasets.splits import Splits, filter_splits
from contrastive_audio.errors import UserError
from contrastive_audio.sound import formats
from contrastive_audio.utils.words import counted

_CSV_COLUMNS = ("file", "label", "group", "split")


def open_folder(path: str, split: str | None = None) -> FileSource:
  """Opens a folder (recursively), a CSV with the columns `file,label[,group,split]`, or one file.

  If every file of a folder lies in a sub-folder, the first sub-folder is its class; otherwise the
  clips have no labels. Symbolic links are followed once. Paths in a CSV are relative to its folder.

  Args:
    path: a folder, a file ending in .csv, or an audio file.
    split: for a CSV with a `split` column: the split to open, several joined by "+", or "all";
      None: "train" if there is one, else all.

  Returns:
    The clips.

  Raises:
    UserError: no such folder, not readable, no audio in it, a malformed CSV.

  Example:
    >>> for path in ("cat/1.wav", "dog/1.wav", "dog/2.wav"):
    ...   os.makedirs(os.path.dirname(path), exist_ok=True)
    ...   open(path, "w").close()
    >>> [clip.label for clip in open_folder(".").clips(0, 3)]
    ['cat', 'dog', 'dog']
  """
  path = os.path.expanduser(path)
  if path.lower().endswith(".csv") and not os.path.isdir(path):
    return _open_csv(path, split)
  if split is not None:
    raise UserError(
      f"--split={split}: the folder {path} has no splits; use a CSV with a split column"
    )
  if os.path.isfile(path) and os.path.splitext(path)[1].lower() in formats.EXTENSIONS:
    folder, name = os.path.split(path)
    return FileSource(_name(path), folder, to_table([Row(name)]), f"the file {path}")
  return _open_tree(path)


def _open_tree(root: str) -> FileSource:
  if not os.path.isdir(root):
    raise UserError(f"no such folder: {root!r} (from --dataset=folder:{root})")
  paths, num_others = find_files(root, formats.EXTENSIONS)
  if not paths:
    raise UserError(
      f"no audio in {root!r} ({num_others} other files): "
      f"it needs files ending in {', '.join(sorted(formats.EXTENSIONS))}"
    )
  labels = _labels_of(paths)
  rows = (Row(path, label=label) for path, label in zip(paths, labels))
  summary = f"{counted(len(paths), 'audio file')}{_in_classes(labels)} in {root}"
  summary += f" ({num_others} other files ignored)" if num_others else ""
  return FileSource(_name(root), root, to_table(rows), summary)


def _labels_of(paths: Sequence[str]) -> list[str | None]:
  """Returns the first sub-folder of each path; None for all, if a file lies at the top."""
  if not all(os.sep in path for path in paths):
    return [None] * len(paths)
  return [printable(path.split(os.sep)[0]) for path in paths]


def _name(path: str) -> str:
  """Returns one name for all spellings of a path; with the fingerprint it identifies a store."""
  return f"folder:{os.path.basename(os.path.realpath(path))}"


def _open_csv(path: str, split: str | None) -> FileSource:
  table = to_table(
    Row(path=row["file"], label=row["label"], group=row["group"], split=row["split"])
    for row in _read_csv(path)
  )
  chosen = Splits(table).choose(split, path)
  table = filter_splits(table, chosen)
  summary = f"{counted(table.num_rows, 'row')}{_in_classes(table['label'].to_pylist())} of {path}"
  summary += f", split {'+'.join(chosen)}" if chosen else ""
  return FileSource(_name(path), os.path.dirname(path) or ".", table, summary)


def _read_csv(path: str) -> list[dict[str, Any]]:
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


def _check_rows(path: str, rows: Sequence[Mapping[str, Any]]) -> None:
  if not rows:
    raise UserError(f"{path}: the file lists no clips")
  first_line: dict[str, int] = {}
  for line, row in enumerate(rows, start=2):
    name = row["file"]
    if name is None:
      raise UserError(f"{path}, line {line}: no file name")
    if (other := first_line.setdefault(name, line)) != line:
      raise UserError(f"{path}, line {line}: {name!r} is already listed in line {other}")


def _in_classes(labels: Iterable[str | None]) -> str:
  names = {label for label in labels if label is not None}
  return f" in {counted(len(names), 'class', 'classes')}" if names else ", no labels,"
