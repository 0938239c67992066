"""A store: all clips of a data set as 16-bit PCM on disk, read at any position when needed.

  store.json         written last: sample rate, counts, checksums; without it there is no store
  index.arrow        a row per clip: everything but the PCM, and the position of the PCM
  shard-*.arrow      Arrow IPC files with the PCM and all columns; any Arrow reader opens them
  chunk-*.arrow      rows of the index, from which it is merged; see chunks
  chunk-*.json       checksums of shards, see chunks
  levels-*.json      levels of pieces that the clips were cut into, measured when they were opened
  activity-*.json    how much happens where in the clips, measured by trainings with --active
  skipped.csv        clips that could not be used, with the reason
  missing.csv        clips that the data set lists but does not hold, if there are any

Excerpts are read by position (pread), not through a mapping. Where a store is larger than memory, a
mapping reads ahead at every random access (measured on 2,000,000 clips: 7 ms an excerpt, against
0.02 ms), and a truncated shard would end the process.

Nothing is used unverified. Opening checks the sizes of all files and the checksums of all but the
shards. Blocks of a shard are checked when they are first read.

A wave is `pcm * gain`. The gain is a power of two, as small as the clip allows: 16-bit recordings
stay bit-exact, quiet recordings of more bits keep their precision, and floats beyond full scale are
not clipped.
"""

import copy
import functools
import hashlib
import os
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from contrastive_audio.store import chunks, clip_columns, copies, manifest
from contrastive_audio.store.clip_columns import ClipColumns
from contrastive_audio.store.disk_format import INDEX
from contrastive_audio.store.levels import Levels
from contrastive_audio.store.manifest import DamagedStore, Manifest
from contrastive_audio.store.pieces import Pieces, blocks_of
from contrastive_audio.store.shard_files import ShardFile, allow_open_files
from contrastive_audio.utils.kept_arrays import kept_arrays

_LEVELS = ("mean", "peak", "centred_peak")
_BLOCK_SAMPLES = 1 << 22  # of a long piece, in memory at once
_WORTH_KEEPING = 1 << 27  # samples, some two hours: reading them takes a second


