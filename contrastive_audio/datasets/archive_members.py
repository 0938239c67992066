"""Archives with many recordings inside, read in place: tar, zip, gzip, Parquet.

Where a member lies is a short text, so that it fits into a column:

  .tar       OFFSET:SIZE, in bytes
  .zip       its name
  .gz        empty: there is one
  .parquet   ROW_GROUP:ROW, in a column `audio` of bytes, as Hugging Face's data sets have it
"""

import functools
import gzip
import os
import tarfile
import threading
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

from contrastive_audio.errors import UnusableAudio

ENDINGS = (".tar", ".zip", ".gz", ".parquet")
_parquet_lock = threading.Lock()


def members(path, name_column="path"):
  """Yields (name, member) of all files inside an archive.

  Args:
    path: str; its ending names its kind.
    name_column: of Parquet: the column that names the recordings.

  Raises:
    UnusableAudio: the archive cannot be read.
  """
  try:
    yield from _MEMBERS[_ending(path)](path, name_column)
  except (OSError, tarfile.TarError, zipfile.BadZipFile, pa.ArrowException, KeyError) as error:
    raise UnusableAudio(f"the archive cannot be read: {_first_line(error)}") from error


def read_member(path, member):
  """Returns the content of a member, a memoryview.

  Args:
    path: str, of the archive.
    member: as `members` gives it.

  Raises:
    UnusableAudio: with the reason.
  """
  try:
    return memoryview(_READ[_ending(path)](path, member))
  except (OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException, KeyError) as error:
    raise UnusableAudio(f"cannot be read from its archive: {_first_line(error)}") from error


def _ending(path):
  return os.path.splitext(path)[1].lower()


def _first_line(error):
  return (str(error).strip() or type(error).__name__).splitlines()[0]


def _tar_members(path, _):
  with tarfile.open(path, "r:") as archive:
    for entry in archive:
      if entry.isreg():
        yield entry.name, f"{entry.offset_data}:{entry.size}"


def _read_tar(path, member):
  offset, size = map(int, member.split(":"))
  with open(path, "rb") as file:
    file.seek(offset)
    content = file.read(size)
  if len(content) < size:
    raise EOFError("it has been cut off")
  return content


def _zip_members(path, _):
  with zipfile.ZipFile(path) as archive:
    yield from ((entry.filename, entry.filename) for entry in archive.infolist() if entry.file_size)


@functools.lru_cache(maxsize=8)
def _opened_zip(path):
  return zipfile.ZipFile(path)  # safe to be read by several threads


def _gzip_members(path, _):
  yield os.path.basename(path)[: -len(".gz")], ""


def _read_gzip(path, _):
  with gzip.open(path) as file:
    return file.read()


def _parquet_members(path, name_column):
  with pq.ParquetFile(path) as file:
    for group in range(file.num_row_groups):
      names = file.read_row_group(group, [name_column])[name_column].to_pylist()
      yield from ((name, f"{group}:{row}") for row, name in enumerate(names))


def _read_parquet(path, member):
  group, row = map(int, member.split(":"))
  with _parquet_lock:  # threads ask for rows of the same group at once
    audio = _parquet_audio(path, group)
  return audio[row].as_py()


@functools.lru_cache(maxsize=2)
def _parquet_audio(path, group):
  """The column of bytes of a row group; `audio` is bytes, or a struct that holds them."""
  with pq.ParquetFile(path) as file:
    column = file.read_row_group(group, ["audio"])["audio"].combine_chunks()
  return column.field("bytes") if pa.types.is_struct(column.type) else column


_MEMBERS = {
  ".tar": _tar_members,
  ".zip": _zip_members,
  ".gz": _gzip_members,
  ".parquet": _parquet_members,
}
_READ = {
  ".tar": _read_tar,
  ".zip": lambda path, member: _opened_zip(path).read(member),
  ".gz": _read_gzip,
  ".parquet": _read_parquet,
}
