"""One chunk of a data set: a fixed number of clips, decoded and written by one process.

  shard-NNNNN-NN.arrow   the clips, in one file or several
  chunk-NNNNN.arrow      their rows of the index
  chunk-NNNNN.json       written last: names, sizes and checksums of these, and what was skipped
  begun-NNNNN.arrow, .json  the same of a chunk that is not finished, up to its last complete shard

What a chunk holds depends on the data set alone. Any number of processes and machines can therefore
share the work without talking to each other.
"""

import contextlib
import dataclasses
import os
import re
from typing import NamedTuple

from contrastive_audio.store.disk_format import DAMAGED
from contrastive_audio.utils import checksums
from contrastive_audio.utils.files import read_json, remove_file

_CHECKSUM_DIGITS = 16
CHUNK_CLIPS = 2048  # 655 MB of 10 s clips at 16 kHz; 2,000,000 clips make 977 chunks


class Shard(NamedTuple):
  """A file with the PCM of clips.

  Attributes:
    name: of the file.
    num_bytes: its size.
    checksums: of its blocks, see checksummed_file.

  Example:
    >>> Shard("shard-00000-00.arrow", 4096, "0000000a").num_bytes
    4096
  """

  name: str
  num_bytes: int
  checksums: str


class Rows(NamedTuple):
  """A file with the rows of the index.

  Attributes:
    name: of the file.
    num_bytes: its size.
    checksum: of the file.

  Example:
    >>> Rows("chunk-00000.arrow", 4096, "2d06800538d394c2").name
    'chunk-00000.arrow'
  """

  name: str
  num_bytes: int
  checksum: str


@dataclasses.dataclass(frozen=True)
class Chunk:
  """What a finished chunk holds; its file is this object as JSON.

  Attributes:
    shards: its shards, in order.
    rows: its rows of the index.
    skipped: (key, reason) of each clip that could not be used.
    pcm_checksums: 16 hex digits for the samples of each clip; "" in chunks of earlier versions.

  Example:
    >>> rows = Rows("chunk-00000.arrow", 4096, "2d06800538d394c2")
    >>> Chunk(shards=[], rows=rows, skipped=[("a.wav", "no samples")]).skipped
    [('a.wav', 'no samples')]
  """

  shards: list[Shard]
  rows: Rows
  skipped: list[tuple[str, str]]
  pcm_checksums: str = ""

  @property
  def num_clips(self) -> int:
    """Number of its clips, with those that were skipped."""
    return len(self.pcm_checksums) // _CHECKSUM_DIGITS + len(self.skipped)


def count(num_clips: int) -> int:
  """Returns the number of chunks of a data set.

  Args:
    num_clips: of the data set.

  Example:
    >>> count(CHUNK_CLIPS), count(CHUNK_CLIPS + 1)
    (1, 2)
  """
  return -(-num_clips // CHUNK_CLIPS)


def clip_range(number: int, num_clips: int) -> tuple[int, int]:
  """Returns (start, stop) of the clips of a chunk.

  Args:
    number: of the chunk.
    num_clips: of the data set.

  Example:
    >>> clip_range(1, num_clips=3000)
    (2048, 3000)
  """
  return number * CHUNK_CLIPS, min((number + 1) * CHUNK_CLIPS, num_clips)


def read_finished(folder: str, number: int) -> Chunk | None:
  """Returns a finished chunk; None if it is not finished, or has to be made again.

  The shards are not read, only the sizes of their files.

  Args:
    folder: of the store.
    number: of the chunk.

  Example:
    >>> read_finished(".", 0) is None
    True
  """
  return _read_whole(folder, path_of(folder, number))


def read_all_finished(folder: str) -> list[Chunk]:
  """Returns all finished chunks of a store, in order.

  Args:
    folder: of the store.

  Example:
    >>> save(Chunk([], Rows("chunk-00000.arrow", 0, ""), [("a.wav", "no samples")]), ".", 0)
    >>> [chunk.skipped for chunk in read_all_finished(".")]
    [[('a.wav', 'no samples')]]
  """
  names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"chunk-\d+\.json", name))
  read = (_read(os.path.join(folder, name)) for name in names)
  return [chunk for chunk in read if chunk is not None]


