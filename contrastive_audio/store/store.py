"""A store: all clips of a data set as 16-bit PCM on disk, read where and when it is needed.

  store.json         written last: sample rate, counts, digests. Without it there is no store
  index.arrow        a row per clip: everything but the PCM, and where the PCM lies
  shard-*.arrow      Arrow IPC files with the PCM and all columns; any Arrow reader opens them
  skipped.csv        clips that could not be used, with the reason
  missing.csv        clips that the data set lists and that are not there, if there are such

The index is memory-mapped. Excerpts are read by their place (pread), not through a mapping: where a
store is larger than memory, a mapping reads ahead at every random access (measured on 2,000,000
clips: 7 ms an excerpt, against 0.02 ms), and a shard that is cut off would end the process.

A wave is `pcm * gain`. The gain is a power of two, as small as the clip allows: 16-bit recordings
stay bit-exact, quiet ones of more bits keep theirs, and floats beyond full scale are not clipped.
"""

import copy
import hashlib
import json
import os

import numpy as np
import pyarrow as pa

from contrastive_audio.errors import UserError
from contrastive_audio.store.shard_files import ShardFiles

VERSION = 2
MANIFEST, INDEX = "store.json", "index.arrow"
SKIPPED, MISSING = "skipped.csv", "missing.csv"

CLIP_FIELDS = [
  pa.field("key", pa.string()),
  pa.field("label", pa.string()),
  pa.field("group", pa.string()),
  pa.field("gain", pa.float32()),
  pa.field("mean", pa.float32()),
  pa.field("peak", pa.float32()),
  pa.field("centred_peak", pa.float32()),  # largest absolute value once the mean is removed
  pa.field("l2", pa.float32()),
]
SHARD_SCHEMA = pa.schema([pa.field("pcm", pa.large_list(pa.int16())), *CLIP_FIELDS])
INDEX_SCHEMA = pa.schema(
  [
    *CLIP_FIELDS,
    pa.field("num_samples", pa.int64()),
    pa.field("shard", pa.int32()),
    pa.field("byte_offset", pa.int64()),  # of the clip's PCM in its shard file
  ]
)


def quantise(wave):
  """Turns a wave into 16-bit PCM and the gain that brings it back.

  Args:
    wave: float32 `[n]`, finite.

  Returns:
    (int16 `[n]`, gain): `pcm * gain` differs from `wave` by at most half a gain.
  """
  peak = float(np.abs(wave).max())
  if peak == 0:
    return np.zeros(len(wave), np.int16), 2.0**-15
  # The smallest power of two with peak / gain <= 2^15, kept within float32's normal numbers.
  gain = 2.0 ** max(np.ceil(np.log2(peak)) - 15, -100)
  if np.rint(wave.max() / gain) > 32767:  # int16 reaches one further down than up
    gain *= 2
  return np.rint(wave / gain).astype(np.int16), gain


