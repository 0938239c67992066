"""Where in long recordings something sounds like a query: hits, exact, by blocks of windows.

Letters: q queries, W windows of all recordings, D embedding.
"""

import dataclasses
import os
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from contrastive_audio.cli.console import line
from contrastive_audio.monitoring.knn import normalise_rows
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.spreadsheets import write_csv
from contrastive_audio.utils.words import counted
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.listening_page import Sound, shown_queries, sound_of_clip, write_page
from downstream.encoders.window_store import WindowStore

LIST = "neighbours.csv"
_LONGEST_S = 60.0  # of a hit; what goes on for longer is several
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
  embeddings: Embeddings, windows: WindowStore, queries: Store, rows: np.ndarray, count: int
) -> Hits:
  """Finds the stretches that are most similar to each query.

  Args:
    embeddings: of the windows, finished.
    windows: where to search.
    queries: what to search for.
    rows: their embeddings, float `[q, D]`.
    count: number of hits of each query.

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


def find_hits(similarities: np.ndarray, windows: WindowStore, count: int) -> list[Hit]:
  """Merges neighbouring windows that are similar to a query into hits.

  A hit is the most similar window and its neighbours, as far as they are more similar than halfway
  between it and the median of all windows, but at most a minute. Windows that overlap with a hit
  are in no other.

  Args:
    similarities: float `[W]`.
    windows: where they lie.
    count: number of hits; there are fewer if there are fewer stretches.

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
  background = float(np.median(left))
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
    number += step
  return number


def _overlapping(windows: WindowStore, edge: int, step: int) -> int:
  """Returns the last window in one direction that overlaps with the one at the edge of a hit."""
  number = edge
  while _is_neighbour(windows, edge, number + step):
    before, after = sorted((edge, number + step))
    if windows.starts[before] + windows.num_samples[before] <= windows.starts[after]:
      break
    number += step
  return number


def _is_neighbour(windows: WindowStore, number: int, other: int) -> bool:
  return 0 <= other < windows.num_clips and windows.clips[number] == windows.clips[other]


def write_hits(folder: str, hits: Hits, num_shown: int, title: str) -> None:
  """Writes the list and the page.

  Args:
    folder: where to write them.
    hits: of all queries.
    num_shown: number of queries on the page.
    title: of the page.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> windows = WindowStore(store, hop_samples=8_000, window_samples=16_000)
    >>> hits = Hits(store.select([3]), windows, [[Hit(0, 0.5, 1.5, 0.9)]])
    >>> write_hits("found", hits, num_shown=1, title="Bells")
    >>> sorted(os.listdir("found"))
    ['clips', 'index.html', 'neighbours.csv']
  """
  make_folder(folder)
  write_csv(os.path.join(folder, LIST), _list_rows(hits))
  shown = shown_queries(len(hits.found), num_shown)
  introduction = (
    "Each row starts with a query, followed by what is most similar to it, with the cosine "
    "similarity. Players play exactly the stretch that is named, all at the same level."
  )
  rate_hz = hits.windows.sample_rate_hz
  write_page(folder, title, introduction, (_sounds(hits, int(i)) for i in shown), rate_hz)


def _list_rows(hits: Hits) -> Iterator[list[object]]:
  """Yields the rows of neighbours.csv."""
  keys = hits.windows.recordings.keys()
  yield ["query", "rank", "file", "start_s", "end_s", "similarity"]
  for query, found in zip(hits.queries.keys(), hits.found):
    for rank, hit in enumerate(found, start=1):
      times = (f"{time_s:.3f}" for time_s in (hit.start_s, hit.end_s))
      yield [query, rank, keys[hit.clip], *times, f"{hit.similarity:.4f}"]


def _sounds(hits: Hits, query: int) -> Iterator[Sound]:
  """Yields a row of the page."""
  yield sound_of_clip(hits.queries, query, f"query-{query}", "query", kind="query")
  recordings, rate_hz = hits.windows.recordings, hits.windows.sample_rate_hz
  for hit in hits.found[query]:
    first, end = round(hit.start_s * rate_hz), round(hit.end_s * rate_hz)
    name = f"hit-{hit.clip}-{first}-{end}"
    yield sound_of_clip(recordings, hit.clip, name, f"{hit.similarity:.2f}", (first, end))


def print_hits(folder: str, hits: Hits) -> None:
  """Prints what was written.

  Args:
    folder: where it was written.
    hits: of all queries.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> windows = WindowStore(store, hop_samples=8_000, window_samples=16_000)
    >>> print_hits("found", Hits(store.select([3]), windows, [[Hit(0, 0.5, 1.5, 0.9)]]))
    neighbours found/neighbours.csv: 1 query, 1 hit in 0.01 hours (35 windows)
    listen     found/index.html (open it in a browser)
  """
  queries = counted(len(hits.found), "query", "queries")
  num_hits = counted(sum(map(len, hits.found)), "hit")
  searched = f"{hits.windows.hours:.2f} hours ({counted(hits.windows.num_clips, 'window')})"
  line("neighbours", f"{os.path.join(folder, LIST)}: {queries}, {num_hits} in {searched}")
  line("listen", f"{os.path.join(folder, 'index.html')} (open it in a browser)")
