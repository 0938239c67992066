"""Embeddings of a store -> one .npz or .parquet file, written part by part."""

import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.exporting.clip_encoder import frame_times_s
from contrastive_audio.utils.files import replacing


def write(path, embeddings, store, model, frames):
  """Writes a row per clip or, with frames, per frame; whole or not at all.

  .npz: `key` `[n]`, `label` `[n]` (empty: none), `embedding` `[n, D]`, `sample_rate_hz`; with
  frames `embedding` `[W, D]`, `clip` `[W]` (index into key) and `time_s` `[W]`.
  .parquet: columns key, label, (time_s,) embedding.

  Args:
    path: where to; its ending decides.
    embeddings: finished embeddings.Embeddings.
    store: the store.Store they are of.
    model: the models.Model they are by.
    frames: whether they are frames.
  """
  writer = _write_npz if path.endswith(".npz") else _write_parquet
  try:
    with replacing(path) as unfinished:
      writer(unfinished, embeddings, store, model, frames)
  except OSError as error:
    raise UserError(
      f"cannot write {path}: {disk_reason(error) or error}. The embeddings are kept in "
      f"{embeddings.folder}: run the same command again"
    ) from error


def _rows(embeddings, frames):
  """Yields (clip numbers, embeddings, times in s or None) of each part."""
  if not frames:
    for clips, means in embeddings.clip_parts():
      yield clips, means, None
    return
  for clips, values in embeddings.parts():
    counts = np.unique(clips, return_counts=True)[1]
    yield clips, values, np.concatenate([frame_times_s(count) for count in counts])


def _write_npz(path, embeddings, store, model, frames):
  labels = [label or "" for label in store.labels()]
  arrays = {"key": np.array(store.keys()), "label": np.array(labels)}
  arrays["sample_rate_hz"] = np.array(model.sample_rate_hz)
  pieces = [(clips, times) for clips, _, times in _rows(embeddings, frames)]
  num_rows = sum(len(clips) for clips, _ in pieces)
  if frames:
    arrays["clip"] = np.concatenate([clips for clips, _ in pieces])
    arrays["time_s"] = np.concatenate([times for _, times in pieces])
  with zipfile.ZipFile(path, "w") as archive:
    for name, array in arrays.items():
      with archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, array)
    with archive.open("embedding.npy", "w", force_zip64=True) as file:
      header = {"descr": "<f4", "fortran_order": False, "shape": (num_rows, model.embedding_size)}
      np.lib.format.write_array_header_1_0(file, header)
      for _, values, _ in _rows(embeddings, frames):
        file.write(np.ascontiguousarray(values, "<f4").tobytes())


def _write_parquet(path, embeddings, store, model, frames):
  times = [pa.field("time_s", pa.float64())] if frames else []
  size = model.embedding_size
  columns = [pa.field("key", pa.string()), pa.field("label", pa.string()), *times]
  schema = pa.schema([*columns, pa.field("embedding", pa.list_(pa.float32(), size))])
  schema = schema.with_metadata({"sample_rate_hz": str(model.sample_rate_hz), "model": model.name})
  with pq.ParquetWriter(path, schema) as writer:
    for clips, values, times_s in _rows(embeddings, frames):
      # Names once per clip, however many frames it has.
      names, index = np.unique(clips, return_inverse=True)
      data = [pa.array(store.keys(names)).take(index), pa.array(store.labels(names), pa.string())]
      data[1] = data[1].take(index)
      data += [pa.array(times_s)] if frames else []
      data.append(pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), size))
      writer.write_table(pa.Table.from_arrays(data, schema=schema))
