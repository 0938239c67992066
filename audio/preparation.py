"""Clips -> a store, decoded once, by all cores.

Clips are taken in chunks of a fixed number. A finished chunk is a JSON file beside its shards, so a
call that was killed goes on at the next chunk; the manifest `store.json` makes the store whole.
"""

import collections
import concurrent.futures
import contextlib
import csv
import hashlib
import json
import os
import re

import filelock
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audio import places, progress_bar, quiet
from audio.errors import UnusableAudio, UserError, disk_reason
from audio.store import (
  INDEX,
  INDEX_SCHEMA,
  MANIFEST,
  SHARD_SCHEMA,
  SKIPPED,
  VERSION,
  Store,
  are_whole,
  quantise,
  read_manifest,
)

CHUNK_CLIPS = 2048  # 655 MB of 10 s clips at 16 kHz; 2,000,000 clips make 977 chunks
SHARD_BYTES = 1 << 30  # a chunk of long clips is written as several shards
BATCH_BYTES = 1 << 25  # PCM held in memory before it is written


def prepare(source, sample_rate_hz, store_dir=None, max_bad_fraction=0.05, workers=None):
  """Makes the store of a data set, or opens it if it is there and the source has not changed.

  Safe to be killed (the next call goes on) and to be called by several processes at once (one
  works, the others wait).

  Args:
    source: a ClipSource.
    sample_rate_hz: rate at which the clips are stored.
    store_dir: folder of all stores; None: the user's cache.
    max_bad_fraction: largest share of clips that may be unusable.
    workers: threads that decode; None: one per core.

  Returns:
    A Store.

  Raises:
    UserError: too many bad clips, no usable clip, no space, no permission.
  """
  store_dir = store_dir or os.path.join(places.cache(), "stores")
  places.make_folder(store_dir)
  fingerprint = source.fingerprint()
  folder = os.path.join(store_dir, _folder_name(source.name, sample_rate_hz, fingerprint))
  with _only_one(folder), _clear_disk_errors(folder):
    if read_manifest(folder) is None:
      places.make_folder(folder)
      _decode_chunks(source, folder, sample_rate_hz, max_bad_fraction, workers or os.cpu_count())
      _finish(source, folder, sample_rate_hz, fingerprint)
  store = Store(folder)
  _require_few_bad(store.num_skipped, source.num_clips, max_bad_fraction, folder)
  if not store.num_clips:
    raise UserError(f"no usable clip in {source.summary}: see {os.path.join(folder, SKIPPED)}")
  return store


def _folder_name(name, sample_rate_hz, fingerprint):
  readable = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[-40:]
  return f"{readable}-{sample_rate_hz}hz-v{VERSION}-{fingerprint[:16]}"


@contextlib.contextmanager
def _only_one(folder):
  lock = filelock.FileLock(folder + ".lock")
  try:
    lock.acquire(timeout=0)
  except filelock.Timeout:
    print(f"waiting: another process is preparing {folder}", flush=True)
    lock.acquire()
  try:
    yield
  finally:
    lock.release()


@contextlib.contextmanager
def _clear_disk_errors(folder):
  try:
    yield
  except OSError as error:
    reason = disk_reason(error)
    if reason is None:
      raise
    raise UserError(
      f"cannot write the store {folder!r}: {reason}. Finished parts are kept: free some space and "
      "run the same command again, or choose another place with --store_dir"
    ) from error


def _decode_chunks(source, folder, sample_rate_hz, max_bad_fraction, workers):
  """Writes every chunk that is not there yet; stops as soon as there are too many bad clips."""
  starts = range(0, source.num_clips, CHUNK_CLIPS)
  num_bad = 0
  with (
    quiet.native_stderr(os.path.join(folder, "decoder_messages.log")) as terminal,
    concurrent.futures.ThreadPoolExecutor(workers) as pool,
    progress_bar.make(source.num_clips, "decoding", "clip", terminal) as progress,
    contextlib.ExitStack() as at_the_end,
  ):
    at_the_end.callback(_write_skipped, folder)
    for number, start in enumerate(starts):
      stop = min(start + CHUNK_CLIPS, source.num_clips)
      chunk = _read_json(_chunk_path(folder, number))
      if chunk is None or not are_whole(folder, chunk):
        waves = _in_order(pool, source.clips(start, stop), sample_rate_hz, window=4 * workers)
        chunk = _write_chunk(folder, number, waves, progress)
      else:
        progress.update(stop - start)
      num_bad += len(chunk["skipped"])
      _require_few_bad(num_bad, source.num_clips, max_bad_fraction, folder)


def _in_order(pool, clips, sample_rate_hz, window):
  """Yields (clip, wave or UnusableAudio) in order, at most `window` clips ahead of the reader."""
  pending = collections.deque()
  for clip in clips:
    pending.append((clip, pool.submit(_load, clip, sample_rate_hz)))
    if len(pending) >= window:
      done, future = pending.popleft()
      yield done, future.result()
  for done, future in pending:
    yield done, future.result()


def _load(clip, sample_rate_hz):
  try:
    return clip.load(sample_rate_hz)
  except UnusableAudio as reason:
    return reason
  except MemoryError:
    return UnusableAudio("too long to be decoded in the memory of this machine")


