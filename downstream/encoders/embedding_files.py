"""The embeddings of a store -> one .npz or .parquet file, written part by part."""

import itertools
import os
import shutil
import zipfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.exporting.rows import position_in_clip
from contrastive_audio.frontend.clip_store import StoredClip, stored_clips
from contrastive_audio.frontend.front_end import FRAME_HOP_S
from contrastive_audio.store import left_out
from contrastive_audio.store.disk_format import SKIPPED
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder, replacing
from contrastive_audio.utils.locks import FolderLock
from downstream.encoders import projector
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model

_PROJECTED_CLIPS = 10_000  # the most that the projector shows smoothly
_THUMBNAIL_WINDOWS = 4


def embed_to_file(
  output: str,
  store: Store,
  model: Model,
  frames: bool = False,
  projector_folder: str | None = None,
) -> None:
  """Embeds all clips of a store into one file; a call that was stopped resumes.

  Args:
    output: file to write, .npz or .parquet, see `write_embeddings`.
    store: the clips, at the model's rate.
    model: what embeds them.
    frames: an embedding every 50 ms, instead of one per clip.
    projector_folder: where to write files for TensorBoard's embedding projector; None: nowhere.

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
  make_folder(parts_folder)
  with FolderLock(parts_folder, f"is embedding into {output}", "another --output").held():
    embeddings = Embeddings(model, store, parts_folder, "frames" if frames else None).make()
    if projector_folder:
      _write_projector(projector_folder, embeddings, model, store)
    if store.num_skipped:
      left_out.copy(store.folders, parts_folder)
      os.replace(os.path.join(parts_folder, SKIPPED), f"{output}.{SKIPPED}")
    write_embeddings(output, embeddings, store, model, frames)
    shutil.rmtree(parts_folder)
  line("embeddings", f"{output}: {store.num_clips} clips, {model.embedding_size}-d")


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
  path: str, embeddings: Embeddings, store: Store, model: Model, frames: bool
) -> None:
  """Writes a row per clip or, with frames, per frame, atomically.

  .npz: `key` `[n]`, `label` `[n]` (empty: none), `embedding` `[n, D]`, `sample_rate_hz`,
  `clip_pooling`; with frames `embedding` `[W, D]`, `clip` `[W]` (index into key), `time_s` `[W]`.
  .parquet: columns key, label, (time_s,) embedding.

  Args:
    path: file to write; its extension determines the format.
    embeddings: finished embeddings.
    store: the clips that they are of.
    model: the model that they are by.
    frames: whether they are embeddings of frames.

  Raises:
    UserError: the disk refuses.

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
  try:
    with replacing(path) as unfinished:
      write(unfinished, embeddings, store, model, frames)
  except OSError as error:
    raise UserError(
      f"cannot write {path}: {disk_reason(error) or error}. The embeddings are kept in "
      f"{embeddings.folder}: run the same command again"
    ) from error


def _rows(
  embeddings: Embeddings, frames: bool
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
  """Yields (clip numbers, embeddings, times in s or None), a few rows at a time."""
  if not frames:
    for clips, means in embeddings.clip_parts():
      yield clips, means, None
    return
  for clips, values, positions in position_in_clip(embeddings.parts()):
    yield clips, values, FRAME_HOP_S * positions


def _write_npz(path: str, embeddings: Embeddings, store: Store, model: Model, frames: bool) -> None:
  labels = [label or "" for label in store.labels()]
  arrays = {"key": np.array(store.keys()), "label": np.array(labels)}
  arrays["sample_rate_hz"] = np.array(model.sample_rate_hz)
  arrays["clip_pooling"] = np.array(model.embedder.clip_pooling)
  columns = [(clips, times_s) for clips, _, times_s in _rows(embeddings, frames)]
  num_rows = sum(len(clips) for clips, _ in columns)
  if frames:
    arrays["clip"] = np.concatenate([clips for clips, _ in columns])
    arrays["time_s"] = np.concatenate([times_s for _, times_s in columns])
  with zipfile.ZipFile(path, "w") as archive:
    for name, array in arrays.items():
      with archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, array)
    with archive.open("embedding.npy", "w", force_zip64=True) as file:
      header = {"descr": "<f4", "fortran_order": False, "shape": (num_rows, model.embedding_size)}
      np.lib.format.write_array_header_1_0(file, header)
      for _, values, _ in _rows(embeddings, frames):
        file.write(np.ascontiguousarray(values, "<f4").tobytes())


def _write_parquet(
  path: str, embeddings: Embeddings, store: Store, model: Model, frames: bool
) -> None:
  schema = _parquet_schema(model, frames)
  with pq.ParquetWriter(path, schema) as writer:
    for clips, values, times_s in _rows(embeddings, frames):
      # Names are read once per clip, however many frames it has.
      ids, clip_of_row = np.unique(clips, return_inverse=True)
      columns = [
        pa.array(store.keys(ids)).take(clip_of_row),
        pa.array(store.labels(ids), pa.string()).take(clip_of_row),
      ]
      columns += [pa.array(times_s)] if frames else []
      columns.append(
        pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), model.embedding_size)
      )
      writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _parquet_schema(model: Model, frames: bool) -> pa.Schema:
  times = [pa.field("time_s", pa.float64())] if frames else []
  embedding = pa.field("embedding", pa.list_(pa.float32(), model.embedding_size))
  schema = pa.schema(
    [pa.field("key", pa.string()), pa.field("label", pa.string()), *times, embedding]
  )
  notes = {"sample_rate_hz": str(model.sample_rate_hz), "model": model.name}
  return schema.with_metadata(notes | {"clip_pooling": model.embedder.clip_pooling})
