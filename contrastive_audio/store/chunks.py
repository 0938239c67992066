"""One chunk of a data set: a fixed number of clips, decoded and written by whoever comes first.

A finished chunk is a JSON file beside its shards. What a chunk holds depends on the data set alone,
so that any number of processes and machines may share the work without talking to each other.
"""

import collections
import concurrent.futures
import contextlib
import os
import re

import numpy as np
import pyarrow as pa

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.store.store import SHARD_SCHEMA, are_whole, quantise
from contrastive_audio.utils.files import read_json, replacing, write_json

CHUNK_CLIPS = 2048  # 655 MB of 10 s clips at 16 kHz; 2,000,000 clips make 977 chunks
SHARD_BYTES = 1 << 30  # a chunk of long clips is written as several shards
BATCH_BYTES = 1 << 25  # PCM held in memory before it is written


def count(num_clips):
  """Returns how many chunks a data set of this size makes."""
  return -(-num_clips // CHUNK_CLIPS)


def clips_of(number, num_clips):
  """Returns (start, stop) of a chunk's clips."""
  return number * CHUNK_CLIPS, min((number + 1) * CHUNK_CLIPS, num_clips)


def finished(folder, number):
  """Returns the content of a chunk's file; None if it is not finished, or a shard is lost."""
  chunk = read_json(_path(folder, number))
  return chunk if chunk is not None and are_whole(folder, chunk) else None


def all_finished(folder):
  """Returns the content of the files of all chunks that are there, in order."""
  names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"chunk-\d+\.json", name))
  return [read_json(os.path.join(folder, name)) for name in names]


def write(source, folder, number, sample_rate_hz, num_threads, progress=None):
  """Decodes and writes a chunk.

  Args:
    source: a ClipSource.
    folder: of the store.
    number: of the chunk.
    sample_rate_hz: rate at which the clips are stored.
    num_threads: how many decode at once.
    progress: a tqdm bar, or None.

  Returns:
    The content of its file: `shards`, (name, bytes) each, and `skipped`, (key, reason) each.
  """
  clips = source.clips(*clips_of(number, source.num_clips))
  writer, skipped = _ChunkWriter(folder, number), []
  with contextlib.closing(writer):
    for clip, wave in _decoded(clips, sample_rate_hz, num_threads):
      if isinstance(wave, UnusableAudio):
        skipped.append([clip.key, str(wave)])
      else:
        writer.add(clip, wave)
      if progress is not None:
        progress.update()
  sizes = [os.path.getsize(os.path.join(folder, name)) for name in writer.shards]
  chunk = {"shards": list(map(list, zip(writer.shards, sizes))), "skipped": skipped}
  write_json(_path(folder, number), chunk)
  return chunk


def _decoded(clips, sample_rate_hz, num_threads):
  """Yields (clip, wave or UnusableAudio) in order, decoded some clips ahead of the reader."""
  pending = collections.deque()
  with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
    for clip in clips:
      pending.append((clip, pool.submit(_load, clip, sample_rate_hz)))
      if len(pending) >= 4 * num_threads:
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


class _ChunkWriter:
  """Gathers rows into record batches, record batches into shards of bounded size."""

  def __init__(self, folder, number):
    self.shards = []
    self._folder = folder
    self._number = number
    self._rows = []
    self._batch_bytes = self._shard_bytes = 0
    self._writer, self._opened = None, contextlib.ExitStack()

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
      self._open_shard(f"shard-{self._number:05d}-{len(self.shards):02d}.arrow")
    self._writer.write_batch(_record_batch(self._rows))
    self._shard_bytes += self._batch_bytes
    self._rows, self._batch_bytes = [], 0
    if self._shard_bytes >= SHARD_BYTES:
      self._close_shard()

  def _open_shard(self, name):
    self.shards.append(name)
    unfinished = self._opened.enter_context(replacing(os.path.join(self._folder, name)))
    self._writer = self._opened.enter_context(pa.ipc.new_file(unfinished, SHARD_SCHEMA))

  def _close_shard(self):
    self._opened.close()
    self._writer, self._shard_bytes = None, 0


def _record_batch(rows):
  ends = np.cumsum([0] + [len(row["pcm"]) for row in rows])
  values = pa.array(np.concatenate([row["pcm"] for row in rows]))
  columns = [pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), values)]
  columns += [pa.array([row[f.name] for row in rows], f.type) for f in list(SHARD_SCHEMA)[1:]]
  return pa.record_batch(columns, schema=SHARD_SCHEMA)


def _path(folder, number):
  return os.path.join(folder, f"chunk-{number:05d}.json")
