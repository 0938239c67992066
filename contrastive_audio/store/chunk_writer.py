"""Decodes a chunk of clips, and writes its shards and its rows of the index."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import tqdm
import xxhash

from contrastive_audio.datasets import Clip, ClipSource
from contrastive_audio.errors import UnusableAudio, UserError
from contrastive_audio.store import chunks
from contrastive_audio.store.checksummed_file import ChecksummedFile
from contrastive_audio.store.decoding import DecodedClip, Memory, decode
from contrastive_audio.store.disk_format import CLIP_FIELDS, INDEX_SCHEMA, SHARD_SCHEMA
from contrastive_audio.utils import checksums
from contrastive_audio.utils.files import replacing

SHARD_BYTES = 1 << 30  # a chunk of long clips is written as several shards
BATCH_BYTES = 1 << 23  # PCM of a record batch; a longer clip is one by itself
_ALIGNMENT = 8  # of what Arrow writes


def write(
  source: ClipSource,
  folder: str,
  number: int,
  sample_rate_hz: int,
  num_threads: int,
  memory: Memory,
  progress: tqdm.tqdm | None = None,
) -> chunks.Chunk:
  """Decodes and writes a chunk; what a call that was killed has completed of it is kept.

  Args:
    source: the data set.
    folder: of the store.
    number: of the chunk.
    sample_rate_hz: rate at which the clips are stored.
    num_threads: number of decoding threads.
    memory: for decoding and writing.
    progress: a bar to advance by one for each clip.

  Returns:
    What the chunk holds.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> source = open_synthetic(clips_per_class=1)
    >>> chunk = write(source, ".", 0, 16_000, num_threads=2, memory=Memory(total_mb=64))
    >>> [shard.name for shard in chunk.shards], chunk.skipped
    (['shard-00000-00.arrow'], [])
  """
  start, stop = chunks.clip_range(number, source.num_clips)
  with _open_writer(folder, number, memory) as writer:
    if progress is not None:
      progress.update(writer.num_begun)
    clips = _clips(source, start + writer.num_begun, stop)
    decoding = decode(clips, sample_rate_hz, num_threads, memory, folder)
    with contextlib.closing(decoding) as decoded:
      for clip, result in decoded:
        writer.add(clip, result)
        if progress is not None:
          progress.update()
  chunk = writer.chunk("chunk")
  chunks.save(chunk, folder, number)
  chunks.remove_begun(folder, number)
  return chunk


def _clips(source: ClipSource, start: int, stop: int) -> Iterator[Clip]:
  """Yields the clips of a source; one that the source fails at is a clip that cannot be decoded."""
  while start < stop:
    try:
      for clip in source.clips(start, stop):
        start += 1
        yield clip
      return
    except UserError:  # the source as a whole is not what it should be
      raise
    except Exception as error:
      yield Clip(f"number {start} of the data set", functools.partial(_raise, error))
      start += 1


def _raise(error: Exception, _: int) -> NoReturn:
  raise error


@contextlib.contextmanager
def _open_writer(folder: str, number: int, memory: Memory) -> Iterator["_ShardWriter"]:
  """Yields a writer, and completes its last shard; after an exception it is dropped."""
  writer = _ShardWriter(folder, number, memory)
  with writer.open_files:
    yield writer
    writer.flush()
    writer.close_shard()


class _ShardWriter:
  """Collects clips into record batches, and record batches into shards of bounded size."""

  def __init__(self, folder: str, number: int, memory: Memory):
    """Goes on after the last complete shard, if an earlier call has begun the chunk."""
    self.open_files = contextlib.ExitStack()  # of the shard that is being written
    self._folder, self._number, self._memory = folder, number, memory
    begun = chunks.read_begun(folder, number)
    self.num_begun = begun.num_clips if begun else 0
    self._shards = list(begun.shards) if begun else []
    self._skipped = list(begun.skipped) if begun else []
    self._pcm_checksums = begun.pcm_checksums if begun else ""  # of each clip that is written
    self._rows = _read_rows(folder, begun.rows.name) if begun else []  # of the index
    self._file: ChecksummedFile | None = None
    self._writer: pa.ipc.RecordBatchFileWriter | None = None
    self._batch: list[dict[str, Any]] = []
    self._batch_checksums, self._batch_bytes = "", 0

  def add(self, clip: Clip, result: DecodedClip | UnusableAudio) -> None:
    """Adds a clip, or what is wrong with it."""
    if isinstance(result, UnusableAudio):
      self._skipped.append((clip.key, str(result) or "unusable"))
      return
    if self._batch_bytes + result.num_bytes > BATCH_BYTES:
      self.flush()
    pcm = result.take_pcm(self._memory.clip_bytes)
    row = {"key": clip.key, "label": clip.label, "group": clip.group, "gain": result.gain}
    self._batch.append({**row, **result.levels.of_gain(result.gain), "pcm": pcm})
    self._batch_checksums += xxhash.xxh3_64_hexdigest(pcm.data)
    self._batch_bytes += pcm.nbytes
    if self._batch_bytes >= BATCH_BYTES:
      self.flush()

  def flush(self) -> None:
    """Writes what is collected; if that completes a shard, a later call can go on behind it."""
    if not self._batch:
      return
    batch, self._batch, self._batch_bytes = _record_batch(self._batch), [], 0
    self._pcm_checksums, self._batch_checksums = self._pcm_checksums + self._batch_checksums, ""
    if self._file is None or self._writer is None:
      self._file, self._writer = self._open_shard()
    self._writer.write_batch(batch)
    self._rows.append(_index_rows(batch, len(self._shards), self._file.tell()))
    if self._file.tell() >= SHARD_BYTES:
      self.close_shard()
      chunks.save_begun(self.chunk("begun"), self._folder, self._number)

  def close_shard(self) -> None:
    """Completes the shard that is being written, if there is one."""
    self.open_files.close()
    if self._file is not None:
      name = _shard_name(self._number, len(self._shards))
      self._shards.append(chunks.Shard(name, self._file.num_bytes, self._file.checksums))
    self._file = self._writer = None

  def chunk(self, name: str) -> chunks.Chunk:
    """Returns what is complete, and writes its rows of the index to a file."""
    rows = _write_rows(self._folder, f"{name}-{self._number:05d}.arrow", self._rows)
    return chunks.Chunk(self._shards, rows, self._skipped, self._pcm_checksums)

  def _open_shard(self) -> tuple[ChecksummedFile, pa.ipc.RecordBatchFileWriter]:
    path = os.path.join(self._folder, _shard_name(self._number, len(self._shards)))
    unfinished = self.open_files.enter_context(replacing(path))
    file = self.open_files.enter_context(ChecksummedFile(unfinished))
    return file, self.open_files.enter_context(pa.ipc.new_file(file, SHARD_SCHEMA))


def _shard_name(chunk: int, number: int) -> str:
  return f"shard-{chunk:05d}-{number:02d}.arrow"


def _record_batch(clips: list[dict[str, Any]]) -> pa.RecordBatch:
  ends = np.cumsum([0] + [len(clip["pcm"]) for clip in clips])
  waves = [clip["pcm"] for clip in clips]
  samples = pa.array(np.concatenate(waves) if len(waves) > 1 else waves[0])
  columns = [pa.array([clip[field.name] for clip in clips], field.type) for field in CLIP_FIELDS]
  columns.append(pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), samples))
  return pa.record_batch(columns, schema=SHARD_SCHEMA)


def _index_rows(batch: pa.RecordBatch, shard: int, end: int) -> pa.RecordBatch:
  """Returns the rows of the index for a batch that ends at a position of its shard."""
  offsets = batch.column("pcm").offsets.to_numpy()
  num_bytes = 2 * int(offsets[-1])
  first_byte = end - num_bytes - (-num_bytes % _ALIGNMENT)
  columns = [batch.column(field.name) for field in CLIP_FIELDS]
  columns += [
    pa.array(np.diff(offsets)),
    pa.array(np.full(len(batch), shard, np.int32)),
    pa.array(first_byte + 2 * offsets[:-1]),
  ]
  return pa.record_batch(columns, schema=INDEX_SCHEMA)


def _write_rows(folder: str, name: str, rows: list[pa.RecordBatch]) -> chunks.Rows:
  path = os.path.join(folder, name)
  table = pa.Table.from_batches(rows, INDEX_SCHEMA).combine_chunks()
  with replacing(path) as unfinished, pa.ipc.new_file(unfinished, INDEX_SCHEMA) as writer:
    writer.write_table(table)
  return chunks.Rows(name, os.path.getsize(path), checksums.of_file(path))


def _read_rows(folder: str, name: str) -> list[pa.RecordBatch]:
  with open(os.path.join(folder, name), "rb") as file:
    return pa.ipc.open_file(file).read_all().to_batches()
