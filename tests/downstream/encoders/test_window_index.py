"""An index of windows finds what comparing all of them finds, and is made part by part."""

import csv
import os
import types

import numpy as np
import pytest
import soundfile

from downstream.encoders import window_index, window_search
from downstream.encoders.window_index import WindowIndex
from downstream.encoders.window_store import WindowStore
from tests.downstream.encoders.test_window_search import RATE_HZ, memory_store
from tests.support import assert_close, command, tone

pytest.importorskip("faiss", reason="the extra [index] is not installed")
COUNT, SIZE = 3000, 16


@pytest.fixture
def rows():
  """Embeddings of windows in 60 groups of neighbours."""
  rng = np.random.default_rng(0)
  centres = np.repeat(rng.normal(size=[60, SIZE]), COUNT // 60, axis=0)
  return (centres + 0.5 * rng.normal(size=[COUNT, SIZE])).astype("f")


@pytest.fixture
def embeddings(rows, tmp_path, monkeypatch):
  """Embeddings in blocks of 700, whose index has parts of 1,000 windows."""
  monkeypatch.setattr(window_index, "PART_WINDOWS", 1000)
  blocks = [np.arange(start, min(start + 700, COUNT)) for start in range(0, COUNT, 700)]
  return types.SimpleNamespace(
    folder=str(tmp_path), parts=lambda: ((numbers, rows[numbers]) for numbers in blocks)
  )


def units(rows):
  return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_the_rows_of_an_index_are_the_normalised_embeddings_in_any_order(embeddings, rows):
  index = WindowIndex(embeddings, COUNT).make()
  numbers = np.random.default_rng(1).permutation(COUNT)
  assert_close(index.rows(numbers), units(rows[numbers]), atol=1e-3)


def test_an_index_that_probes_every_cell_finds_exactly_the_nearest(embeddings, rows, monkeypatch):
  monkeypatch.setattr(window_index, "_PROBED", 1.0)
  index = WindowIndex(embeddings, COUNT).make()
  for query in np.random.default_rng(2).normal(size=[5, SIZE]).astype("f"):
    exact = units(rows) @ units(query)
    numbers, similarities = index.nearest(query, 40)
    assert_close(similarities, np.sort(exact)[::-1][:40], atol=1e-3)
    assert_close(exact[numbers], similarities, atol=1e-3)
    everything, _ = index.nearest(query, 10 * COUNT)
    assert sorted(everything) == list(range(COUNT))


def test_hits_of_an_index_are_nearly_those_of_all_windows(embeddings, rows):
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  assert windows.num_clips == COUNT
  queries = rows[::500] + 0.1
  index = WindowIndex(embeddings, COUNT).make()
  ours, exact = (
    window_search.search(embeddings, windows, None, queries, 5, kind).found
    for kind in (index, None)
  )
  spans = [
    {(hit.clip, hit.start_s, hit.end_s) for found in kind for hit in found}
    for kind in (ours, exact)
  ]
  assert all(len(found) == 5 for found in ours)
  assert len(spans[0] & spans[1]) >= 0.8 * len(spans[1])
  for found, desired in zip(ours, exact):  # the best one is there, as it was
    assert (found[0].clip, found[0].start_s) == (desired[0].clip, desired[0].start_s)
    assert_close(found[0].similarity, desired[0].similarity, atol=1e-3)


def test_more_hits_than_there_are_stretches_are_all_stretches(embeddings, rows, monkeypatch):
  monkeypatch.setattr(window_index, "_PROBED", 1.0)
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  index = WindowIndex(embeddings, COUNT).make()
  ours, exact = (
    window_search.search(embeddings, windows, None, rows[:1], 10_000, kind).found[0]
    for kind in (index, None)
  )
  assert abs(len(ours) - len(exact)) <= 0.02 * len(exact)  # similarities are rounded
  assert min(hit.similarity for hit in ours) > -1.01


def test_neighbours_of_the_best_window_do_not_pass_for_the_next_hits(embeddings, rows, monkeypatch):
  monkeypatch.setattr(window_index, "_PROBED", 1.0)
  monkeypatch.setattr(window_search, "_NAMED_PER_HIT", 1)  # all of them in one stretch
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  index = WindowIndex(embeddings, COUNT).make()
  for query in rows[::500]:
    ours, exact = (
      window_search.search(embeddings, windows, None, query[None], 5, kind).found[0]
      for kind in (index, None)
    )
    similarities = [[hit.similarity for hit in hits] for hits in (ours, exact)]
    assert_close(similarities[0], similarities[1], atol=5e-3)


def test_parts_of_another_size_are_made_again(embeddings, rows, monkeypatch):
  WindowIndex(embeddings, COUNT).make()
  monkeypatch.setattr(window_index, "PART_WINDOWS", 1500)
  index = WindowIndex(embeddings, COUNT).make()
  assert_close(index.rows(np.arange(COUNT)), units(rows), atol=1e-3)


def test_only_missing_and_damaged_parts_are_made_again(embeddings, capsys):
  WindowIndex(embeddings, COUNT).make()
  first, second, third = (os.path.join(embeddings.folder, f"index-0000{n}.faiss") for n in range(3))
  before = os.stat(third).st_mtime_ns
  os.remove(first)
  with open(second, "r+b") as file:
    file.truncate(1000)
  numbers, _ = WindowIndex(embeddings, COUNT).make().nearest(np.ones(SIZE), 10)
  assert len(numbers) == 10
  assert os.path.exists(first)
  assert os.stat(third).st_mtime_ns == before
  assert f"{second}: its windows are indexed again" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_finds_the_same_call_with_an_index_as_without(tmp_path):
  wave = np.random.default_rng(0).normal(0, 0.02, 40 * RATE_HZ).astype("f")
  wave[12 * RATE_HZ :][: 2 * RATE_HZ] += tone(900, 2.0)
  os.makedirs(tmp_path / "recordings")
  soundfile.write(tmp_path / "recordings" / "night.wav", wave, RATE_HZ)
  soundfile.write(tmp_path / "call.wav", tone(900, 1.5), RATE_HZ)
  options = ["--model=logmel_stats", "--input=recordings", "--queries=call.wav", "--neighbours=1"]
  found = {}
  for output, more in (("exact", []), ("indexed", ["--index"])):
    command("downstream.neighbours", *options, f"--output={output}", *more, cwd=tmp_path)
    with open(tmp_path / output / "neighbours.csv", newline="") as file:
      (found[output],) = csv.DictReader(file)
  assert found["exact"]["start_s"] == found["indexed"]["start_s"]
  assert found["exact"]["end_s"] == found["indexed"]["end_s"]
  assert 11 < float(found["exact"]["start_s"]) < 13
