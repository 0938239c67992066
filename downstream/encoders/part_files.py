"""Embeddings in an Arrow IPC file, written and read a few rows at a time, every byte verified.

There is a row per window: the number of its clip and its embedding. Each record batch carries a
checksum, its place in the file, and whether it is the last.
"""

import contextlib
import json
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.exporting.rows import Rows
from contrastive_audio.utils.files import replacing

BATCH_BYTES = 1 << 24  # of embeddings; bounds the memory of whoever writes and reads them


def write_part(path: str, rows: Iterable[Rows]) -> None:
  """Writes a file, atomically, while its rows are being made.

  Args:
    path: to write.
    rows: (clip numbers int32 `[W]`, embeddings float32 `[W, D]`), a few at a time, at least one.

  Raises:
    UserError: the disk refuses.

  Example:
    >>> write_part("part.arrow", [(np.zeros(2, np.int32), np.ones([2, 3], np.float32))])
    >>> [values.shape for _, values in read_part("part.arrow", 3)]
    [(2, 3)]
  """
  with writing(path) as unfinished, pa.OSFile(unfinished, "wb") as file:
    _write(file, _in_batches(rows))


@contextlib.contextmanager
def writing(path: str) -> Iterator[str]:
  """Writes a part atomically; yields the path to write to.

  Args:
    path: of the part.

  Raises:
    UserError: the disk refuses.

  Example:
    >>> with writing("part.bin") as unfinished, open(unfinished, "wb") as file:
    ...   _ = file.write(b"whole")
    >>> with open("part.bin", "rb") as file:
    ...   file.read()
    b'whole'
  """
  try:
    with replacing(path) as unfinished:
      yield unfinished
  except OSError as error:
    raise UserError(
      f"cannot write {path}: {disk_reason(error) or error}. Finished parts are kept: free some "
      "space and run the same command again"
    ) from error


def read_part(path: str, embedding_size: int) -> Iterator[Rows]:
  """Yields (clip numbers int32 `[W]`, embeddings float32 `[W, D]`) of a file, a few at a time.

  Args:
    path: of the file.
    embedding_size: D.

  Raises:
    ValueError: it is damaged; so may other errors of Arrow and of the disk say.

  Example:
    >>> with open("part.arrow", "w") as file:
    ...   _ = file.write("no part")
    >>> next(read_part("part.arrow", 3))
    Traceback (most recent call last):
    pyarrow.lib.ArrowInvalid: ...
  """
  with pa.OSFile(path) as file:
    reader = pa.ipc.open_file(file)
    for index in range(reader.num_record_batches):
      batch, metadata = reader.get_batch_with_custom_metadata(index)
      clips = batch["clip"].to_numpy()
      values = batch["embedding"].flatten().to_numpy().reshape(-1, embedding_size)
      is_last = index == reader.num_record_batches - 1
      if not metadata or metadata[b"state"] != _state(clips, values, index, is_last):
        raise ValueError("the content of the file has changed")
      yield clips, values


def _write(file: pa.NativeFile, batches: Iterator[Rows]) -> None:
  """Writes record batches; the schema is that of the first."""
  writer, index, following = None, 0, next(batches, None)
  try:
    while following is not None:
      (clips, values), following = following, next(batches, None)
      embeddings = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
      batch = pa.record_batch([pa.array(clips), embeddings], names=["clip", "embedding"])
      writer = writer or pa.ipc.new_file(file, batch.schema)
      state = _state(clips, values, index, following is None)
      writer.write_batch(batch, custom_metadata={"state": state})
      index += 1
  finally:
    if writer is not None:
      writer.close()


def _in_batches(rows: Iterable[Rows]) -> Iterator[Rows]:
  """Joins rows until they fill a batch."""
  kept: list[Rows] = []
  for clips, values in rows:
    kept.append((clips, values))
    if sum(values.nbytes for _, values in kept) >= BATCH_BYTES:
      yield _joined(kept)
      kept = []
  if kept:
    yield _joined(kept)


def _joined(rows: list[Rows]) -> Rows:
  clips, values = zip(*rows)
  return np.concatenate(clips), np.ascontiguousarray(np.concatenate(values), np.float32)


def _state(clips: np.ndarray, values: np.ndarray, index: int, is_last: bool) -> bytes:
  checksum = zlib.crc32(values.tobytes(), zlib.crc32(clips.tobytes()))
  return json.dumps([checksum, index, is_last]).encode()
