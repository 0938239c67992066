"""Label files of Raven and Audacity -> the stretches of recordings that they list."""

import os
from collections.abc import Sequence

from contrastive_audio.datasets.annotations.annotation import Annotation
from contrastive_audio.datasets.annotations.finding import EXTENSION, reader_of, recording_of
from contrastive_audio.datasets.clip_list import ClipList
from contrastive_audio.datasets.clip_table import Row
from contrastive_audio.datasets.file_tree import find_files
from contrastive_audio.datasets.timed_rows import TimedRows, parse_times
from contrastive_audio.errors import UserError
from contrastive_audio.utils.words import counted


def read_label_file(path: str) -> ClipList:
  """Reads a label file of Raven or Audacity.

  Args:
    path: of the file; paths of recordings are relative to its folder.

  Raises:
    UserError: neither of them wrote it, or it lists nothing that can be used.

  Example:
    >>> open("wren.wav", "w").close()
    >>> with open("wren.txt", "w") as file:
    ...   _ = file.write("0.5\\t1.0\\tsong\\n")
    >>> read_label_file("wren.txt").clips["key"].to_pylist()
    ['wren.wav#t=0.5,1']
  """
  read = reader_of(path)
  if read is None:
    raise UserError(
      f"{path}: neither a selection table of Raven, whose first line names the columns, among them "
      "Begin Time (s) and End Time (s), nor a label track of Audacity, whose lines have start, end "
      "and label, separated by tabs"
    )
  annotations = read(path)
  if not annotations:
    raise UserError(f"{path}: the file lists no labels")
  rows = TimedRows()
  _add(rows, path, annotations, os.path.dirname(path))
  return ClipList(rows.table(), tuple(rows.remarks()))


def read_label_folder(root: str) -> ClipList:
  """Reads all label files of Raven and Audacity below a folder.

  Args:
    root: the folder; paths of recordings are relative to it.

  Raises:
    UserError: there are none, or one lists something that cannot be used.

  Example:
    >>> read_label_folder("no/such/folder")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no such folder: 'no/such/folder'
  """
  if not os.path.isdir(root):
    raise UserError(f"no such folder: {root!r}")
  rows, num_read, num_others = TimedRows(), 0, 0
  for name in find_files(root, [EXTENSION]).paths:
    path = os.path.join(root, name)
    if (read := reader_of(path)) is None:
      num_others += 1
      continue
    num_read += 1
    _add(rows, path, read(path), root)
  table = rows.table()
  if not table.num_rows:
    raise UserError(
      f"no label file of Raven or Audacity (*{EXTENSION}) below {root!r} lists labels"
    )
  remarks = [counted(num_read, "label file"), *rows.remarks()]
  remarks += [f"{counted(num_others, 'other text file')} ignored"] if num_others else []
  return ClipList(table, tuple(remarks))


def _add(
  rows: TimedRows, path: str, annotations: Sequence[tuple[int, Annotation]], root: str
) -> None:
  """Adds what a label file lists, with paths relative to a root."""
  found: dict[str | None, str] = {}
  elsewhere: dict[str, str] = {}  # recording -> the path in the label file, which does not exist
  for line, annotation in annotations:
    where, named = f"{path}, line {line}", annotation.file
    if named not in found:
      name = recording_of(path, where, named)
      found[named] = os.path.join(os.path.dirname(path), name)
      if named is not None and name not in (named, named.replace("\\", "/")):
        _require_same(where, name, elsewhere.setdefault(name, named), named)
    recording = found[named]
    start_s, stop_s = parse_times(where, str(annotation.start_s), str(annotation.stop_s))
    relative = os.path.relpath(recording, root or os.curdir)
    row = Row(relative, label=annotation.label, start_s=start_s, stop_s=stop_s)
    rows.add(where, os.path.realpath(recording), row)


def _require_same(where: str, name: str, first: str, second: str) -> None:
  """Refuses two paths that end in one name: the recordings of two places, only one of them here."""
  if first.replace("\\", "/") != second.replace("\\", "/"):
    raise UserError(
      f"{where}: {second!r:.80} and {first!r:.80} of lines before are both taken for {name!r:.80} "
      "beside the table: give the recordings names that differ, here and in the table"
    )
