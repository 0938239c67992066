"""The nearest clips of each query: a list, and a page to listen to them.

neighbours.csv  the nearest clips of each query, by the cosine similarity of their embeddings
index.html      a page with players for some queries and their nearest clips, see listening_page

Letters: q queries, n clips, K neighbours of each query, D embedding.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring.knn import normalise_rows
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.spreadsheets import write_csv
from downstream.encoders.listening_page import Sound, shown_queries, sound_of_clip, write_page

_PLAYED_S = 10.0
_QUERIES_AT_ONCE = 1024  # bounds the memory of their similarities


@dataclasses.dataclass(frozen=True)
class Neighbours:
  """The nearest clips of each query.

  Attributes:
    queries: clips whose neighbours were searched; if these were all clips, the same object as
      `clips`.
    clips: the clips that were searched.
    numbers: int `[q, K]`, numbers of the nearest clips, the most similar first.
    similarities: float `[q, K]`, their cosine similarities.

  Example:
    >>> Neighbours(None, None, np.array([[3, 1]]), np.array([[0.9, 0.2]])).numbers[0].tolist()
    [3, 1]
  """

  queries: Store
  clips: Store
  numbers: np.ndarray
  similarities: np.ndarray


def nearest(
  queries: np.ndarray, rows: np.ndarray, count: int, are_rows: bool = False
) -> tuple[np.ndarray, np.ndarray]:
  """Finds the rows that are most similar to each query.

  Args:
    queries: float `[q, D]`.
    rows: float `[n, D]`.
    count: K; if there are fewer rows, all of them are returned.
    are_rows: whether the queries are the rows; a row is not its own neighbour.

  Returns:
    (numbers of rows, int `[q, K]`, the most similar first; cosine similarities `[q, K]`).

  Example:
    >>> queries, rows = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0], [2.0, 0.0]])
    >>> nearest(queries, rows, count=2)
    (array([[1, 0]]), array([[1., 0.]]))
  """
  queries, rows = normalise_rows(queries), normalise_rows(rows)
  count = min(count, len(rows) - are_rows)
  numbers, similarities = [], []
  for first in range(0, len(queries), _QUERIES_AT_ONCE):
    products = queries[first : first + _QUERIES_AT_ONCE] @ rows.T
    if are_rows:
      products[range(len(products)), range(first, first + len(products))] = -np.inf
    numbers.append(np.argsort(-products, axis=1, kind="stable")[:, :count])
    similarities.append(np.take_along_axis(products, numbers[-1], axis=1))
  return np.concatenate(numbers), np.concatenate(similarities)


def find_neighbours(
  embed: Callable[[Store], np.ndarray], clips: Store, queries: Store | None, count: int
) -> Neighbours:
  """Embeds clips and queries, and finds the nearest clips of each query.

  Args:
    embed: store -> embeddings of its clips, `[n, D]`.
    clips: the clips to search.
    queries: clips whose neighbours are searched; None: all of `clips`.
    count: K.

  Raises:
    UserError: there is only one clip, which has no neighbours.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> clips = prepare(open_synthetic(clips_per_class=2), 16_000).select([0, 1, 2])
    >>> embed = lambda store: np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    >>> find_neighbours(embed, clips, queries=None, count=1).numbers.tolist()
    [[2], [2], [0]]
  """
  if queries is None and clips.num_clips < 2:
    raise UserError("a single clip has no neighbours: pass at least two as --input, or --queries")
  rows = embed(clips)
  query_rows = rows if queries is None else embed(queries)
  numbers, similarities = nearest(query_rows, rows, count, are_rows=queries is None)
  return Neighbours(
    queries=clips if queries is None else queries,
    clips=clips,
    numbers=numbers,
    similarities=similarities,
  )


def write_neighbours(folder: str, neighbours: Neighbours, num_shown: int, title: str) -> None:
  """Writes the list and the page.

  Args:
    folder: where to write them.
    neighbours: the nearest clips of each query.
    num_shown: number of queries on the page.
    title: of the page.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> clips = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> neighbours = Neighbours(clips, clips, np.array([[1], [0]]), np.array([[0.9], [0.9]]))
    >>> write_neighbours("page", neighbours, num_shown=2, title="Bells")
    >>> sorted(os.listdir("page"))
    ['clips', 'index.html', 'neighbours.csv']
  """
  make_folder(folder)
  write_csv(os.path.join(folder, "neighbours.csv"), _list_rows(neighbours))
  shown = shown_queries(len(neighbours.numbers), num_shown)
  introduction = (
    "Each row starts with a query, followed by its nearest clips and their cosine similarities. "
    f"Players play at most the first {_PLAYED_S:g} s, all at the same level."
  )
  rows = (_sounds(neighbours, int(query)) for query in shown)
  write_page(folder, title, introduction, rows, neighbours.clips.sample_rate_hz)


def _list_rows(neighbours: Neighbours) -> Iterator[list[object]]:
  """Yields the rows of neighbours.csv."""
  keys, labels = neighbours.clips.keys(), neighbours.clips.labels()
  queries = neighbours.queries.keys()
  yield ["query", "rank", "file", "similarity", "label"]
  for query, numbers, similarities in zip(queries, neighbours.numbers, neighbours.similarities):
    for rank, (clip, similarity) in enumerate(zip(numbers, similarities), start=1):
      yield [query, rank, keys[clip], f"{similarity:.4f}", labels[clip] or ""]


def _sounds(neighbours: Neighbours, query: int) -> Iterator[Sound]:
  """Yields a row of the page."""
  kind = "clip" if neighbours.queries is neighbours.clips else "query"
  queries, clips = neighbours.queries, neighbours.clips
  name, (label,) = f"{kind}-{query}", queries.labels([query])
  yield sound_of_clip(queries, query, name, "query", longest_s=_PLAYED_S, kind="query")
  labels = clips.labels(neighbours.numbers[query])
  nearest_clips = zip(neighbours.numbers[query], neighbours.similarities[query], labels)
  for number, similarity, other in nearest_clips:
    kind = {None: "", True: "same", False: "other"}[_share_class(label, other)]
    name, caption = f"clip-{number}", f"{similarity:.2f}"
    yield sound_of_clip(clips, int(number), name, caption, longest_s=_PLAYED_S, kind=kind)


def print_neighbours(folder: str, neighbours: Neighbours) -> None:
  """Prints what was written and, if there are labels, how many neighbours share the query's.

  Args:
    folder: where it was written.
    neighbours: the nearest clips of each query.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> clips = prepare(open_synthetic(clips_per_class=2), 16_000).select([0, 1])
    >>> print_neighbours("page", Neighbours(clips, clips, np.array([[1], [0]]), np.ones([2, 1])))
    neighbours page/neighbours.csv: 2 queries, the 1 nearest of 2 clips for each
    same class 100.0 % of neighbours
    listen     page/index.html (open it in a browser)
  """
  path = os.path.join(folder, "neighbours.csv")
  queries, clips = neighbours.queries, neighbours.clips
  num_queries = "1 query" if queries.num_clips == 1 else f"{queries.num_clips} queries"
  nearest_clips = f"the {neighbours.numbers.shape[1]} nearest of {clips.num_clips} clips"
  line("neighbours", f"{path}: {num_queries}, {nearest_clips} for each")
  labels = clips.labels()
  shared = [
    _share_class(label, labels[number])
    for label, numbers in zip(queries.labels(), neighbours.numbers)
    for number in numbers
  ]
  is_same = [share for share in shared if share is not None]
  if is_same:
    unknown = f", without the {len(shared) - len(is_same)} whose class is not known"
    share = f"{100 * np.mean(is_same):.1f} % of neighbours"
    line("same class", share + unknown * (len(is_same) < len(shared)))
  line("listen", f"{os.path.join(folder, 'index.html')} (open it in a browser)")


def _share_class(label: str | None, other: str | None) -> bool | None:
  """Whether two clips have a class in common; None if that of one is not known."""
  if label is None or other is None:
    return None
  return not {*label.split(LABEL_SEPARATOR)}.isdisjoint(other.split(LABEL_SEPARATOR))
