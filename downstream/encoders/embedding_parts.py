"""The embeddings of all clips of a store, computed once and kept in files: nothing is lost.

Each file, a part, holds about twenty minutes of audio, or one longer clip, see part_files. A call
that was killed resumes at the next part.
"""

import os
from collections.abc import Iterator

import filelock
import numpy as np
import pyarrow as pa
import tqdm

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.rows import Rows, pool_by_clip
from contrastive_audio.frontend.clip_store import stored_clips
from contrastive_audio.store.store import Store
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder
from downstream.encoders import parts_plan
from downstream.encoders.models import Model
from downstream.encoders.part_files import read_part, write_part
from downstream.encoders.window_store import WindowStore

PART_S = 1200  # seconds of audio in a part; bounds what a killed call loses
_EXCERPTS_AT_ONCE = 32  # in a batch of windows; bounds its memory


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
    self,
    model: Model,
    store: Store | WindowStore,
    folder: str | None = None,
    windows: str | None = None,
  ):
    """Opens or creates the folder of the parts; embeds nothing yet.

    Args:
      model: what embeds the clips.
      store: the clips, or the windows of recordings, at the model's rate.
      folder: where the parts are; None: in the user's cache.
      windows: what a row is of: one of protocols.WINDOWS; "frames", an embedding every 50 ms; or
        "clips". None: what the model makes the embedding of a clip of, "covering" or "clips". Those
        of a WindowStore are clips.

    Raises:
      UserError: the folder holds parts of other embeddings.
    """
    # Of windows that are named, a clip has the mean, whatever the model makes of a clip.
    self._clip_pooling = "windows" if windows else model.embedder.clip_pooling
    if isinstance(store, WindowStore):
      windows = "clips"
    windows = windows or ("clips" if self._clip_pooling == "clip" else "covering")
    self._model, self._store, self._windows = model, store, windows
    self._bounds = _bounds(store)
    plan = {
      "model": model.embeddings_identity,
      "clips": store.digest,
      "windows": windows,
      "part_s": PART_S,
    }
    name = f"{model.embeddings_identity[:16]}-{store.digest[:16]}-{windows}"
    self.folder = folder or os.path.join(cache_folder(), "embeddings", name)
    make_folder(self.folder)
    parts_plan.claim(self.folder, plan)

  @property
  def num_parts(self) -> int:
    """Number of parts, written or not."""
    return len(self._bounds) - 1

  def make(self) -> "Embeddings":
    """Embeds the clips of all missing parts; returns self."""
    with filelock.FileLock(os.path.join(self.folder, parts_plan.LOCK)):
      missing = [number for number in range(self.num_parts) if not self._is_complete(number)]
      if missing:
        self._make_parts(missing)
    return self

  def parts(self) -> Iterator[Rows]:
    """Yields (clip numbers int32 `[W]`, embeddings float32 `[W, D]`) in order, a few at a time."""
    for number in range(self.num_parts):
      yield from read_part(self._path(number), self._model.embedding_size)

  def of_windows(self) -> Rows:
    """Returns (clip numbers `[W]`, embeddings `[W, D]`) of all windows of all clips."""
    clips, values = zip(*self.parts())
    return np.concatenate(clips), np.concatenate(values)

  def clip_parts(self) -> Iterator[Rows]:
    """Yields (clip numbers `[n]`, their embeddings `[n, D]`) in order, a few at a time."""
    return pool_by_clip(self.parts(), self._clip_pooling)

  def of_clips(self) -> np.ndarray:
    """Returns float32 `[n, D]`, the embedding of each clip."""
    return np.concatenate([embeddings for _, embeddings in self.clip_parts()])

  def _make_parts(self, missing: list[int]) -> None:
    num_left = sum(int(self._bounds[number + 1] - self._bounds[number]) for number in missing)
    num_clips, unit = self._store.num_clips, "clip"
    total: float = num_clips
    share: float = 1  # of each clip
    if isinstance(self._store, WindowStore):
      unit, share = "hour", self._store.hours / num_clips
      total = self._store.hours * (1 + 1e-9)  # sums of shares are not to exceed it
    initial = share * (num_clips - num_left)
    with progress_bar.make(total, "embedding", unit, initial=initial) as bar:
      for number in missing:
        write_part(self._path(number), self._embed(number, bar, share))

  def _embed(self, number: int, bar: tqdm.tqdm, share: float) -> Iterator[Rows]:
    """Yields the rows of a part, a few at a time; each clip advances the bar by a share."""
    first, end = int(self._bounds[number]), int(self._bounds[number + 1])
    num_done = 0
    for numbers, values in self._rows(first, end):
      self._require_finite(first + numbers, values)
      yield (first + numbers).astype(np.int32), values
      bar.update(share * (int(numbers[-1]) - num_done))
      num_done = int(numbers[-1])
    bar.update(share * (end - first - num_done))

  def _rows(self, first: int, end: int) -> Iterator[Rows]:
    """Yields the rows of some clips, numbered from 0."""
    if isinstance(self._store, WindowStore):
      embedder = self._model.embedder
      excerpts = -(-self._store.window_samples // embedder.excerpt_samples)  # of a window
      for numbers, waves in self._store.batches(first, end, max(1, _EXCERPTS_AT_ONCE // excerpts)):
        yield numbers - first, embedder.embed_batch(waves)
      return
    yield from self._model.embed_rows(stored_clips(self._store, range(first, end)), self._windows)

  def _require_finite(self, clips: np.ndarray, values: np.ndarray) -> None:
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
      (key,) = self._store.keys([int(clips[np.argmin(finite)])])
      raise UserError(f"{self._model.name}: the embedding of the clip {key} is not finite")

  def _is_complete(self, number: int) -> bool:
    """Whether a part is there and whole; reports one that is damaged, or of an older version."""
    if not os.path.exists(self._path(number)):
      return False
    try:
      for _ in read_part(self._path(number), self._model.embedding_size):
        pass
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError):
      line("damaged", f"{self._path(number)}: its clips are embedded again")
      return False
    return True

  def _path(self, number: int) -> str:
    return os.path.join(self.folder, f"part-{number:05d}.arrow")


def _bounds(store: Store | WindowStore) -> np.ndarray:
  """Returns the first clip of each part, and the end; a part lasts about PART_S seconds."""
  ends_s = np.cumsum(store.num_samples) / store.sample_rate_hz
  numbers = (ends_s // PART_S).astype(np.int64)
  first = np.flatnonzero(np.diff(numbers, prepend=-1))
  return np.unique(np.concatenate([[0], first, [store.num_clips]]))