def save(chunk: Chunk, folder: str, number: int) -> None:
  """Writes the file that says that a chunk is finished.

  Args:
    chunk: whose other files are complete.
    folder: of the store.
    number: of the chunk.

  Example:
    >>> save(Chunk([], Rows("chunk-00000.arrow", 0, ""), []), ".", number=0)
    >>> os.listdir()
    ['chunk-00000.json']
  """
  checksums.write_sealed_json(path_of(folder, number), dataclasses.asdict(chunk))
  for shard in chunk.shards:
    with contextlib.suppress(FileNotFoundError):
      os.remove(os.path.join(folder, shard.name + DAMAGED))


def save_begun(chunk: Chunk, folder: str, number: int) -> None:
  """Writes the file that says how far a chunk is.

  Args:
    chunk: what is complete of it.
    folder: of the store.
    number: of the chunk.

  Example:
    >>> save_begun(Chunk([], Rows("begun-00000.arrow", 0, ""), []), ".", number=0)
    >>> os.listdir()
    ['begun-00000.json']
  """
  checksums.write_sealed_json(_path_of_begun(folder, number), dataclasses.asdict(chunk))


def read_begun(folder: str, number: int) -> Chunk | None:
  """Returns what is complete of a chunk; None: nothing.

  Args:
    folder: of the store.
    number: of the chunk.

  Example:
    >>> read_begun(".", 0) is None
    True
  """
  return _read_whole(folder, _path_of_begun(folder, number))


def is_begun(name: str) -> bool:
  """Whether a file says how far a chunk is.

  Args:
    name: of the file.

  Example:
    >>> is_begun("begun-00000.arrow"), is_begun("chunk-00000.arrow")
    (True, False)
  """
  return name.startswith("begun-")


def remove_begun(folder: str, number: int) -> None:
  """Removes what says how far a chunk is, once it is finished.

  Args:
    folder: of the store.
    number: of the chunk.

  Example:
    >>> remove_begun(".", 0)  # there is nothing
  """
  path = _path_of_begun(folder, number)
  remove_file(path)
  remove_file(f"{os.path.splitext(path)[0]}.arrow")


def checksums_of(folder: str, shard_name: str) -> str | None:
  """Returns the checksums of a shard, as text; None if its chunk file is damaged.

  The seal of the file is not compared: wrong checksums agree with no block.

  Args:
    folder: of the store.
    shard_name: name of the shard.

  Raises:
    OSError: the chunk file cannot be read.

  Example:
    >>> shard = Shard("shard-00000-00.arrow", 4096, "0000000a")
    >>> save(Chunk([shard], Rows("chunk-00000.arrow", 0, ""), []), ".", number=0)
    >>> checksums_of(".", "shard-00000-00.arrow")
    '0000000a'
  """
  try:
    shards = read_json(path_of(folder, int(shard_name.split("-")[1])))["shards"]
    return next(text for name, _, text in shards if name == shard_name)
  except (ValueError, TypeError, KeyError, StopIteration):
    return None


def path_of(folder: str, number: int) -> str:
  """Returns the path of the file that says that a chunk is finished.

  Args:
    folder: of the store.
    number: of the chunk.

  Example:
    >>> path_of("store", 7)
    'store/chunk-00007.json'
  """
  return os.path.join(folder, f"chunk-{number:05d}.json")


def _path_of_begun(folder: str, number: int) -> str:
  return os.path.join(folder, f"begun-{number:05d}.json")


def _read_whole(folder: str, path: str) -> Chunk | None:
  try:
    chunk = _read(path)
    return chunk if chunk is not None and _is_whole(folder, chunk) else None
  except OSError:  # one of its files is missing, or cannot be read
    return None


def _is_whole(folder: str, chunk: Chunk) -> bool:
  for shard in chunk.shards:
    path = os.path.join(folder, shard.name)
    if os.path.getsize(path) != shard.num_bytes or os.path.exists(path + DAMAGED):
      return False
  return checksums.of_file(os.path.join(folder, chunk.rows.name)) == chunk.rows.checksum


def _read(path: str) -> Chunk | None:
  """Returns a chunk; None if its file is damaged, or of a version without checksums."""
  content = checksums.read_sealed_json(path)
  if content is None:
    return None
  shards = [Shard(*shard) for shard in content["shards"]]
  skipped = [(key, why) for key, why in content["skipped"]]
  return Chunk(shards, Rows(*content["rows"]), skipped, content.get("pcm_checksums", ""))
