"""Archives with many recordings inside, read in place: tar, zip, gzip, Parquet.

The position of a member is a short string that fits into a column of a table:

  .tar       OFFSET:SIZE, in bytes
  .zip       its name
  .gz        empty: there is only one
  .parquet   ROW_GROUP:ROW, in a column `audio` of bytes, as in data sets of Hugging Face
"""

import functools
import gzip
import os
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from contrastive_audio.errors import UnusableAudio

EXTENSIONS = (".tar", ".zip", ".gz", ".parquet")
_parquet_lock = threading.Lock()


def list_members(path: str, name_column: str = "path") -> Iterator[tuple[str, str]]:
  """Yields (name, member) of all files in an archive.

  Args:
    path: of the archive; its extension is one of EXTENSIONS.
    name_column: the column of a Parquet file that names the recordings.

  Raises:
    UnusableAudio: the archive cannot be read.

  Example:
    >>> with zipfile.ZipFile("clips.zip", "w") as archive:
    ...   archive.writestr("dog/1.wav", b"RIFF")
    >>> list(list_members("clips.zip"))
    [('dog/1.wav', 'dog/1.wav')]
  """
  try:
    yield from _LISTERS[_extension(path)](path, name_column)
  except (OSError, tarfile.TarError, zipfile.BadZipFile, pa.ArrowException, KeyError) as error:
    raise UnusableAudio(f"the archive cannot be read: {_first_line(error)}") from error


def read_member(path: str, member: str) -> memoryview:
  """Returns the content of a member of an archive.

  Args:
    path: of the archive.
    member: as `list_members` yields it.

  Raises:
    UnusableAudio: with the reason.

  Example:
    >>> with gzip.open("1.wav.gz", "wb") as file:
    ...   _ = file.write(b"RIFF")
    >>> ((name, member),) = list_members("1.wav.gz")
    >>> name, bytes(read_member("1.wav.gz", member))
    ('1.wav', b'RIFF')
  """
  try:
    return memoryview(_READERS[_extension(path)](path, member))
  except (OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException, KeyError) as error:
    raise UnusableAudio(f"cannot be read from its archive: {_first_line(error)}") from error


def _extension(path: str) -> str:
  return os.path.splitext(path)[1].lower()


def _first_line(error: Exception) -> str:
  return (str(error).strip() or type(error).__name__).splitlines()[0]


def _list_tar(path: str, _: str) -> Iterator[tuple[str, str]]:
  with tarfile.open(path, "r:") as archive:
    for entry in archive:
      if entry.isreg():
        yield entry.name, f"{entry.offset_data}:{entry.size}"


def _read_tar(path: str, member: str) -> bytes:
  offset, size = map(int, member.split(":"))
  with open(path, "rb") as file:
    file.seek(offset)
    content = file.read(size)
  if len(content) < size:
    raise EOFError("it is truncated")
  return content


def _list_zip(path: str, _: str) -> Iterator[tuple[str, str]]:
  with zipfile.ZipFile(path) as archive:
    yield from ((entry.filename, entry.filename) for entry in archive.infolist() if entry.file_size)


def _read_zip(path: str, member: str) -> bytes:
  return _open_zip(path).read(member)


@functools.lru_cache(maxsize=8)
def _open_zip(path: str) -> zipfile.ZipFile:
  return zipfile.ZipFile(path)  # several threads may read it


def _list_gzip(path: str, _: str) -> Iterator[tuple[str, str]]:
  yield os.path.basename(path)[: -len(".gz")], ""


def _read_gzip(path: str, _: str) -> bytes:
  with gzip.open(path) as file:
    return file.read()


def _list_parquet(path: str, name_column: str) -> Iterator[tuple[str, str]]:
  with pq.ParquetFile(path) as file:
    for group in range(file.num_row_groups):
      names = file.read_row_group(group, [name_column])[name_column].to_pylist()
      yield from ((name, f"{group}:{row}") for row, name in enumerate(names))


def _read_parquet(path: str, member: str) -> bytes:
  group, row = map(int, member.split(":"))
  with _parquet_lock:  # several threads need rows of the same group at once
    audio = _parquet_audio(path, group)
  return audio[row].as_py()


@functools.lru_cache(maxsize=2)
def _parquet_audio(path: str, group: int) -> pa.Array:
  """Returns the bytes of a row group; the column `audio` is bytes, or a struct that holds them."""
  with pq.ParquetFile(path) as file:
    column = file.read_row_group(group, ["audio"])["audio"].combine_chunks()
  return column.field("bytes") if pa.types.is_struct(column.type) else column


# Extension -> (path, name column) -> (name, member) of each recording.
_LISTERS: dict[str, Callable[[str, str], Iterator[tuple[str, str]]]] = {
  ".tar": _list_tar,
  ".zip": _list_zip,
  ".gz": _list_gzip,
  ".parquet": _list_parquet,
}
# Extension -> (path, member) -> content.
_READERS: dict[str, Callable[[str, str], bytes]] = {
  ".tar": _read_tar,
  ".zip": _read_zip,
  ".gz": _read_gzip,
  ".parquet": _read_parquet,
}
