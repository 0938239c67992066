"""Archives with many recordings inside, read in place: tar, zip, gzip, Parquet.

The position of a member is a short string that fits into a column of a table:

  .tar       OFFSET:SIZE, in bytes; empty: not a plain file
  .zip       its name
  .gz        empty: there is only one
  .parquet   ROW_GROUP:ROW, in a column `audio` of bytes, as in data sets of Hugging Face

Members are read in blocks, see unpacking.py, and never unpacked under their own names, so that a
name with `..` leads nowhere. A row group of Parquet is kept, if it holds at most 512 MB when it is
decoded. What a library would have to unpack at once, however large it turns out, is refused.
"""

import contextlib
import functools
import gzip
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable, Generator, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contrastive_audio.datasets.file_tree import is_hidden
from contrastive_audio.datasets.unpacking import unpacked
from contrastive_audio.errors import UnusableAudio, UserError, reason_of

EXTENSIONS = (".tar", ".zip", ".gz", ".parquet")
_LARGEST_ROW_GROUP_MB = 512  # two are kept
_BLOCK_BYTES = 1 << 20
_UNPACKED_AT_ONCE = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)  # by zipfile, others in blocks
_parquet_lock = threading.Lock()


def list_members(path: str, name_column: str = "path") -> Iterator[tuple[str, str]]:
  """Yields (name, member) of all files in an archive that are not hidden.

  Of files with the same name the last one counts, as if they were unpacked.

  Args:
    path: of the archive; its extension is one of EXTENSIONS.
    name_column: the column of a Parquet file that names the recordings.

  Raises:
    UnusableAudio: the archive cannot be read.

  Example:
    >>> with zipfile.ZipFile("clips.zip", "w") as archive:
    ...   archive.writestr("dog/1.wav", b"RIFF")
    ...   archive.writestr("__MACOSX/dog/._1.wav", b"Mac")
    >>> list(list_members("clips.zip"))
    [('dog/1.wav', 'dog/1.wav')]
  """
  with _errors_named("the archive cannot be read"):
    for name, member in _LISTERS[_extension(path)](path, name_column):
      if not is_hidden(name):
        yield name, member


@contextlib.contextmanager
def open_member(path: str, member: str) -> Iterator[memoryview | str]:
  """Unpacks a member of an archive for as long as the block runs.

  Args:
    path: of the archive.
    member: as `list_members` yields it.

  Yields:
    Its content or, if that is large, the path of a temporary file.

  Raises:
    UnusableAudio: with the reason.
    UserError: there is no space for the temporary file.

  Example:
    >>> with gzip.open("1.wav.gz", "wb") as file:
    ...   _ = file.write(b"RIFF")
    >>> ((name, member),) = list_members("1.wav.gz")
    >>> with open_member("1.wav.gz", member) as content:
    ...   name, bytes(content)
    ('1.wav', b'RIFF')
  """
  with contextlib.ExitStack() as while_open:
    with _errors_named("cannot be read from its archive"):
      blocks = while_open.enter_context(contextlib.closing(_read(path, member)))
      content = while_open.enter_context(unpacked(blocks))
    yield content


@contextlib.contextmanager
def _errors_named(what: str) -> Iterator[None]:
  """Turns whatever the libraries raise when an archive is damaged into UnusableAudio."""
  try:
    yield
  except (UnusableAudio, UserError):
    raise
  except Exception as error:
    raise UnusableAudio(f"{what}: {reason_of(error)}") from error


def _read(path: str, member: str) -> Generator[bytes, None, None]:
  yield from _READERS[_extension(path)](path, member)


def _extension(path: str) -> str:
  return os.path.splitext(path)[1].lower()


def _blocks(read: Callable[[int], bytes], num_bytes: int | None = None) -> Iterator[bytes]:
  """Yields what a file still holds, or its next bytes, which must be there."""
  while num_bytes != 0:
    block = read(_BLOCK_BYTES if num_bytes is None else min(_BLOCK_BYTES, num_bytes))
    if not block:
      if num_bytes is None:
        return
      raise EOFError("it is truncated")
    num_bytes = None if num_bytes is None else num_bytes - len(block)
    yield block


def _list_tar(path: str, _: str) -> Iterator[tuple[str, str]]:
  members: dict[str, str] = {}
  with tarfile.open(path, "r:") as archive:
    for entry in archive:
      if entry.isreg():
        members[entry.name] = "" if entry.issparse() else f"{entry.offset_data}:{entry.size}"
      elif entry.islnk():  # a second name of an earlier file
        members[entry.name] = members.get(entry.linkname, "")
      elif entry.issym():
        members[entry.name] = ""
    _require_end(archive)
  yield from members.items()


