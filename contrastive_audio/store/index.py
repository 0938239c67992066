"""Finished chunks -> the index and the manifest that complete a store."""

import hashlib
import os
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.datasets import ClipSource
from contrastive_audio.store import chunks, left_out, manifest
from contrastive_audio.store.disk_format import (
  DAMAGED,
  INDEX,
  INDEX_SCHEMA,
  MISSING,
  SKIPPED,
  VERSION,
)
from contrastive_audio.utils import checksums
from contrastive_audio.utils.files import UNFINISHED, replacing

_SHARD = INDEX_SCHEMA.get_field_index("shard")


def merge(source: ClipSource, folder: str, sample_rate_hz: int, fingerprint: str) -> None:
  """Merges finished chunks: writes the index, the lists of clips and, last, the manifest.

  Args:
    source: the data set.
    folder: of the store; all chunks are finished.
    sample_rate_hz: of the chunks.
    fingerprint: of the source.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store import chunk_writer, decoding
    >>> source, memory = open_synthetic(clips_per_class=1), decoding.Memory(total_mb=64)
    >>> _ = chunk_writer.write(source, ".", 0, 16_000, num_threads=1, memory=memory)
    >>> merge(source, ".", sample_rate_hz=16_000, fingerprint=source.fingerprint())
    >>> [name for name in sorted(os.listdir(".")) if not name.startswith(("chunk", "shard"))]
    ['index.arrow', 'skipped.csv', 'store.json']
  """
  finished = [_finished(folder, number) for number in range(chunks.count(source.num_clips))]
  _remove_unfinished(folder)
  left_out.write_skipped(folder)
  left_out.write_missing(folder, source.missing)
  digest = _write_index(folder, finished)
  complete = manifest.Manifest(
    version=VERSION,
    name=source.name,
    summary=source.summary,
    fingerprint=fingerprint,
    digest=digest,
    sample_rate_hz=sample_rate_hz,
    num_skipped=sum(len(chunk.skipped) for chunk in finished),
    num_missing=len(source.missing),
    classes=list(source.classes),
    shards=[(shard.name, shard.num_bytes) for chunk in finished for shard in chunk.shards],
    rows=[(chunk.rows.name, chunk.rows.num_bytes) for chunk in finished],
    checksums=_checksums(folder, len(finished)),
  )
  manifest.write(complete, folder)


def _finished(folder: str, number: int) -> chunks.Chunk:
  chunk = chunks.read_finished(folder, number)
  if chunk is None:
    raise manifest.DamagedStore(f"{chunks.path_of(folder, number)} is not what was written")
  return chunk


def _checksums(folder: str, num_chunks: int) -> dict[str, str]:
  """Returns the checksums of all files that the manifest answers for."""
  paths = [chunks.path_of(folder, number) for number in range(num_chunks)]
  paths += [os.path.join(folder, name) for name in (INDEX, SKIPPED, MISSING)]
  there = filter(os.path.exists, paths)
  return {os.path.basename(path): checksums.of_file(path) for path in there}


def _remove_unfinished(folder: str) -> None:
  """Deletes what killed processes left behind; all chunks are whole, so nobody is writing."""
  for name in os.listdir(folder):
    if UNFINISHED in name or name.endswith(DAMAGED) or chunks.is_begun(name):
      os.remove(os.path.join(folder, name))


def _write_index(folder: str, finished: Sequence[chunks.Chunk]) -> str:
  """Writes the index of all chunks; returns the digest of the store."""
  digest = _Digest()
  with (
    replacing(os.path.join(folder, INDEX)) as unfinished,
    pa.ipc.new_file(unfinished, INDEX_SCHEMA) as writer,
  ):
    for batch in _index_batches(folder, finished):
      writer.write_batch(batch)
      digest.add(batch)
  return digest.hexdigest("".join(chunk.pcm_checksums for chunk in finished))


def _index_batches(folder: str, finished: Sequence[chunks.Chunk]) -> Iterator[pa.RecordBatch]:
  """Yields the rows of all chunks; shards are numbered through."""
  num_shards = 0
  for chunk in finished:
    with pa.OSFile(os.path.join(folder, chunk.rows.name)) as file:
      rows = pa.ipc.open_file(file).read_all()
    shard = pc.add(rows["shard"], pa.scalar(num_shards, pa.int32()))
    yield from rows.set_column(_SHARD, INDEX_SCHEMA.field(_SHARD), shard).to_batches()
    num_shards += len(chunk.shards)


class _Digest:
  """Hashes what makes two stores differ: names, levels, samples, but not their layout on disk."""

  _TEXT, _NUMBERS = ("key", "label", "group"), ("num_samples", "gain", "mean", "peak", "l2")

  def __init__(self):
    self._hashes = {name: hashlib.sha256() for name in self._TEXT + self._NUMBERS}

  def add(self, batch: pa.RecordBatch) -> None:
    for name in self._TEXT:
      text = "".join(f"{value!r}\n" for value in batch.column(name).to_pylist())
      self._hashes[name].update(text.encode())
    for name in self._NUMBERS:
      self._hashes[name].update(batch.column(name).to_numpy().tobytes())

  def hexdigest(self, pcm_checksums: str) -> str:
    """Returns the digest; without checksums, as in earlier versions, the one that they gave."""
    digests = [column_hash.digest() for column_hash in self._hashes.values()]
    return hashlib.sha256(b"".join([*digests, pcm_checksums.encode()])).hexdigest()
