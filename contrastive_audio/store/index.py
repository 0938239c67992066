"""Finished chunks -> the index and the manifest that complete a store."""

import hashlib
import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.datasets import ClipSource
from contrastive_audio.store import chunks, left_out
from contrastive_audio.store.disk_format import (
  INDEX,
  INDEX_SCHEMA,
  MANIFEST,
  SHARD_SCHEMA,
  VERSION,
)
from contrastive_audio.utils.files import UNFINISHED, replacing, write_json


def merge(source: ClipSource, folder: str, sample_rate_hz: int, fingerprint: str) -> None:
  """Merges finished chunks: writes the index, the list of missing clips and, last, the manifest.

  Args:
    source: the data set.
    folder: of the store; all chunks are finished.
    sample_rate_hz: of the chunks.
    fingerprint: of the source.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> source = open_synthetic(clips_per_class=1)
    >>> _ = chunks.write(source, ".", number=0, sample_rate_hz=16_000, num_threads=1)
    >>> merge(source, ".", sample_rate_hz=16_000, fingerprint=source.fingerprint())
    >>> sorted(os.listdir("."))
    ['chunk-00000.json', 'index.arrow', 'shard-00000-00.arrow', 'store.json']
  """
  _remove_unfinished(folder)
  finished = chunks.read_all_finished(folder)
  shards = [shard for chunk in finished for shard in chunk.shards]
  left_out.write_missing(folder, source.missing)
  digest = _write_index(folder, [name for name, _ in shards])
  manifest = {
    "version": VERSION,
    "name": source.name,
    "summary": source.summary,
    "fingerprint": fingerprint,
    "digest": digest,
    "sample_rate_hz": sample_rate_hz,
    "num_skipped": sum(len(chunk.skipped) for chunk in finished),
    "num_missing": len(source.missing),
    "several_labels": source.several_labels,
    "classes": list(source.classes),
    "shards": shards,
  }
  write_json(os.path.join(folder, MANIFEST), manifest)


def _remove_unfinished(folder: str) -> None:
  """Deletes what killed processes left behind; all chunks are finished, so nobody is writing."""
  for name in os.listdir(folder):
    if UNFINISHED in name:
      os.remove(os.path.join(folder, name))


def _write_index(folder: str, shard_names: Sequence[str]) -> str:
  """Writes the index of all shards; returns the digest of the store."""
  digest = _Digest()
  with (
    replacing(os.path.join(folder, INDEX)) as unfinished,
    pa.ipc.new_file(unfinished, INDEX_SCHEMA) as writer,
  ):
    for number, name in enumerate(shard_names):
      for batch in _index_batches(os.path.join(folder, name), number):
        writer.write_batch(batch)
        digest.add(batch)
  return digest.hexdigest()


def _index_batches(path: str, shard: int) -> Iterator[pa.RecordBatch]:
  """Yields the rows of a shard with the position of their PCM in place of the PCM."""
  with pa.memory_map(path) as file:
    start_of_file = file.read_buffer(file.size()).address
    file.seek(0)
    reader = pa.ipc.open_file(file)
    for number in range(reader.num_record_batches):
      batch = reader.get_batch(number)
      pcm = batch.column("pcm")
      first_byte = pcm.values.buffers()[1].address - start_of_file
      columns = [batch.column(field.name) for field in list(SHARD_SCHEMA)[1:]]
      columns += [
        pc.list_value_length(pcm),
        pa.array(np.full(len(batch), shard, np.int32)),
        pa.array(first_byte + 2 * pcm.offsets.to_numpy()[:-1]),
      ]
      yield pa.record_batch(columns, schema=INDEX_SCHEMA)


class _Digest:
  """Hashes what makes two stores differ: names, lengths, levels, but not their layout on disk."""

  _TEXT, _NUMBERS = ("key", "label", "group"), ("num_samples", "gain", "mean", "peak", "l2")

  def __init__(self):
    self._hashes = {name: hashlib.sha256() for name in self._TEXT + self._NUMBERS}

  def add(self, batch: pa.RecordBatch) -> None:
    for name in self._TEXT:
      text = "".join(f"{value!r}\n" for value in batch.column(name).to_pylist())
      self._hashes[name].update(text.encode())
    for name in self._NUMBERS:
      self._hashes[name].update(batch.column(name).to_numpy().tobytes())

  def hexdigest(self) -> str:
    digests = (column_hash.digest() for column_hash in self._hashes.values())
    return hashlib.sha256(b"".join(digests)).hexdigest()
