"""python -m benchmarks.window_search: searches a million windows, all of them and by an index.

Embeddings are made up: sounds of 2,000 kinds in 40 recordings, each five windows long, with noise.
They are kept in files like those of real ones. Queries are sounds of such kinds in a recording that
is not among them. The table shows how long an index takes, one search and one of twenty queries,
and how many of the twenty hits of each query are the exact ones.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.exporting.rows import Rows
from contrastive_audio.utils import markdown_table, progress_bar
from contrastive_audio.utils.extras import require_faiss

if TYPE_CHECKING:
  from downstream.encoders.window_index import WindowIndex
  from downstream.encoders.window_search import Hit

EXAMPLES = (
  "python -m benchmarks.window_search",
  "python -m benchmarks.window_search --windows=100000 --embedding_size=5120",
)
_QUERIES, _HITS = 20, 20
_KINDS, _RECORDINGS, _EVENT_WINDOWS = 2000, 40, 5
_NOISE = 0.7  # of a recording, and of a window, beside a sound
_AT_ONCE = 10_000


def main(_: Sequence[str]) -> None:
  num_windows, size = _RECORDINGS * (FLAGS.windows // _RECORDINGS), FLAGS.embedding_size
  require_faiss()
  start_tensorflow()
  from downstream.encoders.part_files import read_part, write_part
  from downstream.encoders.window_index import WindowIndex

  with tempfile.TemporaryDirectory(prefix="windows-") as folder:
    path = f"{folder}/part.arrow"
    with progress_bar.stage("making embeddings up"):
      write_part(path, made_up(num_windows, size))
    embeddings = SimpleNamespace(folder=folder, parts=lambda: read_part(path, size))
    start_s = time.perf_counter()
    index = WindowIndex(embeddings, num_windows, size).make()  # type: ignore[arg-type]
    made_s = time.perf_counter() - start_s
    show(embeddings, num_windows, size, index, made_s)


def show(
  embeddings: SimpleNamespace, num_windows: int, size: int, index: "WindowIndex", made_s: float
) -> None:
  """Searches in both ways; prints the table."""
  exact_s, exact = _searched(embeddings, num_windows, size, None)
  index_s, found = _searched(embeddings, num_windows, size, index)
  same = [len({*one} & {*other}) / _HITS for one, other in zip(_places(found), _places(exact))]
  first = np.mean([one[0] == other[0] for one, other in zip(_places(found), _places(exact))])
  rows = [
    ["every window", "", *(f"{seconds:.2f}" for seconds in exact_s), "100", "100"],
    ["index", f"{made_s:.0f}", *(f"{seconds:.2f}" for seconds in index_s)],
  ]
  rows[1] += [f"{100 * np.mean(same):.0f}", f"{100 * first:.0f}"]
  print(f"\n{num_windows:,} windows of {size}, the best {_HITS} stretches\n")
  headings = ["search", "made in (s)", "one query (s)", f"{_QUERIES} queries (s)"]
  markdown_table.show([*headings, "same hits (%)", "same first hit (%)"], rows)


def made_up(num_windows: int, size: int) -> Iterator[Rows]:
  """Yields (numbers of windows, float32 `[some, size]`), some at a time.

  Args:
    num_windows: of all recordings.
    size: of an embedding.

  Example:
    >>> [values.shape for _, values in made_up(num_windows=400, size=8)]
    [(400, 8)]
  """
  sounds, rng = _sounds(size), np.random.default_rng(0)
  places = _NOISE * rng.normal(size=[_RECORDINGS, size]).astype(np.float32)
  kinds = rng.integers(0, _KINDS, -(-num_windows // _EVENT_WINDOWS))
  for first in range(0, num_windows, _AT_ONCE):
    numbers = np.arange(first, min(first + _AT_ONCE, num_windows))
    noise = _NOISE * rng.normal(size=[len(numbers), size]).astype(np.float32)
    place = places[numbers // (num_windows // _RECORDINGS)]
    yield numbers.astype(np.int32), sounds[kinds[numbers // _EVENT_WINDOWS]] + place + noise


def _sounds(size: int) -> np.ndarray:
  """Returns an embedding for each kind of sound, float32 `[_KINDS, size]`."""
  return np.random.default_rng(1).standard_normal([_KINDS, size], np.float32)


def _queries(size: int) -> np.ndarray:
  """Returns sounds of some kinds, as another recording has them, float32 `[_QUERIES, size]`."""
  rng = np.random.default_rng(2)
  kinds = rng.choice(_KINDS, _QUERIES, replace=False)
  place, noise = np.split(rng.standard_normal([1 + _QUERIES, size], np.float32), [1])
  return _sounds(size)[kinds] + _NOISE * (place + noise)


def _searched(
  embeddings: SimpleNamespace, num_windows: int, size: int, index: "WindowIndex | None"
) -> tuple[list[float], list[list["Hit"]]]:
  """Searches for one query, then for twenty; returns (how long each took, the hits of the last)."""
  from downstream.encoders.window_search import search
  from downstream.encoders.window_store import WindowStore

  lengths = np.full(_RECORDINGS, num_windows // _RECORDINGS)  # windows of a second, end to end
  recordings = SimpleNamespace(
    sample_rate_hz=1, num_samples=lengths, num_clips=_RECORDINGS, digest=""
  )
  windows = WindowStore(recordings, hop_samples=1, window_samples=1)  # type: ignore[arg-type]
  queries = _queries(size)
  seconds, found = list[float](), list[list["Hit"]]()
  for count in (1, _QUERIES):
    start_s = time.perf_counter()
    some = queries[:count]
    found = search(embeddings, windows, recordings, some, _HITS, index).found  # type: ignore[arg-type]
    seconds.append(time.perf_counter() - start_s)
  return seconds, found


def _places(found: list[list["Hit"]]) -> list[list[tuple[int, float, float]]]:
  return [[(hit.clip, hit.start_s, hit.end_s) for hit in hits] for hits in found]


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_integer("windows", 1_000_000, "Windows of all recordings.", lower_bound=4000)
    flags.DEFINE_integer("embedding_size", 512, "Numbers of an embedding.", lower_bound=2)


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
