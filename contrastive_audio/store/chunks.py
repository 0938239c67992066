"""One chunk of a data set: a fixed number of clips, decoded and written by one process.

A finished chunk is a JSON file beside its shards. What a chunk holds depends on the data set alone.
Any number of processes and machines can therefore share the work without talking to each other.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import tqdm

from contrastive_audio.datasets import Clip, ClipSource
from contrastive_audio.errors import UnusableAudio
from contrastive_audio.store.disk_format import SHARD_SCHEMA, are_complete, quantise
from contrastive_audio.utils.files import read_json, replacing, write_json

CHUNK_CLIPS = 2048  # 655 MB of 10 s clips at 16 kHz; 2,000,000 clips make 977 chunks
SHARD_BYTES = 1 << 30  # a chunk of long clips is written as several shards
BATCH_BYTES = 1 << 25  # PCM held in memory before it is written


@dataclasses.dataclass(frozen=True)
class Chunk:
  """What a finished chunk holds; its file is this object as JSON.

  Attributes:
    shards: (file name, size in bytes) of each shard.
    skipped: (key, reason) of each clip that could not be used.

  Example:
    >>> Chunk(shards=[("shard-00000-00.arrow", 4096)], skipped=[("a.wav", "no samples")]).skipped
    [('a.wav', 'no samples')]
  """

  shards: list[tuple[str, int]]
  skipped: list[tuple[str, str]]


def count(num_clips: int) -> int:
  """Returns the number of chunks of a data set.

  Args:
    num_clips: of the data set.

  Example:
    >>> count(CHUNK_CLIPS), count(CHUNK_CLIPS + 1)
    (1, 2)
  """
  return -(-num_clips // CHUNK_CLIPS)


def clip_range(number: int, num_clips: int) -> tuple[int, int]:
  """Returns (start, stop) of the clips of a chunk.

  Args:
    number: of the chunk.
    num_clips: of the data set.

  Example:
    >>> clip_range(1, num_clips=3000)
    (2048, 3000)
  """
  return number * CHUNK_CLIPS, min((number + 1) * CHUNK_CLIPS, num_clips)


def read_finished(folder: str, number: int) -> Chunk | None:
  """Returns a finished chunk; None if it is not finished, or one of its shards is damaged.

  Args:
    folder: of the store.
    number: of the chunk.

  Example:
    >>> read_finished(".", 0) is None
    True
  """
  path = _path(folder, number)
  if not os.path.exists(path):
    return None
  chunk = _read(path)
  return chunk if are_complete(folder, chunk.shards) else None


def read_all_finished(folder: str) -> list[Chunk]:
  """Returns all finished chunks of a store, in order.

  Args:
    folder: of the store.

  Example:
    >>> write_json("chunk-00000.json", {"shards": [], "skipped": [["a.wav", "no samples"]]})
    >>> read_all_finished(".")
    [Chunk(shards=[], skipped=[('a.wav', 'no samples')])]
  """
  names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"chunk-\d+\.json", name))
  return [_read(os.path.join(folder, name)) for name in names]


def write(
  source: ClipSource,
  folder: str,
  number: int,
  sample_rate_hz: int,
  num_threads: int,
  progress: tqdm.tqdm | None = None,
) -> Chunk:
  """Decodes and writes a chunk.

  Args:
    source: the data set.
    folder: of the store.
    number: of the chunk.
    sample_rate_hz: rate at which the clips are stored.
    num_threads: number of decoding threads.
    progress: a bar to advance by one for each clip.

  Returns:
    What the chunk holds.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> source = open_synthetic(clips_per_class=1)
    >>> chunk = write(source, folder=".", number=0, sample_rate_hz=16_000, num_threads=2)
    >>> [name for name, _ in chunk.shards], chunk.skipped
    (['shard-00000-00.arrow'], [])
  """
  clips = source.clips(*clip_range(number, source.num_clips))
  writer, skipped = _ShardWriter(folder, number), []
  with contextlib.closing(writer):
    for clip, wave in _decode(clips, sample_rate_hz, num_threads):
      if isinstance(wave, UnusableAudio):
        skipped.append((clip.key, str(wave)))
      else:
        writer.add(clip, wave)
      if progress is not None:
        progress.update()
  shards = [(name, os.path.getsize(os.path.join(folder, name))) for name in writer.names]
  chunk = Chunk(shards, skipped)
  write_json(_path(folder, number), dataclasses.asdict(chunk))
  return chunk


def _decode(
  clips: Iterable[Clip], sample_rate_hz: int, num_threads: int
) -> Iterator[tuple[Clip, np.ndarray | UnusableAudio]]:
  """Yields (clip, its wave or why there is none) in order, decoded a few clips ahead."""
  pending: collections.deque[tuple[Clip, concurrent.futures.Future]] = collections.deque()
  with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
    for clip in clips:
      pending.append((clip, pool.submit(_load, clip, sample_rate_hz)))
      if len(pending) >= 4 * num_threads:
        oldest, future = pending.popleft()
        yield oldest, future.result()
    for oldest, future in pending:
      yield oldest, future.result()


def _load(clip: Clip, sample_rate_hz: int) -> np.ndarray | UnusableAudio:
  try:
    return clip.load(sample_rate_hz)
  except UnusableAudio as reason:
    return reason
  except MemoryError:
    return UnusableAudio("too long to be decoded in the memory of this machine")


class _ShardWriter:
  """Collects rows into record batches, and record batches into shards of bounded size."""

  def __init__(self, folder: str, number: int):
    self.names: list[str] = []
    self._folder = folder
    self._number = number
    self._rows: list[dict[str, Any]] = []
    self._batch_bytes = self._shard_bytes = 0
    self._writer: pa.ipc.RecordBatchFileWriter | None = None
    self._open_files = contextlib.ExitStack()

  def add(self, clip: Clip, wave: np.ndarray) -> None:
    pcm, gain = quantise(wave)
    row = {"pcm": pcm, "key": clip.key, "label": clip.label, "group": clip.group, "gain": gain}
    stored = pcm * np.float64(gain)  # the statistics describe what is read from the store
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

  def close(self) -> None:
    self._flush()
    self._close_shard()

  def _flush(self) -> None:
    if not self._rows:
      return
    if self._writer is None:
      self._writer = self._open_shard(f"shard-{self._number:05d}-{len(self.names):02d}.arrow")
    self._writer.write_batch(_record_batch(self._rows))
    self._shard_bytes += self._batch_bytes
    self._rows, self._batch_bytes = [], 0
    if self._shard_bytes >= SHARD_BYTES:
      self._close_shard()

  def _open_shard(self, name: str) -> pa.ipc.RecordBatchFileWriter:
    self.names.append(name)
    unfinished = self._open_files.enter_context(replacing(os.path.join(self._folder, name)))
    return self._open_files.enter_context(pa.ipc.new_file(unfinished, SHARD_SCHEMA))

  def _close_shard(self) -> None:
    self._open_files.close()
    self._writer, self._shard_bytes = None, 0


def _record_batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
  ends = np.cumsum([0] + [len(row["pcm"]) for row in rows])
  samples = pa.array(np.concatenate([row["pcm"] for row in rows]))
  columns = [pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), samples)]
  columns += [pa.array([row[f.name] for row in rows], f.type) for f in list(SHARD_SCHEMA)[1:]]
  return pa.record_batch(columns, schema=SHARD_SCHEMA)


def _read(path: str) -> Chunk:
  content = read_json(path)
  shards = [(name, num_bytes) for name, num_bytes in content["shards"]]
  return Chunk(shards, [(key, reason) for key, reason in content["skipped"]])


def _path(folder: str, number: int) -> str:
  return os.path.join(folder, f"chunk-{number:05d}.json")
