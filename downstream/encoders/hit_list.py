"""The hits of a search in long recordings as a list, and as a page to listen to."""

import os
from collections.abc import Iterator

from contrastive_audio.cli.console import line
from contrastive_audio.datasets.stretches import recording_of, start_s_of
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.spreadsheets import write_csv
from contrastive_audio.utils.words import counted
from downstream.encoders.listening_page import Sound, shown_queries, sound_of_clip, write_page
from downstream.encoders.window_search import Hits

LIST = "neighbours.csv"


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
    >>> from downstream.encoders.window_search import Hit
    >>> from downstream.encoders.window_store import WindowStore
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
  """Yields the rows of neighbours.csv; times count from the start of the file."""
  keys = hits.windows.recordings.keys()
  yield ["query", "rank", "file", "start_s", "end_s", "similarity"]
  for query, found in zip(hits.queries.keys(), hits.found):
    for rank, hit in enumerate(found, start=1):
      first_s = start_s_of(keys[hit.clip])
      times = (f"{first_s + time_s:.3f}" for time_s in (hit.start_s, hit.end_s))
      yield [query, rank, recording_of(keys[hit.clip]), *times, f"{hit.similarity:.4f}"]


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
    >>> from downstream.encoders.window_search import Hit
    >>> from downstream.encoders.window_store import WindowStore
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
