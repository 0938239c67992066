"""The embeddings of a store -> one .npz or .parquet file, written part by part."""

import dataclasses
import functools
import itertools
import shutil
import zipfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contrastive_audio.cli.console import line
from contrastive_audio.datasets.stretches import recording_of, start_s_of
from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.exporting.rows import position_in_clip
from contrastive_audio.frontend.clip_store import StoredClip, stored_clips
from contrastive_audio.frontend.front_end import FRAME_HOP_S
from contrastive_audio.store import left_out
from contrastive_audio.store.disk_format import SKIPPED
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder, remove_file, replacing
from contrastive_audio.utils.locks import FolderLock
from contrastive_audio.utils.words import counted
from downstream.encoders import parts_plan, projector, storage
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model
from downstream.encoders.storage import Storage
from downstream.encoders.window_store import WindowStore

_PROJECTED_CLIPS = 10_000  # the most that the projector shows smoothly
_THUMBNAIL_WINDOWS = 4

_Block = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]


def embed_to_file(
  output: str,
  store: Store | WindowStore,
  model: Model,
  frames: bool = False,
  projector_folder: str | None = None,
  half: bool = False,
  num_components: int | None = None,
) -> None:
  """Embeds all clips of a store into one file; a call that was stopped resumes.

  Args:
    output: file to write, .npz or .parquet, see `write_embeddings`.
    store: the clips, or the windows of recordings, at the model's rate.
    model: what embeds them.
    frames: an embedding every 50 ms, instead of one per clip.
    projector_folder: where to write files for TensorBoard's embedding projector; None: nowhere.
    half: whether to keep float16 numbers.
    num_components: how many principal components to keep, see storage; None: the embeddings.

  Raises:
    UserError: an embedding is not finite, the disk refuses, or another process has the same output.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> embed_to_file("sounds.npz", store, open_model("logmel_stats"))
    embeddings sounds.npz: 20 clips, 128-d
    >>> str(np.load("sounds.npz")["key"][0])
    'bell/000.flac'
  """
  parts_folder = f"{output}.parts"
  parts_plan.require_own(parts_folder)
  make_folder(parts_folder)
  with FolderLock(parts_folder, f"is embedding into {output}", "another --output").held():
    embeddings = Embeddings(model, store, parts_folder, "frames" if frames else None).make()
    if projector_folder and isinstance(store, Store):
      _write_projector(projector_folder, embeddings, model, store)
    list_skipped(store.recordings if isinstance(store, WindowStore) else store, output)
    kept = Storage(half, _components(output, embeddings, frames, num_components))
    write_embeddings(output, embeddings, store, model, frames, kept)
    shutil.rmtree(parts_folder)
  size = kept.size(model.embedding_size)
  line("embeddings", f"{output}: {_counted(store)}, {size}-d{' float16' if half else ''}")


def list_skipped(store: Store, output: str) -> None:
  """Lists the files that could not be used beside a file, if there are any.

  Args:
    store: what could be used.
    output: path of the file; the list is OUTPUT.skipped.csv.

  Example:
    >>> import os
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> list_skipped(prepare(open_synthetic(clips_per_class=1), 16_000), "out.csv")
    >>> os.path.exists("out.csv.skipped.csv")
    False
  """
  path = f"{output}.{SKIPPED}"
  if store.num_skipped:
    left_out.write_copy(store.folders, path)
  else:
    remove_file(path)  # of an earlier call


def _components(
  output: str, embeddings: Embeddings, frames: bool, num_components: int | None
) -> storage.Components | None:
  """Fits principal components, and keeps them beside the file; None: none are asked for."""
  if num_components is None:
    remove_file(output + storage.ENDING)  # of an earlier call
    return None
  parts = embeddings.parts if frames else embeddings.clip_parts
  fitted = storage.fit(lambda: (values for _, values in parts()), num_components)
  share = 100 * float(fitted.explained_variance_ratio.sum())
  line("components", f"{fitted.save(output)}: {share:.1f} % of the variance")
  return fitted


def _counted(store: Store | WindowStore) -> str:
  if not isinstance(store, WindowStore):
    return f"{store.num_clips} clips"
  recordings = counted(store.recordings.num_clips, "recording")
  return f"{store.num_clips} {store.description} in {recordings}"


def _write_projector(folder: str, embeddings: Embeddings, model: Model, store: Store) -> None:
  """Writes files for TensorBoard's embedding projector, with a log-mel of each clip."""
  num_projected = min(_PROJECTED_CLIPS, store.num_clips)
  projected = np.linspace(0, store.num_clips - 1, num_projected).astype(int)
  rows = np.concatenate(
    [means[np.isin(clips, projected)] for clips, means in embeddings.clip_parts()]
  )
  clips = stored_clips(store, projected)
  thumbnails = np.stack([_thumbnail(model, clip) for clip in clips])
  projector.write(folder, rows, store.keys(projected), store.labels(projected), thumbnails)
  line("projector", f"tensorboard --logdir={folder}")


def _thumbnail(model: Model, clip: StoredClip) -> np.ndarray:
  windows = itertools.islice(model.embedder.log_mels(clip), _THUMBNAIL_WINDOWS)
  return projector.thumbnail(np.concatenate(list(windows)))


