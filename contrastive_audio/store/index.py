"""The chunks of a store -> its index and its manifest, which make it whole."""

import hashlib
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.store import chunks, left_out
from contrastive_audio.store.store import INDEX, INDEX_SCHEMA, MANIFEST, SHARD_SCHEMA, VERSION
from contrastive_audio.utils.files import UNFINISHED, replacing, write_json


def merge(source, folder, sample_rate_hz, fingerprint):
  """Joins finished chunks: the index, the list of missing clips, and last the manifest.

  Args:
    source: the ClipSource.
    folder: of the store, with all its chunks.
    sample_rate_hz: of the chunks.
    fingerprint: of the source.
  """
  _remove_unfinished(folder)
  parts = chunks.all_finished(folder)
  shards = [shard for chunk in parts for shard in chunk["shards"]]
  left_out.write_missing(folder, source.missing)
  index_path = os.path.join(folder, INDEX)
  digest = _Digest()
  with (
    replacing(index_path) as unfinished,
    pa.ipc.new_file(unfinished, INDEX_SCHEMA) as writer,
  ):
    for number, (name, _) in enumerate(shards):
      for batch in _index_batches(os.path.join(folder, name), number):
        writer.write_batch(batch)
        digest.add(batch)
  manifest = {
    "version": VERSION,
    "name": source.name,
    "summary": source.summary,
    "fingerprint": fingerprint,
    "digest": digest.hexdigest(),
    "sample_rate_hz": sample_rate_hz,
    "num_skipped": sum(len(chunk["skipped"]) for chunk in parts),
    "num_missing": len(source.missing),
    "several_labels": source.several_labels,
    "classes": list(source.classes),
    "shards": shards,
  }
  write_json(os.path.join(folder, MANIFEST), manifest)


def _remove_unfinished(folder):
  """Deletes what killed processes left: all chunks are there, so nobody is writing any more."""
  for name in os.listdir(folder):
    if UNFINISHED in name:
      os.remove(os.path.join(folder, name))


def _index_batches(path, shard):
  """Yields the rows of a shard without their PCM, but with the place of it in the file."""
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
  """Hashes what makes two stores differ: names, lengths, levels; not how they lie on disk."""

  _TEXT, _NUMBERS = ("key", "label", "group"), ("num_samples", "gain", "mean", "peak", "l2")

  def __init__(self):
    self._of_column = {name: hashlib.sha256() for name in self._TEXT + self._NUMBERS}

  def add(self, batch):
    for name in self._TEXT:
      text = "".join(f"{value!r}\n" for value in batch.column(name).to_pylist())
      self._of_column[name].update(text.encode())
    for name in self._NUMBERS:
      self._of_column[name].update(batch.column(name).to_numpy().tobytes())

  def hexdigest(self):
    return hashlib.sha256(b"".join(d.digest() for d in self._of_column.values())).hexdigest()