def _write_chunk(folder, number, waves, progress):
  """Writes the shards of one chunk and then its JSON file; returns that file's content."""
  writer, skipped = _ChunkWriter(folder, number), []
  with contextlib.closing(writer):
    for clip, wave in waves:
      if isinstance(wave, UnusableAudio):
        skipped.append([clip.key, str(wave)])
      else:
        writer.add(clip, wave)
      progress.update()
  chunk = {"shards": [[name, _size(folder, name)] for name in writer.shards], "skipped": skipped}
  _write_json(_chunk_path(folder, number), chunk)
  return chunk


class _ChunkWriter:
  """Gathers rows into record batches, record batches into shards of bounded size."""

  def __init__(self, folder, number):
    self.shards = []
    self._folder = folder
    self._number = number
    self._rows = []
    self._batch_bytes = self._shard_bytes = 0
    self._writer = None

  def add(self, clip, wave):
    pcm, gain = quantise(wave)
    row = {"pcm": pcm, "key": clip.key, "label": clip.label, "group": clip.group, "gain": gain}
    stored = pcm * np.float64(gain)  # the numbers describe what is read from the store
    mean = stored.mean()
    row |= {
      "mean": mean,
      "peak": np.abs(stored).max(),
      "centred_peak": np.abs(stored - mean).max(),
      "l2": np.sqrt(stored @ stored),
    }
    self._rows.append(row)
    self._batch_bytes += pcm.nbytes
    if self._batch_bytes >= BATCH_BYTES:
      self._flush()

  def close(self):
    self._flush()
    self._close_shard()

  def _flush(self):
    if not self._rows:
      return
    if self._writer is None:
      self.shards.append(f"shard-{self._number:05d}-{len(self.shards):02d}.arrow")
      self._writer = pa.ipc.new_file(os.path.join(self._folder, self.shards[-1]), SHARD_SCHEMA)
    self._writer.write_batch(_record_batch(self._rows))
    self._shard_bytes += self._batch_bytes
    self._rows, self._batch_bytes = [], 0
    if self._shard_bytes >= SHARD_BYTES:
      self._close_shard()

  def _close_shard(self):
    if self._writer is not None:
      self._writer.close()
    self._writer, self._shard_bytes = None, 0


def _record_batch(rows):
  ends = np.cumsum([0] + [len(row["pcm"]) for row in rows])
  values = pa.array(np.concatenate([row["pcm"] for row in rows]))
  columns = [pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), values)]
  columns += [pa.array([row[f.name] for row in rows], f.type) for f in list(SHARD_SCHEMA)[1:]]
  return pa.record_batch(columns, schema=SHARD_SCHEMA)


def _finish(source, folder, sample_rate_hz, fingerprint):
  """Joins the chunks: the index, the list of skipped clips, and last the manifest."""
  chunks = _finished_chunks(folder)
  shards = [shard for chunk in chunks for shard in chunk["shards"]]
  index_path = os.path.join(folder, INDEX)
  digest = _Digest()
  with pa.ipc.new_file(index_path + ".part", INDEX_SCHEMA) as writer:
    for number, (name, _) in enumerate(shards):
      for batch in _index_batches(os.path.join(folder, name), number):
        writer.write_batch(batch)
        digest.add(batch)
  os.replace(index_path + ".part", index_path)
  manifest = {
    "version": VERSION,
    "name": source.name,
    "summary": source.summary,
    "fingerprint": fingerprint,
    "digest": digest.hexdigest(),
    "sample_rate_hz": sample_rate_hz,
    "num_skipped": sum(len(chunk["skipped"]) for chunk in chunks),
    "shards": shards,
  }
  _write_json(os.path.join(folder, MANIFEST), manifest)


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


def _require_few_bad(num_bad, num_clips, max_bad_fraction, folder):
  if num_bad > max_bad_fraction * num_clips:
    raise UserError(
      f"{num_bad} of {num_clips} clips could not be used, more than --max_bad_fraction="
      f"{max_bad_fraction:g} allows; the reasons are in {os.path.join(folder, SKIPPED)}"
    )


def _write_skipped(folder):
  rows = (row for chunk in _finished_chunks(folder) for row in chunk["skipped"])
  _write_table(os.path.join(folder, SKIPPED), rows)


def _write_table(path, rows):
  with open(path + ".part", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["file", "reason"])
    writer.writerows(rows)
  os.replace(path + ".part", path)


def copy_skipped(store, folder):
  """Copies the list of skipped clips, or several as one, into a run folder."""
  rows = [row for source in store.folders for row in skipped_clips(source)]
  _write_table(os.path.join(folder, SKIPPED), rows)


def skipped_clips(store_folder):
  """Returns [file, reason] of each clip that could not be used."""
  with open(os.path.join(store_folder, SKIPPED), newline="", encoding="utf-8") as file:
    return list(csv.reader(file))[1:]


def _chunk_path(folder, number):
  return os.path.join(folder, f"chunk-{number:05d}.json")


def _finished_chunks(folder):
  names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"chunk-\d+\.json", name))
  return [_read_json(os.path.join(folder, name)) for name in names]


def _size(folder, name):
  return os.path.getsize(os.path.join(folder, name))


def _read_json(path):
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    return json.load(file)


def _write_json(path, value):
  with open(path + ".part", "w", encoding="utf-8") as file:
    json.dump(value, file, indent=1)
    file.flush()
    os.fsync(file.fileno())
  os.replace(path + ".part", path)