def write_embeddings(
  path: str,
  embeddings: Embeddings,
  store: Store | WindowStore,
  model: Model,
  frames: bool,
  kept: Storage | None = None,
) -> None:
  """Writes a row per clip, window or frame, atomically.

  .npz: `key` `[n]`, `label` `[n]` (empty: none), `embedding` `[n, D]`, `sample_rate_hz`,
  `clip_pooling`; with frames or windows `embedding` `[W, D]`, `clip` `[W]` (index into key), and
  `time_s` `[W]`, or `start_s` and `end_s` `[W]`.
  .parquet: columns key, label, (time_s, or start_s and end_s,) embedding.

  Args:
    path: file to write; its extension determines the format.
    embeddings: finished embeddings.
    store: the clips or windows that they are of.
    model: the model that they are by.
    frames: whether they are embeddings of frames.
    kept: how the embeddings are kept; None: as they are.

  Raises:
    UserError: the disk refuses, or the embeddings cannot be kept like that.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> model = open_model("logmel_stats")
    >>> embeddings = Embeddings(model, store).make()
    >>> write_embeddings("sounds.parquet", embeddings, store, model, frames=False)
    >>> pq.read_table("sounds.parquet").column_names
    ['key', 'label', 'embedding']
  """
  write = _write_npz if path.endswith(".npz") else _write_parquet
  content = _Content(embeddings, store, model, frames, kept or Storage())
  try:
    with replacing(path) as unfinished:
      write(unfinished, content)
  except OSError as error:
    raise UserError(
      f"cannot write {path}: {disk_reason(error) or error}. The embeddings are kept in "
      f"{embeddings.folder}: run the same command again"
    ) from error


@dataclasses.dataclass(frozen=True)
class _Content:
  """What is written; see write_embeddings."""

  embeddings: Embeddings
  store: Store | WindowStore
  model: Model
  frames: bool
  kept: Storage

  @property
  def size(self) -> int:
    """Number of numbers of a row."""
    return self.kept.size(self.model.embedding_size)

  @property
  def clips(self) -> Store:
    """The clips that have names and labels."""
    return self.store.recordings if isinstance(self.store, WindowStore) else self.store

  def names(self, ids: np.ndarray | None = None) -> list[str]:
    """Returns what rows of some clips are named by: with times, the recordings of the clips."""
    keys = self.clips.keys() if ids is None else self.clips.keys(ids)
    return [recording_of(key) for key in keys] if self.times else keys

  @functools.cached_property
  def _starts_s(self) -> np.ndarray:
    """Where the clips start in their recordings, float64 `[clips]`."""
    return np.array(list(map(start_s_of, self.clips.keys())))

  @property
  def times(self) -> tuple[str, ...]:
    """Names of the columns that say when."""
    if isinstance(self.store, WindowStore):
      return ("start_s", "end_s")
    return ("time_s",) if self.frames else ()

  def blocks(self) -> Iterator[_Block]:
    """Yields (clip numbers, embeddings, columns of times in s), a few rows at a time.

    Times count from the start of the recording, also those of a stretch of it.
    """
    if self.frames:
      for clips, values, positions in position_in_clip(self.embeddings.parts()):
        yield clips, values, {"time_s": self._starts_s[clips] + FRAME_HOP_S * positions}
      return
    for clips, values in self.embeddings.clip_parts():
      if isinstance(self.store, WindowStore):
        spans_s = self.store.spans_s(clips)
        clips = self.store.clips[clips]
        starts_s = self._starts_s[clips]
        yield clips, values, {n: starts_s + t for n, t in zip(self.times, spans_s)}
      else:
        yield clips, values, {}


def _write_npz(path: str, content: _Content) -> None:
  labels = [label or "" for label in content.clips.labels()]
  arrays = {"key": np.array(content.names()), "label": np.array(labels)}
  arrays["sample_rate_hz"] = np.array(content.model.sample_rate_hz)
  arrays["clip_pooling"] = np.array(content.model.embedder.clip_pooling)
  columns = [{"clip": clips} | times for clips, _, times in content.blocks()]
  num_rows = sum(len(block["clip"]) for block in columns)
  if content.times:
    for name in ("clip", *content.times):
      arrays[name] = np.concatenate([block[name] for block in columns])
  with zipfile.ZipFile(path, "w") as archive:
    for name, array in arrays.items():
      with archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, array)
    with archive.open("embedding.npy", "w", force_zip64=True) as file:
      dtype = "<f2" if content.kept.half else "<f4"
      header = {"descr": dtype, "fortran_order": False, "shape": (num_rows, content.size)}
      np.lib.format.write_array_header_1_0(file, header)
      for _, values, _ in content.blocks():
        file.write(content.kept.stored(values).tobytes())


def _write_parquet(path: str, content: _Content) -> None:
  schema = _parquet_schema(content)
  with pq.ParquetWriter(path, schema) as writer:
    for clips, values, times in content.blocks():
      # Names are read once per clip, however many rows it has.
      ids, clip_of_row = np.unique(clips, return_inverse=True)
      columns = [
        pa.array(content.names(ids)).take(clip_of_row),
        pa.array(content.clips.labels(ids), pa.string()).take(clip_of_row),
        *(pa.array(times[name]) for name in content.times),
      ]
      stored = pa.array(content.kept.stored(values).ravel())
      columns.append(pa.FixedSizeListArray.from_arrays(stored, content.size))
      writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _parquet_schema(content: _Content) -> pa.Schema:
  number = pa.float16() if content.kept.half else pa.float32()
  fields = [
    pa.field("key", pa.string()),
    pa.field("label", pa.string()),
    *(pa.field(name, pa.float64()) for name in content.times),
    pa.field("embedding", pa.list_(number, content.size)),
  ]
  notes = {"sample_rate_hz": str(content.model.sample_rate_hz), "model": content.model.name}
  pooling = {"clip_pooling": content.model.embedder.clip_pooling}
  return pa.schema(fields).with_metadata(notes | pooling)
