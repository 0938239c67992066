"""Where in long recordings something sounds like a query: hits, by blocks of windows or an index.

Letters: q queries, W windows of all recordings, D embedding.
"""

import dataclasses

import numpy as np
from threadpoolctl import threadpool_limits

from contrastive_audio.monitoring.knn import normalise_rows
from contrastive_audio.store.store import Store
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.window_index import WindowIndex
from downstream.encoders.window_store import WindowStore

_LONGEST_S = 60.0  # of a hit; what goes on for longer is several
_NAMED_PER_HIT = 16  # windows that an index is asked for, at first
_SAMPLED = 4096  # windows, of an index, that tell the median
_ROUNDING = 1e-3  # of similarities in an index
_SIMILARITIES_AT_ONCE = 1 << 26  # bounds the memory: a quarter of a gigabyte


@dataclasses.dataclass(frozen=True)
class Hit:
  """A stretch of a recording that sounds like a query.

  Attributes:
    clip: number of the recording.
    start_s: where it starts.
    end_s: where it ends.
    similarity: cosine similarity of the most similar of its windows.

  Example:
    >>> Hit(clip=0, start_s=61.5, end_s=63.0, similarity=0.93).end_s
    63.0
  """

  clip: int
  start_s: float
  end_s: float
  similarity: float


@dataclasses.dataclass(frozen=True)
class Hits:
  """The hits of each query.

  Attributes:
    queries: clips that were searched for.
    windows: where they were searched.
    found: for each query its hits, the most similar first.

  Example:
    >>> Hits(None, None, [[Hit(0, 61.5, 63.0, 0.93)]]).found[0][0].similarity
    0.93
  """

  queries: Store
  windows: WindowStore
  found: list[list[Hit]]