class Store:
  """An opened store, several joined, or a selection of their clips.

  Attributes:
    folders: where it is; several, if stores were joined.
    num_skipped: how many clips could not be used.
    num_missing: how many clips the data set lists that are not there.
    several_labels: whether a clip may have several, joined by datasets.LABEL_SEPARATOR.
    sample_rate_hz: rate of all clips.
    num_clips: number of usable clips.
    num_samples: int64 `[num_clips]`, length of each clip.
    mean: float32 `[num_clips]`, mean of each clip.
    centred_peak: float32 `[num_clips]`, largest absolute value of each clip without its mean.
    digest: hex digest of the content; equal digests mean equal clips in equal order.
  """

  def __init__(self, folder):
    """Opens the folder of a finished store; see `preparation.prepare` to make one.

    Raises:
      UserError: if the folder holds no finished store of this version.
    """
    manifest = read_manifest(folder)
    if manifest is None:
      raise UserError(f"{folder!r} holds no finished store (version {VERSION})")
    self.folders = [folder]
    self.num_skipped = manifest["num_skipped"]
    self.num_missing = manifest.get("num_missing", 0)
    self.several_labels = manifest.get("several_labels", False)
    self.sample_rate_hz = manifest["sample_rate_hz"]
    self._shard_paths = [os.path.join(folder, name) for name, _ in manifest["shards"]]
    path = os.path.join(folder, INDEX)
    self._set_index(_Index(path), manifest["digest"])
    self._shards = ShardFiles(self._shard_paths)

  def _set_index(self, index, digest):
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
  def join(cls, stores):
    """Returns one store with the clips of several, in order; nothing is copied.

    Args:
      stores: Stores of one sample rate, at least one.
    """
    if len(stores) == 1:
      return stores[0]
    joined, tables, shards = copy.copy(stores[0]), [], 0
    for store in stores:
      shard = pa.array(store._shard + shards, pa.int32())
      position = INDEX_SCHEMA.get_field_index("shard")
      table = store._index.table()
      tables.append(table.set_column(position, INDEX_SCHEMA.field(position), shard))
      shards += len(store._shard_paths)
    joined.folders = [folder for store in stores for folder in store.folders]
    joined.num_skipped = sum(store.num_skipped for store in stores)
    joined.num_missing = sum(store.num_missing for store in stores)
    joined.several_labels = any(store.several_labels for store in stores)
    joined._shard_paths = [path for store in stores for path in store._shard_paths]
    digest = _digest_of([store.digest for store in stores])
    joined._set_index(_Index(table=pa.concat_tables(tables)), digest)
    joined._shards = ShardFiles(joined._shard_paths)
    return joined

  def select(self, clip_ids):
    """Returns a store with some of the clips, in the given order; nothing is copied."""
    clip_ids = np.asarray(clip_ids, np.int64)
    selected = copy.copy(self)
    digest = _digest_of([self.digest, hashlib.sha256(clip_ids.tobytes()).hexdigest()])
    selected._set_index(_Index(table=self._index.table().take(pa.array(clip_ids))), digest)
    return selected

  def keys(self, clip_ids=None):
    """Returns the names of the given clips (all, if None) as a list of str."""
    return self._column("key", clip_ids)

  def labels(self, clip_ids=None):
    """Returns the class names, None where a clip has none."""
    return self._column("label", clip_ids)

  def groups(self, clip_ids=None):
    """Returns the groups, None where a clip has none."""
    return self._column("group", clip_ids)

  @property
  def has_labels(self):
    """Whether at least two classes are named."""
    found = set()
    for batch in self._index.batches():  # of millions of clips only the first few
      found |= set(batch["label"].drop_null().unique().to_pylist())
      if len(found) >= 2:
        return True
    return False

  @property
  def num_silent(self):
    """How many clips hold nothing but zeros."""
    return int((self._index.numbers("peak") == 0).sum())

  @property
  def hours(self):
    """Length of all clips together."""
    return float(self.num_samples.sum()) / self.sample_rate_hz / 3600

  def pcm(self, clip_id):
    """Returns int16 `[n]`, the clip as it is stored."""
    return self._read(clip_id, 0, int(self.num_samples[clip_id]))

  def wave(self, clip_id):
    """Returns float32 `[n]`, the clip as it was read."""
    return self.pcm(clip_id) * self._gain[clip_id]

  def copy_excerpt(self, clip_id, start, out):
    """Writes float32 samples from `start` into `out`; both ends lie inside the clip."""
    np.multiply(self._read(clip_id, start, len(out)), self._gain[clip_id], out=out)

  def _read(self, clip_id, start, num_samples):
    pcm = np.empty(num_samples, np.int16)
    first_byte = int(self._first_byte[clip_id]) + 2 * int(start)
    self._shards.read(int(self._shard[clip_id]), first_byte, pcm)
    return pcm

  def _column(self, name, clip_ids):
    column = self._index.table()[name]
    return (column if clip_ids is None else column.take(pa.array(clip_ids))).to_pylist()


def read_manifest(folder):
  """Returns the content of store.json, or None if the folder holds no finished, whole store."""
  try:
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
      manifest = json.load(file)
  except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
    return None
  return manifest if manifest.get("version") == VERSION and are_whole(folder, manifest) else None


def are_whole(folder, listing):
  """Whether all shards that a listing (of a store, of a chunk) names are there in full size."""
  try:
    sizes = [os.path.getsize(os.path.join(folder, name)) for name, _ in listing["shards"]]
  except OSError:
    return False
  return sizes == [size for _, size in listing["shards"]]


def _digest_of(digests):
  return hashlib.sha256("".join(digests).encode()).hexdigest()


class _Index:
  """The rows of all clips: numbers are read into memory, names are mapped once they are wanted."""

  def __init__(self, path=None, table=None):
    """Takes the path of its file, or a pyarrow table."""
    self._path, self._table = path, table

  def table(self):
    """Returns all columns."""
    if self._table is None:
      with pa.memory_map(self._path) as file:
        self._table = pa.ipc.open_file(file).read_all()
    return self._table

  def batches(self):
    """Yields all rows, some at a time; from a file unmapped: what is mapped counts as memory."""
    if self._path is None:
      yield from self._table.to_batches()
      return
    with pa.OSFile(self._path) as file:
      reader = pa.ipc.open_file(file)
      yield from map(reader.get_batch, range(reader.num_record_batches))

  def numbers(self, name):
    """Returns a column as an array."""
    kind = INDEX_SCHEMA.field(name).type.to_pandas_dtype()
    parts = [np.array(batch[name]) for batch in self.batches()]
    return np.concatenate([np.empty(0, kind), *parts])
