"""All clips of a store, embedded once: parts on disk, so that nothing is made twice or lost.

A part holds some twenty minutes of audio, as an Arrow IPC file with a row per window: the number of
its clip and its embedding. A killed call goes on at the next part.
"""

import json
import os
import zlib

import filelock
import numpy as np
import pyarrow as pa

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder, read_json, replacing, write_json

PART_S = 1200  # seconds of audio in a part; bounds memory and what a killed call loses
_PLAN = "plan.json"


class Embeddings:
  """The embeddings of one model on one store, being made or finished.

  Args:
    model: a models.Model.
    store: a store.Store of the model's rate.
    folder: where the parts are; None: the user's cache.
    frames: a window every 50 ms, instead of those whose mean is the embedding of the clip.

  Raises:
    UserError: the folder holds parts of other embeddings.
  """

  def __init__(self, model, store, folder=None, frames=False):
    self._model, self._store, self._frames = model, store, frames
    self._bounds = _bounds(store)
    plan = {
      "model": model.identity,
      "clips": store.digest,
      "windows": "frames" if frames else "covering",
      "part_s": PART_S,
    }
    name = "-".join([model.identity[:16], store.digest[:16], plan["windows"]])
    self.folder = folder or os.path.join(cache_folder(), "embeddings", name)
    make_folder(self.folder)
    _require_same(plan, os.path.join(self.folder, _PLAN))

  @property
  def num_parts(self):
    """How many parts there are to be."""
    return len(self._bounds) - 1

  def make(self):
    """Embeds what has not been embedded; returns self."""
    with filelock.FileLock(os.path.join(self.folder, "lock")):
      missing = [part for part in range(self.num_parts) if not self._is_whole(part)]
      if missing:
        self._make_parts(missing)
    return self

  def parts(self):
    """Yields (clip numbers int32 `[W]`, embeddings float32 `[W, D]`) of each part, in order."""
    for part in range(self.num_parts):
      yield self._read(part)

  def of_windows(self):
    """Returns (clip numbers `[W]`, embeddings `[W, D]`) of all windows of all clips."""
    clips, values = zip(*self.parts())
    return np.concatenate(clips), np.concatenate(values)

  def clip_parts(self):
    """Yields (clip numbers `[n]`, means over their windows `[n, D]`) of each part, in order."""
    for clips, values in self.parts():
      yield np.unique(clips), means_of_clips(clips, values)

  def of_clips(self):
    """Returns float32 `[n, D]`, the mean over the windows of each clip."""
    return np.concatenate([means for _, means in self.clip_parts()])

  def _make_parts(self, missing):
    total = sum(int(self._bounds[part + 1] - self._bounds[part]) for part in missing)
    initial = self._store.num_clips - total
    with progress_bar.make(self._store.num_clips, "embedding", "clip", initial=initial) as bar:
      for part in missing:
        self._make_part(part, bar)

  def _make_part(self, part, bar):
    clip_ids = range(self._bounds[part], self._bounds[part + 1])
    embedder = self._model.embedder
    embed = embedder.embed_frames if self._frames else embedder.embed_windows
    clips, values = [], []
    for clip_id, windows in zip(clip_ids, embed(map(self._store.wave, clip_ids))):
      self._require_finite(windows, clip_id)
      clips.append(np.full(len(windows), clip_id, np.int32))
      values.append(windows)
      bar.update()
    self._write(part, np.concatenate(clips), np.concatenate(values))

  def _require_finite(self, windows, clip_id):
    if not np.isfinite(windows).all():
      (key,) = self._store.keys([clip_id])
      raise UserError(f"{self._model.name} gives no finite embedding for the clip {key}")

  def _write(self, part, clips, values):
    rows = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    batch = pa.record_batch([pa.array(clips), rows], names=["clip", "embedding"])
    batch = batch.replace_schema_metadata({"checksum": _checksum(clips, values)})
    path = self._path(part)
    try:
      with replacing(path) as unfinished, pa.ipc.new_file(unfinished, batch.schema) as writer:
        writer.write_batch(batch)
    except OSError as error:
      raise UserError(
        f"cannot write {path}: {disk_reason(error) or error}. Finished parts are kept: free some "
        "space and run the same command again"
      ) from error

  def _is_whole(self, part):
    """Whether a part is there; one that cannot be read is said to be damaged, and made again."""
    if not os.path.exists(self._path(part)):
      return False
    try:
      self._read(part)
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
      print(f"damaged    {self._path(part)}: its clips are embedded again", flush=True)
      return False
    return True

  def _read(self, part):
    with pa.OSFile(self._path(part)) as file:
      table = pa.ipc.open_file(file).read_all()
    values = table["embedding"].combine_chunks().flatten().to_numpy()
    clips, values = table["clip"].to_numpy(), values.reshape(-1, self._model.embedding_size)
    if table.schema.metadata[b"checksum"] != _checksum(clips, values):
      raise ValueError("the content of the file has changed")
    return clips, values

  def _path(self, part):
    return os.path.join(self.folder, f"part-{part:05d}.arrow")


def means_of_clips(clips, values):
  """Returns the mean of the rows of each clip; rows of a clip lie together, clips are in order."""
  _, first, counts = np.unique(clips, return_index=True, return_counts=True)
  return np.add.reduceat(values, first, axis=0) / counts[:, None].astype(np.float32)


def _checksum(clips, values):
  return str(zlib.crc32(values.tobytes(), zlib.crc32(clips.tobytes()))).encode()


def _bounds(store):
  """Returns where parts begin, and the end: whole clips, about PART_S seconds in each."""
  ends_s = np.cumsum(store.num_samples) / store.sample_rate_hz
  part = (ends_s // PART_S).astype(np.int64)
  first = np.flatnonzero(np.diff(part, prepend=-1))
  return np.unique(np.concatenate([[0], first, [store.num_clips]]))


def _require_same(plan, path):
  if not os.path.exists(path):
    write_json(path, plan)
    return
  try:
    found = read_json(path)
  except (OSError, json.JSONDecodeError) as error:
    raise UserError(f"cannot read {path}: delete its folder, it can be made again") from error
  if differing := [name for name in plan if found.get(name) != plan[name]]:
    raise UserError(
      f"{os.path.dirname(path)} holds embeddings of another kind ({', '.join(differing)}): choose "
      "another --output, or delete the folder"
    )
