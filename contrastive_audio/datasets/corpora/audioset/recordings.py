"""A folder -> the recordings in it whose names hold a YouTube id."""

import dataclasses
import os
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from contrastive_audio.datasets import archive_members
from contrastive_audio.datasets.clip_table import KEY
from contrastive_audio.datasets.compact_columns import Columns
from contrastive_audio.datasets.corpora.audioset import lists, names
from contrastive_audio.datasets.file_tree import is_hidden, iterate_folders, printable
from contrastive_audio.errors import UnusableAudio, UserError
from contrastive_audio.sound import formats

NO_SPLIT = 255
_EXTENSIONS = (*sorted(formats.EXTENSIONS), *archive_members.EXTENSIONS)
_ARCHIVES_OF_MANY = (".tar", ".zip", ".parquet")
_NUM_EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Recordings:
  """What lies on disk, in the order of paths.

  Attributes:
    ids: bytes `[n]`, "S11".
    paths: large_binary `[n]`, chunked, dictionary-encoded, relative to the root, with
      clip_table.KEY in place of the id: a few folders, however many recordings.
    members: large_string `[n]`, chunked, dictionary-encoded, where in the file; null: the whole
      file (of type null, if all are).
    starts_s: float64 `[n]`, where in the video the file begins; NaN if its name does not say.
    splits: uint8 `[n]`, an index into lists.SPLITS, by the name of the folder, or NO_SPLIT.
    is_film: uint8 `[n]`, 1 for a file of a kind that usually holds pictures.
    foreign: names of some files that hold no id.
    num_foreign: number of such files.

  Example:
    >>> identify(".", ["eval/Y--PJHxphWEs.wav"]).splits.tolist()  # lists.SPLITS[2] is "eval"
    [2]
  """

  ids: np.ndarray
  paths: pa.ChunkedArray
  members: pa.ChunkedArray
  starts_s: np.ndarray
  splits: np.ndarray
  is_film: np.ndarray
  foreign: tuple[str, ...] = ()
  num_foreign: int = 0


def may_hold_ids(name: str) -> bool:
  """Returns whether a file may hold recordings of AudioSet, by its name.

  Args:
    name: of the file.

  Example:
    >>> may_hold_ids("Y--PJHxphWEs.wav"), may_hold_ids("train.tar"), may_hold_ids("song.wav")
    (True, True, False)
  """
  if not name.lower().endswith(_EXTENSIONS):
    return False
  return name.lower().endswith(_ARCHIVES_OF_MANY) or names.parse(name) is not None


def paths_below(root: str) -> Iterator[str]:
  """Yields the relative paths of recordings and archives below a folder, in order.

  Args:
    root: folder.

  Example:
    >>> for name in ("b.tar", "a.wav", "notes.txt"):
    ...   open(name, "w").close()
    >>> list(paths_below("."))
    ['a.wav', 'b.tar']
  """
  for folder, names_in_folder in iterate_folders(root):
    for name in names_in_folder:
      if name.lower().endswith(_EXTENSIONS) and not is_hidden(name):
        yield os.path.join(folder, name)


def identify(root: str, paths: Iterable[str]) -> Recordings:
  """Parses the names of files; archives are opened and listed.

  Args:
    root: folder.
    paths: relative paths of recordings and archives.

  Raises:
    UserError: an archive cannot be read.

  Example:
    >>> found = identify(".", ["Y--PJHxphWEs_30_40.wav", "song.wav"])
    >>> found.ids.tolist(), found.starts_s.tolist(), found.foreign
    ([b'--PJHxphWEs'], [30.0], ('song.wav',))
  """
  columns = Columns(
    ids="S11",
    paths=pa.dictionary(pa.int32(), pa.large_binary()),
    members=pa.dictionary(pa.int32(), pa.large_string()),
    starts_s="f8",
    splits="u1",
    is_film="u1",
  )
  foreign, num_foreign = [], 0
  for path, name, member in _list_recordings(root, paths):
    parsed = names.parse(name)
    if parsed is None:
      num_foreign += 1
      foreign += [printable(name)] if num_foreign <= _NUM_EXAMPLES else []
      continue
    ytid = parsed.ytid.encode()
    columns.add(
      ids=ytid,
      paths=os.fsencode(path).replace(ytid, KEY),
      members=member,
      starts_s=np.nan if parsed.start_s is None else parsed.start_s,
      splits=_split_index(path, name),
      is_film=name.lower().endswith(formats.FILMS),
    )
  return Recordings(**columns.finish(), foreign=tuple(foreign), num_foreign=num_foreign)


def _split_index(path: str, name: str) -> int:
  split = lists.split_of_folder(os.path.join(path, name))
  return NO_SPLIT if split is None else lists.SPLITS.index(split)


def _list_recordings(root: str, paths: Iterable[str]) -> Iterator[tuple[str, str, str | None]]:
  """Yields (path, name of the recording, member or None)."""
  for path in paths:
    if not path.lower().endswith(archive_members.EXTENSIONS):
      yield path, os.path.basename(path), None
      continue
    try:
      for name, member in archive_members.list_members(os.path.join(root, path), "video_id"):
        if not path.lower().endswith((".tar", ".zip")) or name.lower().endswith(_EXTENSIONS):
          yield path, name, member
    except UnusableAudio as error:
      raise UserError(
        f"{os.path.join(root, path)}: {error}; get it again, or remove it from the folder"
      ) from error