def _require_end(archive: tarfile.TarFile) -> None:
  """Raises an error if the list of members ended at a damaged one; tarfile says nothing."""
  archive.fileobj.seek(archive.offset)
  if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
    raise tarfile.ReadError(f"it is damaged at byte {archive.offset}")


def _read_tar(path: str, member: str) -> Iterator[bytes]:
  if not member:
    raise UnusableAudio("it is a link or a sparse file: unpack the archive")
  offset, size = map(int, member.split(":"))
  with open(path, "rb") as file:
    file.seek(offset)
    yield from _blocks(file.read, size)


def _list_zip(path: str, _: str) -> Iterator[tuple[str, str]]:
  with zipfile.ZipFile(path) as archive:
    names = dict.fromkeys(entry.filename for entry in archive.infolist())
  for name in names:
    plain = name.replace("\\", "/")  # as Windows writes paths
    if not plain.endswith("/"):
      yield plain, name


def _read_zip(path: str, member: str) -> Iterator[bytes]:
  archive = _open_zip(path, os.stat(path).st_mtime_ns)
  if archive.getinfo(member).compress_type in _UNPACKED_AT_ONCE:
    raise UnusableAudio("it is packed with bzip2 or LZMA: unpack the archive")
  with archive.open(member) as file:
    yield from _blocks(file.read)


@functools.lru_cache(maxsize=8)
def _open_zip(path: str, _: int) -> zipfile.ZipFile:
  return zipfile.ZipFile(path)  # several threads may read it


def _list_gzip(path: str, _: str) -> Iterator[tuple[str, str]]:
  yield os.path.basename(path)[: -len(".gz")], ""


def _read_gzip(path: str, _: str) -> Iterator[bytes]:
  with gzip.open(path) as file:
    yield from _blocks(file.read)


def _list_parquet(path: str, name_column: str) -> Iterator[tuple[str, str]]:
  with pq.ParquetFile(path) as file:
    for group in range(file.num_row_groups):
      names = file.read_row_group(group, [name_column])[name_column].to_pylist()
      for row, name in enumerate(names):
        yield str(name or f"row {row} of {group}, without a name"), f"{group}:{row}"


def _read_parquet(path: str, member: str) -> Iterator[bytes]:
  group, row = map(int, member.split(":"))
  with _parquet_lock:  # several threads need rows of the same group at once
    audio = _parquet_audio(path, group)
  if audio is None:
    raise UnusableAudio(
      f"its row group holds more than {_LARGEST_ROW_GROUP_MB} MB: write smaller ones"
    )
  content = audio[row][0].as_py()
  if not isinstance(content, bytes):
    raise UnusableAudio(f"its cell in the column audio holds no bytes but {content!r:.40}")
  yield content


@functools.lru_cache(maxsize=2)
def _parquet_audio(path: str, group: int) -> list[pa.Array] | None:
  """Returns the bytes of each row, from the column `audio`; None: they are too many."""
  rows, num_bytes = [], 0
  with pq.ParquetFile(path) as file:
    # Row by row, because equal cells are stored once, and take memory as often as they are there.
    for batch in file.iter_batches(batch_size=1, row_groups=[group], columns=["audio"]):
      column = batch.column("audio")
      num_bytes += column.nbytes
      if num_bytes > _LARGEST_ROW_GROUP_MB << 20:
        return None
      rows.append(_bytes_in(column))
  return rows


def _bytes_in(column: pa.Array) -> pa.Array:
  """Returns a column of bytes, or what a struct has of them."""
  if not pa.types.is_struct(column.type):
    return column
  if column.type.get_field_index("bytes") < 0:
    raise UnusableAudio(f"its column audio holds {column.type}, expected bytes")
  return pc.struct_field(column, "bytes")


# Extension -> (path, name column) -> (name, member) of each recording.
_LISTERS: dict[str, Callable[[str, str], Iterator[tuple[str, str]]]] = {
  ".tar": _list_tar,
  ".zip": _list_zip,
  ".gz": _list_gzip,
  ".parquet": _list_parquet,
}
# Extension -> (path, member) -> content, block by block.
_READERS: dict[str, Callable[[str, str], Iterator[bytes]]] = {
  ".tar": _read_tar,
  ".zip": _read_zip,
  ".gz": _read_gzip,
  ".parquet": _read_parquet,
}
