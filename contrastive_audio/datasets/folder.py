"""A folder of audio files, or a table that lists them -> clips."""

import os
from collections.abc import Collection, Sequence

import pyarrow as pa

from contrastive_audio.datasets import archive_members, splits
from contrastive_audio.datasets.annotations.finding import EXTENSION as LABEL_FILE
from contrastive_audio.datasets.clip_list import ClipList, read_clip_list
from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.datasets.file_tree import Found, find_files, printable, without_repeats
from contrastive_audio.datasets.label_list import read_label_file, read_label_folder
from contrastive_audio.datasets.timed_rows import WHERE
from contrastive_audio.datasets.timed_source import TimedSource, divided_recordings
from contrastive_audio.errors import UserError
from contrastive_audio.sound import formats
from contrastive_audio.utils import tables
from contrastive_audio.utils.words import counted

_NUM_NAMED = 5  # classes in a summary
_LONGEST_NAME = 40


def open_folder(path: str, split: str | None = None, background: str | None = None) -> FileSource:
  """Opens a folder (recursively), a table with the columns `file,label[,group,split]`, or one file.

  If every file of a folder lies in a sub-folder, the first sub-folder is its class; otherwise the
  clips have no labels. If all first sub-folders, or two of them, are called train, test and the
  like, they are splits, and the folders in them classes. Symbolic links are followed once, hidden
  folders are left out. Paths in a table are relative to its folder.
  A table with the columns `start_s` and `end_s`, and a label file of Raven or Audacity, list
  stretches of recordings.

  Args:
    path: a folder, a file ending in .csv, .tsv or .parquet, a label file, or an audio file.
    split: the split to open, several joined by "+", or "all"; None: "train" if there is one, else
      all.
    background: class of what a table with times leaves unlabelled; None: that is not used.

  Returns:
    The clips.

  Raises:
    UserError: no such folder, not readable, no audio in it, a malformed table, no such split.

  Example:
    >>> for path in ("cat/1.wav", "dog/1.wav", "dog/2.wav"):
    ...   os.makedirs(os.path.dirname(path), exist_ok=True)
    ...   open(path, "w").close()
    >>> [clip.label for clip in open_folder(".").clips(0, 3)]
    ['cat', 'dog', 'dog']
  """
  path = os.path.expanduser(path)
  if os.path.isdir(path):
    _require_no_background(path, background)
    return _open_tree(path, split)
  extension = os.path.splitext(path)[1].lower()
  if os.path.exists(path) and not os.path.isfile(path):
    raise UserError(f"{path!r} is neither a folder nor a regular file")
  if extension in tables.EXTENSIONS:
    return _open_table(path, read_clip_list(path), split, background)
  if extension == LABEL_FILE and os.path.exists(path):
    return _open_table(path, read_label_file(path), split, background)
  if not os.path.exists(path):
    raise UserError(f"no such {'file' if extension else 'folder'}: {path!r}")
  if extension not in formats.EXTENSIONS:
    raise UserError(_not_audio(path, extension))
  _require_no_background(path, background)
  folder, name = os.path.split(path)
  clips, _ = _choose(to_table([Row(name)]), split, path)
  return FileSource(_name(path), folder, clips, f"the file {path}")


def _not_audio(path: str, extension: str) -> str:
  if extension in archive_members.EXTENSIONS:
    return f"{path!r} is an archive: unpack it, and pass the folder"
  return (
    f"{path!r} is neither a folder nor audio, nor a table that lists audio, which ends in "
    f"{', '.join(tables.EXTENSIONS)}; or in {LABEL_FILE}, if Raven or Audacity wrote it"
  )


def _open_tree(root: str, split: str | None) -> FileSource:
  found = find_files(root, formats.EXTENSIONS)
  ignored = _ignored(found)
  if not found.paths:
    raise UserError(
      f"no audio in {root!r} ({ignored or 'no files'}): "
      f"it needs files ending in {', '.join(sorted(formats.EXTENSIONS))}"
    )
  paths = without_repeats(root, found.paths)
  clips, splits_text = _choose(to_table(_rows_of_paths(paths)), split, root)
  summary = f"{counted(clips.num_rows, 'audio file')}{_in_classes(clips)} in {root}{splits_text}"
  summary += f" ({ignored} ignored)" if ignored else ""
  if repeats := len(found.paths) - len(paths):
    summary += f"; {counted(repeats, 'link')} to files that are there left out"
  return FileSource(_name(root), root, clips, summary)