class Store:
  """An opened store, several joined, or a selection of their clips.

  Args:
    folder: of a complete store; `preparation.prepare` writes one.

  Attributes:
    folders: of the store; several, if stores were joined.
    num_skipped: number of clips that could not be used.
    num_missing: number of clips that the data set lists but does not hold.
    is_verified: whether it carries checksums; those of version 0.1 do not.
    sample_rate_hz: rate of all clips.
    num_clips: number of usable clips.
    num_samples: int64 `[num_clips]`, length of each clip.
    recordings: int64 `[num_clips]`, the recording of each clip; pieces of one have the same number.
    mean: float32 `[num_clips]`, mean of each clip.
    centred_peak: float32 `[num_clips]`, largest absolute value of each clip without its mean.
    digest: hex digest of the content; equal digests mean equal clips in equal order.

  Raises:
    NoStore: the folder holds no finished store.
    DamagedStore: one of its files is not what was written.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> store.num_clips, store.sample_rate_hz, store.keys([0])
    (20, 16000, ['bell/000.flac'])
    >>> store.wave(0).shape == (store.num_samples[0],)
    True
  """

  def __init__(self, folder: str):
    content = manifest.read(folder)
    manifest.require_whole(content, folder)
    self.folders = [folder]
    self.num_skipped = content.num_skipped
    self.num_missing = content.num_missing
    self.is_verified = content.is_verified
    self.sample_rate_hz = content.sample_rate_hz
    index = os.path.join(folder, INDEX)
    columns = clip_columns.read_index(
      index,
      content.checksums.get(INDEX),
      functools.partial(copies.read_checksums, folder, len(content.rows)),
    )
    if not content.is_verified:
      clip_columns.require_plausible(columns, index, [size for _, size in content.shards])
    self._set_columns(columns, content.digest)
    self._shards = _open_shards(content, folder)

  def _set_columns(self, columns: ClipColumns, digest: str) -> None:
    self.digest = digest
    self._columns = columns
    self.num_samples = columns.numbers["num_samples"]
    self.num_clips = len(self.num_samples)
    self.recordings = columns.numbers["recording"]
    self.mean = columns.numbers["mean"]
    self.centred_peak = columns.numbers["centred_peak"]
    self._gain = columns.numbers["gain"]
    self._shard = columns.numbers["shard"]
    self._first_byte = columns.numbers["byte_offset"]

  @classmethod
  def join(cls, stores: "Sequence[Store]", of_one_data_set: bool = False) -> "Store":
    """Returns one store with the clips of several, in order; nothing is copied.

    Args:
      stores: of one sample rate, at least one.
      of_one_data_set: whether they are parts of one, so that groups of one name are the same.
    """
    if len(stores) == 1:
      return stores[0]
    joined = copy.copy(stores[0])
    joined.folders = [folder for store in stores for folder in store.folders]
    joined.num_skipped = sum(store.num_skipped for store in stores)
    joined.num_missing = sum(store.num_missing for store in stores)
    joined.is_verified = all(store.is_verified for store in stores)
    joined._shards = [shard for store in stores for shard in store._shards]
    parts, num_shards = zip(*((store._columns, len(store._shards)) for store in stores))
    columns = clip_columns.join(parts, num_shards, of_one_data_set)
    joined._set_columns(columns, _digest_of([store.digest for store in stores]))
    return joined

  def select(self, clip_ids: Sequence[int] | np.ndarray) -> "Store":
    """Returns a store with some of the clips, in the given order; nothing is copied."""
    ids = np.asarray(clip_ids, np.int64)
    selected = copy.copy(self)
    digest = _digest_of([self.digest, hashlib.sha256(ids.tobytes()).hexdigest()])
    selected._set_columns(self._columns.select(ids), digest)
    return selected

  def cut(self, pieces: Pieces) -> "Store":
    """Returns a store with pieces of the clips; nothing is copied.

    The levels of the pieces, which are those of a file that holds the piece alone, are measured
    and, where that takes long, kept in the folder of the store.

    Args:
      pieces: which ones.
    """
    cut = copy.copy(self)
    cut._set_columns(self._columns.cut(pieces), _digest_of([self.digest, pieces.digest()]))
    if cut.num_samples.sum() < _WORTH_KEEPING:
      levels = cut._measure_levels()
    else:
      digest = _digest_of([self.digest, pieces.digest_of_places()])
      levels = kept_arrays(self.folders[0], "levels", digest, cut._measure_levels)
    cut._set_columns(cut._columns.with_numbers(levels), cut.digest)
    return cut

  def sounds(self) -> np.ndarray:
    """Returns int64 `[num_clips]`: `recordings`, but copies have the number of the first one."""
    return copies.number_sounds(self.recordings, self._columns.checksums())

  def keys(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str]:
    """Returns the names of the given clips; of all clips, if None."""
    return self._column("key", clip_ids)

  def labels(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str | None]:
    """Returns the class names of the given clips (all, if None); None for a clip without one."""
    return self._column("label", clip_ids)

  def groups(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str | None]:
    """Returns the groups of the given clips (all, if None); None for a clip without one.

    They are called as in the data set; in a join of several, data sets have no group in common.
    """
    return self._columns.groups(clip_ids)

  def group_names(self) -> list[str | None]:
    """Returns what the data sets call the groups; groups of different ones may share a name."""
    return self._column("group", None)

  @property
  def has_labels(self) -> bool:
    """Whether the clips have at least two different labels."""
    labels: set[str] = set()
    for part in self._columns.parts("label"):  # of millions of clips usually the first few
      labels |= set(part.drop_null().unique().to_pylist())
      if len(labels) >= 2:
        return True
    return False

  @property
  def num_silent(self) -> int:
    """Number of clips that hold nothing but zeros."""
    return int((self._columns.numbers["peak"] == 0).sum())

  @property
  def num_coarse(self) -> int:
    """Number of clips of recordings in which one sample leaves nothing of the others."""
    return int(self._columns.numbers["coarse"].sum())

  @property
  def hours(self) -> float:
    """Total length of all clips."""
    return float(self.num_samples.sum()) / self.sample_rate_hz / 3600

  def pcm(self, clip_id: int) -> np.ndarray:
    """Returns a clip as it is stored, int16 `[n]`."""
    return self._read(clip_id, 0, int(self.num_samples[clip_id]))

  def wave(self, clip_id: int) -> np.ndarray:
    """Returns a clip at its original level, float32 `[n]`."""
    return self.pcm(clip_id) * self._gain[clip_id]

  def copy_excerpt(self, clip_id: int, start: int, out: np.ndarray) -> None:
    """Copies an excerpt of a clip into an array.

    Args:
      clip_id: number of the clip.
      start: first sample of the excerpt.
      out: float32 `[n]`; the excerpt must lie inside the clip.
    """
    np.multiply(self._read(clip_id, start, len(out)), self._gain[clip_id], out=out)

  def read_ahead(self, clip_ids: np.ndarray, starts: np.ndarray, num_samples: int) -> None:
    """Asks the system to load excerpts all at once, and does not wait for them.

    Args:
      clip_ids: int64 `[b]`.
      starts: int64 `[b, E]`, first sample of each excerpt; what lies outside its clip is left out.
      num_samples: of an excerpt.
    """
    lengths = self.num_samples[clip_ids, None]
    first, stop = np.clip(starts, 0, lengths), np.clip(starts + num_samples, 0, lengths)
    first_bytes = self._first_byte[clip_ids, None] + 2 * first
    places = zip(first_bytes.tolist(), (2 * (stop - first)).tolist())
    for number, (positions, counts) in zip(self._shard[clip_ids].tolist(), places):
      for position, count in zip(positions, counts):
        self._shards[number].read_ahead(position, count)

  def verify(self, advance: Callable[[], object] = lambda: None) -> list[DamagedStore]:
    """Reads all shards, whether they were read before or not.

    Args:
      advance: called after each shard.

    Returns:
      An error for each shard that is not what was written.
    """
    damaged = []
    for shard in self._shards:
      try:
        shard.verify()
      except DamagedStore as error:
        damaged.append(error)
      advance()
    return damaged

  @property
  def num_shards(self) -> int:
    """Number of files with PCM."""
    return len(self._shards)

  def _measure_levels(self) -> dict[str, np.ndarray]:
    """Returns mean, peak and centred peak of each clip, float32, from its PCM."""
    measured = {name: np.empty(self.num_clips, np.float32) for name in _LEVELS}
    for clip_id in range(self.num_clips):
      levels = Levels()
      for first, count in blocks_of(int(self.num_samples[clip_id]), _BLOCK_SAMPLES):
        levels.add(self._read(clip_id, first, count))
      found = levels.of_gain(float(self._gain[clip_id]))
      for name, column in measured.items():
        column[clip_id] = found[name]
    return measured

  def _read(self, clip_id: int, start: int, num_samples: int) -> np.ndarray:
    pcm = np.empty(num_samples, np.int16)
    first_byte = int(self._first_byte[clip_id]) + 2 * int(start)
    self._shards[self._shard[clip_id]].read(first_byte, pcm)
    return pcm

  def _column(self, name: str, clip_ids: Sequence[int] | np.ndarray | None) -> list:
    column = self._columns.text(name)
    return (column if clip_ids is None else column.take(pa.array(clip_ids))).to_pylist()


def _open_shards(content: Manifest, folder: str) -> list[ShardFile]:
  allow_open_files(len(content.shards))
  shards = []
  for name, num_bytes in content.shards:
    read_checksums = functools.partial(chunks.checksums_of, folder, name)
    path = os.path.join(folder, name)
    shards.append(ShardFile(path, num_bytes, read_checksums if content.is_verified else None))
  return shards


def _digest_of(digests: Sequence[str]) -> str:
  return hashlib.sha256("".join(digests).encode()).hexdigest()