def search(
  embeddings: Embeddings,
  windows: WindowStore,
  queries: Store,
  rows: np.ndarray,
  count: int,
  index: WindowIndex | None = None,
) -> Hits:
  """Finds the stretches that are most similar to each query.

  Args:
    embeddings: of the windows, finished.
    windows: where to search.
    queries: what to search for.
    rows: their embeddings, float `[q, D]`.
    count: number of hits of each query.
    index: of the windows, finished; None: every window is compared.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> from downstream.encoders.window_store import cut_windows
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> model = open_model("logmel_stats")
    >>> windows = cut_windows(store, model)
    >>> query = store.select([4])
    >>> rows = Embeddings(model, query).make().of_clips()
    >>> hits = search(Embeddings(model, windows).make(), windows, query, rows, count=1)
    >>> hits.found[0][0].clip
    4
  """
  if index:
    return Hits(queries, windows, [indexed_hits(index, windows, row, count) for row in rows])
  found: list[list[Hit]] = []
  at_once = max(1, _SIMILARITIES_AT_ONCE // windows.num_clips)
  for first in range(0, len(rows), at_once):
    some = rows[first : first + at_once]
    for values in cosine_similarities(embeddings, some, windows.num_clips):
      found.append(find_hits(values, windows, count))
  return Hits(queries, windows, found)


def cosine_similarities(embeddings: Embeddings, rows: np.ndarray, num_windows: int) -> np.ndarray:
  """Returns the cosine similarities of some queries and all windows, float32 `[q, W]`.

  Args:
    embeddings: of the windows, finished.
    rows: embeddings of the queries, float `[q, D]`.
    num_windows: W.

  Example:
    >>> class Two:
    ...   def parts(self):
    ...     yield np.array([0]), np.array([[0.0, 2.0]])
    ...     yield np.array([1]), np.array([[3.0, 0.0]])
    >>> cosine_similarities(Two(), np.array([[1.0, 0.0]]), num_windows=2).tolist()
    [[0.0, 1.0]]
  """
  rows = normalise_rows(rows).astype(np.float32)
  found = np.empty([len(rows), num_windows], np.float32)
  with threadpool_limits(1):  # in blocks of this size, threads mostly wait for each other
    for numbers, values in embeddings.parts():
      found[:, numbers[0] : numbers[-1] + 1] = rows @ normalise_rows(values).T
  return found


def indexed_hits(
  index: WindowIndex, windows: WindowStore, row: np.ndarray, count: int
) -> list[Hit]:
  """Finds the hits of a query as `find_hits` does, among windows that an index names.

  The median of all windows is that of a sample of them. Of windows that the index does not name,
  only those around the others are compared; all of them, if there are few.

  Args:
    index: of the windows, finished.
    windows: where they lie.
    row: embedding of the query, float `[D]`.
    count: number of hits.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> model = open_model("logmel_stats")
    >>> windows = WindowStore(prepare(open_synthetic(clips_per_class=1), 16_000), 8_000, 16_000)
    >>> embeddings = Embeddings(model, windows).make()
    >>> index = WindowIndex(embeddings, windows.num_clips, model.embedding_size).make()
    >>> query = np.concatenate([values for _, values in embeddings.parts()])[2]
    >>> (hit,) = indexed_hits(index, windows, query, count=1)
    >>> hit.clip, hit.start_s <= 1.0, hit.end_s >= 2.0
    (0, True, True)
  """
  sample = np.unique(np.linspace(0, index.num_windows - 1, _SAMPLED).round().astype(np.int64))
  background = float(np.median(index.similarities(row, sample)))
  asked = _NAMED_PER_HIT * count
  while asked < index.num_windows:
    named, values = index.nearest(row, asked)
    hits = find_hits(
      _known(index, windows, row, _around(named, windows)), windows, count, background
    )
    hits = [hit for hit in hits if hit.similarity >= values[-1] - _ROUNDING]
    if len(hits) == count:  # others may be nearer than those that were not named
      return hits
    asked *= 4
  every = np.arange(index.num_windows)
  return find_hits(_known(index, windows, row, every), windows, count, background)


def _known(
  index: WindowIndex, windows: WindowStore, row: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
  """Returns the similarities of all windows, -inf where it is none of some, float32 `[W]`."""
  similarities = np.full(windows.num_clips, -np.inf, np.float32)
  similarities[numbers] = index.similarities(row, numbers)
  return similarities


def _around(named: np.ndarray, windows: WindowStore) -> np.ndarray:
  """Returns the windows that a hit around some may reach, in order."""
  reach = int(_LONGEST_S / 2 * windows.sample_rate_hz) // windows.hop_samples + 2
  edges = np.zeros(windows.num_clips + 1, np.int64)
  np.add.at(edges, np.maximum(named - reach, 0), 1)
  np.add.at(edges, np.minimum(named + reach + 1, windows.num_clips), -1)
  return np.flatnonzero(np.cumsum(edges[:-1]) > 0)


def find_hits(
  similarities: np.ndarray, windows: WindowStore, count: int, background: float | None = None
) -> list[Hit]:
  """Merges neighbouring windows that are similar to a query into hits.

  A hit is the most similar window and its neighbours, as far as they touch and are more similar
  than halfway between it and the median of all windows; they start at most half a minute before or
  after it. Windows that overlap with a hit are in no other.

  Args:
    similarities: float `[W]`; -inf: not known, in no hit.
    windows: where they lie.
    count: number of hits; there are fewer if there are fewer stretches.
    background: that of most windows; None: the median.

  Returns:
    Hits, the most similar first.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000).select([0])  # 2.27 s
    >>> windows = WindowStore(store, hop_samples=4_000, window_samples=8_000)
    >>> similarities = np.array([0.1, 0.1, 0.7, 0.9, 0.1, 0.1, 0.2, 0.1, 0.1])
    >>> [(hit.start_s, hit.end_s) for hit in find_hits(similarities, windows, count=2)]
    [(0.5, 1.25), (1.5, 2.0)]
  """
  left = np.array(similarities, np.float32)
  background = float(np.median(left)) if background is None else background
  hits: list[Hit] = []
  while len(hits) < count and np.isfinite(peak := left[best := int(left.argmax())]):
    first = _furthest(left, windows, best, -1, (peak + background) / 2)
    last = _furthest(left, windows, best, 1, (peak + background) / 2)
    starts_s, ends_s = windows.spans_s([first, last])
    clip = int(windows.clips[best])
    hits.append(Hit(clip, float(starts_s[0]), float(ends_s[1]), float(peak)))
    left[_overlapping(windows, first, -1) : _overlapping(windows, last, 1) + 1] = -np.inf
  return hits


def _furthest(left: np.ndarray, windows: WindowStore, best: int, step: int, level: float) -> int:
  """Returns the last window of a hit in one direction."""
  number, rate_hz = best, windows.sample_rate_hz
  while _is_neighbour(windows, best, number + step) and left[number + step] > level:
    if abs(windows.starts[number + step] - windows.starts[best]) > _LONGEST_S / 2 * rate_hz:
      break
    if _gap_samples(windows, number, number + step) > 0:  # nothing was compared in between
      break
    number += step
  return number


def _overlapping(windows: WindowStore, edge: int, step: int) -> int:
  """Returns the last window in one direction that overlaps with the one at the edge of a hit."""
  number = edge
  while _is_neighbour(windows, edge, number + step):
    if _gap_samples(windows, edge, number + step) >= 0:
      break
    number += step
  return number


def _gap_samples(windows: WindowStore, number: int, other: int) -> int:
  """Returns how far apart two windows of a clip are; below 0: by how much they overlap."""
  before, after = sorted((number, other))
  return int(windows.starts[after] - windows.starts[before] - windows.num_samples[before])


def _is_neighbour(windows: WindowStore, number: int, other: int) -> bool:
  return 0 <= other < windows.num_clips and windows.clips[number] == windows.clips[other]