def open_label_folder(
  path: str, split: str | None = None, background: str | None = None
) -> FileSource:
  """Opens what all label files of Raven and Audacity below a folder list.

  Args:
    path: the folder; the recordings lie beside their label files, or these name them.
    split: as of `open_folder`; there are none.
    background: as of `open_folder`.

  Raises:
    UserError: there is no label file, or one is not what its program writes.

  Example:
    >>> open_label_folder(".")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: no label file of Raven or Audacity (*.txt) below '.' ...
  """
  path = os.path.expanduser(path)
  return _open_table(path, read_label_folder(path), split, background)


def _open_table(
  path: str, listed: ClipList, split: str | None, background: str | None
) -> FileSource:
  clips, splits_text = _choose(listed.clips, split, path)
  summary = f"{counted(clips.num_rows, 'row')}{_in_classes(clips)} of {path}{splits_text}"
  summary = "; ".join([summary, *listed.remarks])
  root = path if os.path.isdir(path) else os.path.dirname(path) or "."
  if WHERE in clips.column_names:
    return TimedSource(root, clips, summary, background, divided_recordings(listed.clips))
  _require_no_background(path, background)
  return FileSource(_name(path), root, clips, summary)


def _require_no_background(path: str, background: str | None) -> None:
  if background is not None:
    raise UserError(
      f"--background={background}: {path!r} lists no stretches of recordings: it takes a table "
      "with the columns start_s and end_s, or label files of Raven or Audacity"
    )


def _choose(clips: pa.Table, split: str | None, path: str) -> tuple[pa.Table, str]:
  """Returns (the clips of the chosen splits, how the summary names the splits)."""
  if split not in (None, "all") and clips["split"].null_count == clips.num_rows:
    kind = "folder" if os.path.isdir(path) else "file"
    raise UserError(
      f"--split={split}: the {kind} {path} has no splits; use sub-folders train and test, or a "
      "table with a split column"
    )
  chosen = splits.Splits(clips).choose(split, path)
  return splits.filter_splits(clips, chosen), splits.describe(clips, chosen)


def _ignored(found: Found) -> str:
  """Returns what lies in a folder beside its audio."""
  texts = [counted(found.num_others, "other file")] if found.num_others else []
  texts += [counted(found.num_hidden, "hidden folder")] if found.num_hidden else []
  return " and ".join(texts)


def _rows_of_paths(paths: Sequence[str]) -> list[Row]:
  """Returns the clips of a folder, with the labels and splits that their folders name."""
  folders = [path.split(os.sep)[:-1] for path in paths]
  names: list[str | None] = [None] * len(paths)
  if _are_splits({each[0] for each in folders if each}):
    names = [splits.split_name(printable(each[0])) if each else None for each in folders]
    folders = [each[1:] for each in folders]
  no_classes = {name for name, each in zip(names, folders) if not each}
  labels = (
    None if name in no_classes else printable(each[0]) for name, each in zip(names, folders)
  )
  return [Row(path, label=label, split=name) for path, label, name in zip(paths, labels, names)]


def _are_splits(names: Collection[str]) -> bool:
  """Whether the first sub-folders are splits: all are called so, or two of them."""
  meant = set(map(splits.split_name, names))
  known = meant & splits.FOLDER_NAMES
  return len(known) > 1 or known == meant != set()


def _name(path: str) -> str:
  """Returns one name for all spellings of a path; with the fingerprint it identifies a store."""
  return f"folder:{os.path.basename(os.path.realpath(path))}"


def _in_classes(clips: pa.Table) -> str:
  """Returns how many classes there are and the first of them, so that a wrong guess is seen."""
  names = sorted(set(clips["label"].to_pylist()) - {None})
  if not names:
    return ", no labels,"
  shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in names]
  more = ", ..." if len(names) > _NUM_NAMED else ""
  return f" in {counted(len(names), 'class', 'classes')} ({', '.join(shown[:_NUM_NAMED])}{more})"
