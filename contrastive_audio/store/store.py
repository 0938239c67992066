"""A store: all clips of a data set as 16-bit PCM on disk, read at any position when needed.

  store.json         written last: sample rate, counts, digests; without it there is no store
  index.arrow        a row per clip: everything but the PCM, and the position of the PCM
  shard-*.arrow      Arrow IPC files with the PCM and all columns; any Arrow reader opens them
  skipped.csv        clips that could not be used, with the reason
  missing.csv        clips that the data set lists but does not hold, if there are any

The index is memory-mapped. Excerpts are read by position (pread), not through a mapping. Where a
store is larger than memory, a mapping reads ahead at every random access (measured on 2,000,000
clips: 7 ms an excerpt, against 0.02 ms), and a truncated shard would end the process.

A wave is `pcm * gain`. The gain is a power of two, as small as the clip allows: 16-bit recordings
stay bit-exact, quiet recordings of more bits keep their precision, and floats beyond full scale are
not clipped.
"""

import copy
import hashlib
import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from contrastive_audio.errors import UserError
from contrastive_audio.store.disk_format import INDEX, INDEX_SCHEMA, VERSION, read_manifest
from contrastive_audio.store.shard_files import ShardFiles


class Store:
  """An opened store, several joined, or a selection of their clips.

  Args:
    folder: of a complete store; `preparation.prepare` writes one.

  Attributes:
    folders: of the store; several, if stores were joined.
    num_skipped: number of clips that could not be used.
    num_missing: number of clips that the data set lists but does not hold.
    several_labels: whether a clip may have several labels, joined by datasets.LABEL_SEPARATOR.
    sample_rate_hz: rate of all clips.
    num_clips: number of usable clips.
    num_samples: int64 `[num_clips]`, length of each clip.
    mean: float32 `[num_clips]`, mean of each clip.
    centred_peak: float32 `[num_clips]`, largest absolute value of each clip without its mean.
    digest: hex digest of the content; equal digests mean equal clips in equal order.

  Raises:
    UserError: the folder holds no complete store of this version.

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
    manifest = read_manifest(folder)
    if manifest is None:
      raise UserError(f"{folder!r} holds no finished store (version {VERSION})")
    self.folders = [folder]
    self.num_skipped: int = manifest["num_skipped"]
    self.num_missing: int = manifest.get("num_missing", 0)
    self.several_labels: bool = manifest.get("several_labels", False)
    self.sample_rate_hz: int = manifest["sample_rate_hz"]
    self._shard_paths = [os.path.join(folder, name) for name, _ in manifest["shards"]]
    self._set_index(_Index(path=os.path.join(folder, INDEX)), manifest["digest"])
    self._shards = ShardFiles(self._shard_paths)

  def _set_index(self, index: "_Index", digest: str) -> None:
    self.digest = digest
    self._index = index
    self.num_samples = index.numbers("num_samples")
    self.num_clips = len(self.num_samples)
    self.mean = index.numbers("mean")
    self.centred_peak = index.numbers("centred_peak")
    self._gain = index.numbers("gain")
    self._shard = index.numbers("shard")
    self._first_byte = index.numbers("byte_offset")

  @classmethod
  def join(cls, stores: "Sequence[Store]") -> "Store":
    """Returns one store with the clips of several, in order; nothing is copied.

    Args:
      stores: of one sample rate, at least one.
    """
    if len(stores) == 1:
      return stores[0]
    joined = copy.copy(stores[0])
    joined.folders = [folder for store in stores for folder in store.folders]
    joined.num_skipped = sum(store.num_skipped for store in stores)
    joined.num_missing = sum(store.num_missing for store in stores)
    joined.several_labels = any(store.several_labels for store in stores)
    joined._shard_paths = [path for store in stores for path in store._shard_paths]
    joined._set_index(_join_indices(stores), _digest_of([store.digest for store in stores]))
    joined._shards = ShardFiles(joined._shard_paths)
    return joined

  def select(self, clip_ids: Sequence[int] | np.ndarray) -> "Store":
    """Returns a store with some of the clips, in the given order; nothing is copied."""
    ids = np.asarray(clip_ids, np.int64)
    selected = copy.copy(self)
    digest = _digest_of([self.digest, hashlib.sha256(ids.tobytes()).hexdigest()])
    selected._set_index(_Index(table=self._index.table().take(pa.array(ids))), digest)
    return selected

  def keys(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str]:
    """Returns the names of the given clips; of all clips, if None."""
    return self._column("key", clip_ids)

  def labels(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str | None]:
    """Returns the class names of the given clips (all, if None); None for a clip without one."""
    return self._column("label", clip_ids)

  def groups(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str | None]:
    """Returns the groups of the given clips (all, if None); None for a clip without one."""
    return self._column("group", clip_ids)

  @property
  def has_labels(self) -> bool:
    """Whether the clips have at least two different labels."""
    labels: set[str] = set()
    for batch in self._index.batches():  # of millions of clips usually the first few
      labels |= set(batch["label"].drop_null().unique().to_pylist())
      if len(labels) >= 2:
        return True
    return False

  @property
  def num_silent(self) -> int:
    """Number of clips that hold nothing but zeros."""
    return int((self._index.numbers("peak") == 0).sum())

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

  def _read(self, clip_id: int, start: int, num_samples: int) -> np.ndarray:
    pcm = np.empty(num_samples, np.int16)
    first_byte = int(self._first_byte[clip_id]) + 2 * int(start)
    self._shards.read(int(self._shard[clip_id]), first_byte, pcm)
    return pcm

  def _column(self, name: str, clip_ids: Sequence[int] | np.ndarray | None) -> list:
    column = self._index.table()[name]
    return (column if clip_ids is None else column.take(pa.array(clip_ids))).to_pylist()


class _Index:
  """The rows of all clips: numbers are read into memory, text is mapped when first needed.

  Args:
    path: of the index file; or
    table: a pyarrow table with its rows.
  """

  def __init__(self, path: str | None = None, table: pa.Table | None = None):
    self._path, self._table = path, table

  def table(self) -> pa.Table:
    """Returns all columns."""
    if self._table is None:
      with pa.memory_map(self._path) as file:
        self._table = pa.ipc.open_file(file).read_all()
    return self._table

  def batches(self) -> Iterator[pa.RecordBatch]:
    """Yields all rows in batches; a file is not mapped, because mapped pages count as memory."""
    if self._path is None:
      yield from self.table().to_batches()
      return
    with pa.OSFile(self._path) as file:
      reader = pa.ipc.open_file(file)
      yield from map(reader.get_batch, range(reader.num_record_batches))

  def numbers(self, name: str) -> np.ndarray:
    """Returns a column of numbers."""
    dtype = INDEX_SCHEMA.field(name).type.to_pandas_dtype()
    batches = [np.array(batch[name]) for batch in self.batches()]
    return np.concatenate([np.empty(0, dtype), *batches])


def _join_indices(stores: Sequence[Store]) -> _Index:
  """Concatenates the rows of stores; shards are numbered through."""
  position, num_shards, tables = INDEX_SCHEMA.get_field_index("shard"), 0, []
  for store in stores:
    shard = pa.array(store._shard + num_shards, pa.int32())
    table = store._index.table()
    tables.append(table.set_column(position, INDEX_SCHEMA.field(position), shard))
    num_shards += len(store._shard_paths)
  return _Index(table=pa.concat_tables(tables))


def _digest_of(digests: Sequence[str]) -> str:
  return hashlib.sha256("".join(digests).encode()).hexdigest()
