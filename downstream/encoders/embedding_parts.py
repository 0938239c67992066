"""The embeddings of all clips of a store, computed once and kept in files: nothing is lost.

Each file, a part, holds about twenty minutes of audio: an Arrow IPC file with a row per window, the
number of its clip and its embedding. A call that was killed resumes at the next part.
"""

import os
import zlib
from collections.abc import Iterator

import filelock
import numpy as np
import pyarrow as pa
import tqdm

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.store.store import Store
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder, replacing
from downstream.encoders import parts_plan
from downstream.encoders.models import Model

PART_S = 1200  # seconds of audio in a part; bounds memory, and what a killed call loses


class Embeddings:
  """The embeddings of one store by one model, complete or not.

  Letters: n clips, W windows of all clips, D embedding.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> Embeddings(open_model("logmel_stats"), store).make().of_clips().shape
    (20, 128)
  """

  def __init__(
    self, model: Model, store: Store, folder: str | None = None, windows: str = "covering"
  ):
    """Opens or creates the folder of the parts; embeds nothing yet.

    Args:
      model: what embeds the clips.
      store: the clips, at the model's rate.
      folder: where the parts are; None: in the user's cache.
      windows: "covering", whose mean is the clip's embedding; another of protocols.WINDOWS; or
        "frames", an embedding every 50 ms.

    Raises:
      UserError: the folder holds parts of other embeddings.
    """
    self._model, self._store, self._windows = model, store, windows
    self._bounds = _bounds(store)
    plan = {
      "model": model.identity,
      "clips": store.digest,
      "windows": windows,
      "part_s": PART_S,
    }
    name = f"{model.identity[:16]}-{store.digest[:16]}-{windows}"
    self.folder = folder or os.path.join(cache_folder(), "embeddings", name)
    make_folder(self.folder)
    parts_plan.claim(self.folder, plan)

  @property
  def num_parts(self) -> int:
    """Number of parts, written or not."""
    return len(self._bounds) - 1

  def make(self) -> "Embeddings":
    """Embeds the clips of all missing parts; returns self."""
    with filelock.FileLock(os.path.join(self.folder, "lock")):
      missing = [number for number in range(self.num_parts) if not self._is_complete(number)]
      if missing:
        self._make_parts(missing)
    return self

  def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (clip numbers int32 `[W]`, embeddings float32 `[W, D]`) of each part, in order."""
    for number in range(self.num_parts):
      yield self._read(number)

  def of_windows(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns (clip numbers `[W]`, embeddings `[W, D]`) of all windows of all clips."""
    clips, values = zip(*self.parts())
    return np.concatenate(clips), np.concatenate(values)

  def clip_parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (clip numbers `[n]`, means over their windows `[n, D]`) of each part, in order."""
    for clips, values in self.parts():
      yield np.unique(clips), means_of_clips(clips, values)

  def of_clips(self) -> np.ndarray:
    """Returns float32 `[n, D]`, the mean over the windows of each clip."""
    return np.concatenate([means for _, means in self.clip_parts()])

  def _make_parts(self, missing: list[int]) -> None:
    num_left = sum(int(self._bounds[number + 1] - self._bounds[number]) for number in missing)
    num_done = self._store.num_clips - num_left
    with progress_bar.make(self._store.num_clips, "embedding", "clip", initial=num_done) as bar:
      for number in missing:
        self._make_part(number, bar)

  def _make_part(self, number: int, bar: tqdm.tqdm) -> None:
    clip_ids = range(self._bounds[number], self._bounds[number + 1])
    embed = self._model.window_embedder(self._windows)
    clips, values = [], []
    for clip_id, windows in zip(clip_ids, embed(map(self._store.wave, clip_ids))):
      self._require_finite(windows, clip_id)
      clips.append(np.full(len(windows), clip_id, np.int32))
      values.append(windows)
      bar.update()
    self._write(number, np.concatenate(clips), np.concatenate(values))

  def _require_finite(self, windows: np.ndarray, clip_id: int) -> None:
    if not np.isfinite(windows).all():
      (key,) = self._store.keys([clip_id])
      raise UserError(f"{self._model.name}: the embedding of the clip {key} is not finite")

  def _write(self, number: int, clips: np.ndarray, values: np.ndarray) -> None:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    batch = pa.record_batch([pa.array(clips), rows], names=["clip", "embedding"])
    batch = batch.replace_schema_metadata({"checksum": _checksum(clips, values)})
    path = self._path(number)
    try:
      with replacing(path) as unfinished, pa.ipc.new_file(unfinished, batch.schema) as writer:
        writer.write_batch(batch)
    except OSError as error:
      raise UserError(
        f"cannot write {path}: {disk_reason(error) or error}. Finished parts are kept: free some "
        "space and run the same command again"
      ) from error

  def _is_complete(self, number: int) -> bool:
    """Whether a part is there and readable; reports a damaged one."""
    if not os.path.exists(self._path(number)):
      return False
    try:
      self._read(number)
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
      line("damaged", f"{self._path(number)}: its clips are embedded again")
      return False
    return True

  def _read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
    with pa.OSFile(self._path(number)) as file:
      table = pa.ipc.open_file(file).read_all()
    values = table["embedding"].combine_chunks().flatten().to_numpy()
    clips, values = table["clip"].to_numpy(), values.reshape(-1, self._model.embedding_size)
    if table.schema.metadata[b"checksum"] != _checksum(clips, values):
      raise ValueError("the content of the file has changed")
    return clips, values

  def _path(self, number: int) -> str:
    return os.path.join(self.folder, f"part-{number:05d}.arrow")


def means_of_clips(clips: np.ndarray, values: np.ndarray) -> np.ndarray:
  """Returns the mean of the rows of each clip.

  Args:
    clips: int `[W]`, the clip of each row, ascending.
    values: float32 `[W, D]`.

  Returns:
    float32 `[n, D]`.

  Example:
    >>> means_of_clips(np.array([4, 4, 7]), np.array([[1, 2], [3, 4], [5, 6]], np.float32))
    array([[2., 3.],
           [5., 6.]], dtype=float32)
  """
  _, first, counts = np.unique(clips, return_index=True, return_counts=True)
  return np.add.reduceat(values, first, axis=0) / counts[:, None].astype(np.float32)


def _checksum(clips: np.ndarray, values: np.ndarray) -> bytes:
  return str(zlib.crc32(values.tobytes(), zlib.crc32(clips.tobytes()))).encode()


def _bounds(store: Store) -> np.ndarray:
  """Returns the first clip of each part, and the end; a part lasts about PART_S seconds."""
  ends_s = np.cumsum(store.num_samples) / store.sample_rate_hz
  numbers = (ends_s // PART_S).astype(np.int64)
  first = np.flatnonzero(np.diff(numbers, prepend=-1))
  return np.unique(np.concatenate([[0], first, [store.num_clips]]))
