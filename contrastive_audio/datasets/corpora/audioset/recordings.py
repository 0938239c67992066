"""A folder -> the recordings in it whose names hold a YouTube id."""

import dataclasses
import os

import numpy as np
import pyarrow as pa

from contrastive_audio.datasets import archive_members, file_source
from contrastive_audio.datasets.compact_columns import Columns
from contrastive_audio.datasets.corpora.audioset import lists, names
from contrastive_audio.errors import UnusableAudio, UserError
from contrastive_audio.sound import ffmpeg, reading

ENDINGS = (*sorted(reading.EXTENSIONS), *archive_members.ENDINGS)
NO_PART = 255
_ARCHIVES_OF_MANY = (".tar", ".zip", ".parquet")
_NUM_EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Recordings:
  """What lies on disk, in the order of paths.

  Attributes:
    ids: bytes `[n]`, "S11".
    paths: large_binary `[n]`, chunked, dictionary-encoded, relative to the root, with files.KEY
      for the id: a few folders, however many recordings.
    members: large_string `[n]`, chunked, dictionary-encoded, where in the file; null: all of it
      (of type null, if all are).
    starts_s: float64 `[n]`, where in the video the file begins; NaN where its name does not say.
    parts: uint8 `[n]`, an index into lists.PARTS, by the name of the folder, or NO_PART.
    is_film: uint8 `[n]`, 1 where the file is one that usually holds pictures.
    foreign: names of some files that hold no id.
    num_foreign: how many there are.
  """

  ids: np.ndarray
  paths: pa.ChunkedArray
  members: pa.ChunkedArray
  starts_s: np.ndarray
  parts: np.ndarray
  is_film: np.ndarray
  foreign: tuple = ()
  num_foreign: int = 0


def may_hold_ids(name):
  """Whether a file may hold recordings of AudioSet, by its name."""
  if not name.lower().endswith(ENDINGS):
    return False
  return name.lower().endswith(_ARCHIVES_OF_MANY) or names.parse(name) is not None


def paths_below(root):
  """Yields the relative paths of recordings and archives below a folder, in order."""
  for folder, found in file_source.folders(root):
    for name in found:
      if name.lower().endswith(ENDINGS) and not name.startswith("."):
        yield os.path.join(folder, name)


def of_paths(root, paths):
  """Reads the names of files; archives are opened and listed.

  Args:
    root: folder.
    paths: relative paths of recordings and archives, an iterable.

  Returns:
    Recordings.

  Raises:
    UserError: an archive cannot be read.
  """
  path_type, member_type = (
    pa.dictionary(pa.int32(), kind) for kind in (pa.large_binary(), pa.large_string())
  )
  columns = Columns("S11", path_type, member_type, "f8", "u1", "u1")
  foreign, num_foreign = [], 0
  for path, name, member in _listed(root, paths):
    found = names.parse(name)
    if found is None:
      num_foreign += 1
      foreign += [name] if num_foreign <= _NUM_EXAMPLES else []
      continue
    start_s = np.nan if found.start_s is None else found.start_s
    part = _part(path, name)
    is_film = name.lower().endswith(ffmpeg.FILMS)
    ytid = found.ytid.encode()
    columns.add(
      ytid, os.fsencode(path).replace(ytid, file_source.KEY), member, start_s, part, is_film
    )
  return Recordings(*columns.finish(), tuple(foreign), num_foreign)


def _part(path, name):
  part = lists.part_of_folder(os.path.join(path, name))
  return NO_PART if part is None else lists.PARTS.index(part)


def _listed(root, paths):
  """Yields (path, name of the recording, member or None)."""
  for path in paths:
    if not path.lower().endswith(archive_members.ENDINGS):
      yield path, os.path.basename(path), None
      continue
    try:
      for name, member in archive_members.members(os.path.join(root, path), "video_id"):
        if not path.lower().endswith((".tar", ".zip")) or name.lower().endswith(ENDINGS):
          yield path, name, member
    except UnusableAudio as error:
      raise UserError(
        f"{os.path.join(root, path)}: {error}; get it again, or take it out of the folder"
      ) from error
