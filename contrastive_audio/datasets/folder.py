"""A folder of audio files, or a CSV that lists them -> clips."""

import csv
import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.file_source import FilesSource, Row
from contrastive_audio.errors import UserError
from contrastive_audio.sound import reading

_CSV_COLUMNS = ("file", "label", "group", "split")


def open_folder(path, split=None):
  """Opens a folder (recursive), a CSV with the columns `file,label[,group,split]`, or one file.

  In a folder the first sub-folder is the class if every file lies in one; otherwise the clips have
  no labels. Symbolic links are followed once. In a CSV, paths are relative to its folder.

  Args:
    path: a folder, a file ending in .csv, or an audio file.
    split: for a CSV with a `split` column: which part, or several joined by "+"; "all"; None:
      "train" if there is one, else all.

  Returns:
    A FilesSource.

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
    return FilesSource(_name(root), folder, file_source.table_of([Row(file)]), f"the file {root}")
  if not os.path.isdir(root):
    raise UserError(f"no such folder: {root!r} (from --dataset=folder:{root})")
  paths, num_others = file_source.walk(root, reading.EXTENSIONS)
  if not paths:
    raise UserError(
      f"no audio in {root!r} ({num_others} other files): "
      f"it needs files ending in {', '.join(sorted(reading.EXTENSIONS))}"
    )
  labels = [path.split(os.sep)[0] if os.sep in path else None for path in paths]
  if None in labels:  # some file lies at the top: sub-folders are not classes
    labels = [None] * len(paths)
  labels = [label and file_source.printable(label) for label in labels]
  summary = f"{len(paths)} audio files{_in_classes(labels)} in {root}"
  summary += f" ({num_others} other files ignored)" if num_others else ""
  return FilesSource(_name(root), root, file_source.table_of(map(Row, paths, labels)), summary)


def _name(path):
  """The same for every way to write a path: with the fingerprint it names the decoded clips."""
  return f"folder:{os.path.basename(os.path.realpath(path))}"


def _open_csv(path, split):
  rows = [Row(row["file"], row["label"], row["group"], row["split"]) for row in _read_csv(path)]
  table = file_source.table_of(rows)
  chosen = file_source.Splits(table).choose(split, path)
  table = file_source.of_parts(table, chosen)
  summary = f"{table.num_rows} rows{_in_classes(table['label'].to_pylist())} of {path}"
  summary += f", split {'+'.join(chosen)}" if chosen else ""
  return FilesSource(_name(path), os.path.dirname(path) or ".", table, summary)


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
