"""An index of the windows of long recordings: made once, it answers a search in a moment.

It is in parts beside the embeddings: an inverted file of faiss each, whose vectors have 16 bits and
stay on disk. Making it goes on at the next part.

Letters: W windows of all recordings, D embedding, k windows of a query.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import filelock
import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.monitoring.knn import normalise_rows
from contrastive_audio.utils import checksums, progress_bar
from contrastive_audio.utils.files import read_json
from downstream.encoders import parts_plan
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.part_files import writing

_PART_VALUES = 1 << 25  # of the embeddings of a part; bounds the memory: an eighth of a gigabyte
_PROBED = 1 / 4  # of the cells of a part
_TRAINING_ROWS = 40  # of a cell
_CHECKSUM = ".xxh3"  # after the name of a part: its checksum, written last


class WindowIndex:
  """Finds windows by cosine similarity without comparing all of them; nearly all that are near.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> from downstream.encoders.window_store import cut_windows
    >>> model = open_model("logmel_stats")
    >>> windows = cut_windows(prepare(open_synthetic(clips_per_class=1), 16_000), model)
    >>> embeddings = Embeddings(model, windows).make()
    >>> index = WindowIndex(embeddings, windows.num_clips, model.embedding_size).make()
    >>> query = next(iter(embeddings.parts()))[1][7]
    >>> numbers, similarities = index.nearest(query, count=1)
    >>> int(numbers[0]), round(float(similarities[0]), 2)
    (7, 1.0)
    >>> index.similarities(query, np.array([7])).round(2).tolist()
    [1.0]
  """

  def __init__(self, embeddings: Embeddings, num_windows: int, embedding_size: int):
    """Makes nothing yet.

    Args:
      embeddings: of the windows, finished.
      num_windows: W.
      embedding_size: D.
    """
    self.num_windows = num_windows
    self._part_windows = max(1, _PART_VALUES // embedding_size)
    self._embeddings = embeddings
    self._parts: list[Any] = []

  def make(self) -> "WindowIndex":
    """Makes the parts that are missing, opens all of them, and returns self."""
    starts = range(0, self.num_windows, self._part_windows)
    with filelock.FileLock(os.path.join(self._embeddings.folder, parts_plan.LOCK)):
      opened = {start: self._open(start) for start in starts}
      if missing := {start for start, part in opened.items() if part is None}:
        self._make_parts(missing)
    self._parts = [self._open(start) if start in missing else opened[start] for start in starts]
    return self

  def nearest(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (numbers int64 `[k]`, similarities float32 `[k]`) of windows, the nearest first.

    Args:
      query: its embedding, float `[D]`.
      count: k; there are fewer if the probed cells hold fewer.
    """
    rows = _normalised(query[None])
    found = [part.search(rows, min(count, part.ntotal)) for part in self._parts]
    similarities = np.concatenate([values[0] for values, _ in found])
    numbers = np.concatenate(
      [own[0] + number * self._part_windows for number, (_, own) in enumerate(found)]
    )
    is_found = np.concatenate([own[0] >= 0 for _, own in found])
    order = np.argsort(-similarities, kind="stable")
    order = order[is_found[order]][:count]
    return numbers[order], similarities[order]

  def similarities(self, query: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Returns the similarities of some windows, rounded, float32 `[k]`.

    Args:
      query: its embedding, float `[D]`.
      numbers: int `[k]`.
    """
    row, found = _normalised(query[None])[0], np.empty(len(numbers), np.float32)
    for number, part in enumerate(self._parts):
      own = np.flatnonzero(numbers // self._part_windows == number)
      if own.size:
        found[own] = part.reconstruct_batch(numbers[own] % self._part_windows) @ row
    return found

  def _make_parts(self, missing: set[int]) -> None:
    num_left = sum(min(self._part_windows, self.num_windows - start) for start in missing)
    initial = self.num_windows - num_left
    with progress_bar.make(self.num_windows, "indexing", "window", initial=initial) as bar:
      for start, values in self._blocks():
        if start in missing:
          _write(self._path(start), values)
          bar.update(len(values))

  def _blocks(self) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (number of the first window, float32 `[at most a part, D]`), normalised."""
    block: np.ndarray | None = None
    for numbers, values in self._embeddings.parts():
      if block is None:
        block = np.empty([min(self._part_windows, self.num_windows), values.shape[1]], np.float32)
      for number, row in zip(numbers.tolist(), _normalised(values)):
        start, place = number - number % self._part_windows, number % self._part_windows
        block[place] = row
        if place + 1 == self._part_windows or number + 1 == self.num_windows:
          yield start, block[: place + 1]

  def _open(self, start: int) -> Any:
    """Returns a part; None if it is not there, or damaged, which it reports."""
    import faiss

    path, count = self._path(start), min(self._part_windows, self.num_windows - start)
    if not os.path.exists(path):
      return None
    try:
      if read_json(path + _CHECKSUM) != checksums.of_file(path):
        raise ValueError("the content of the file has changed")
      part: Any = faiss.read_index(path, faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
      if part.ntotal != count:
        raise ValueError(f"{part.ntotal} of {count} windows")
    except (RuntimeError, ValueError, OSError):
      line("damaged", f"{path}: its windows are indexed again")
      return None
    part.make_direct_map()
    part.nprobe = max(1, round(_PROBED * part.nlist))
    return part

  def _path(self, start: int) -> str:
    return os.path.join(self._embeddings.folder, f"index-{start // self._part_windows:05d}.faiss")


def _write(path: str, rows: np.ndarray) -> None:
  """Writes a part and its checksum, each atomically."""
  import faiss

  num_cells = max(1, round(len(rows) ** 0.5))
  part = faiss.IndexIVFScalarQuantizer(
    faiss.IndexFlatIP(rows.shape[1]),
    rows.shape[1],
    num_cells,
    faiss.ScalarQuantizer.QT_fp16,
    faiss.METRIC_INNER_PRODUCT,
  )
  part.cp.min_points_per_centroid = 1  # it would complain
  chosen = np.linspace(0, len(rows) - 1, min(len(rows), _TRAINING_ROWS * num_cells)).round()
  part.train(rows[chosen.astype(np.int64)])
  part.add(rows)
  with writing(path) as unfinished, open(unfinished, "wb") as file:
    file.write(faiss.serialize_index(part).data)
  with writing(path + _CHECKSUM) as unfinished, open(unfinished, "w", encoding="utf-8") as text:
    json.dump(checksums.of_file(path), text)


def _normalised(rows: np.ndarray) -> np.ndarray:
  return np.ascontiguousarray(normalise_rows(rows), np.float32)
