"""An index of windows finds what comparing all of them finds, and is made part by part."""

import csv
import errno
import os
import types

import numpy as np
import pytest
import soundfile

from contrastive_audio.errors import UserError
from downstream.encoders import part_files, window_index, window_search
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
  monkeypatch.setattr(window_index, "_PART_VALUES", 1000 * SIZE)
  blocks = [np.arange(start, min(start + 700, COUNT)) for start in range(0, COUNT, 700)]
  return types.SimpleNamespace(
    folder=str(tmp_path), parts=lambda: ((numbers, rows[numbers]) for numbers in blocks)
  )


def units(rows):
  return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_similarities_are_those_of_the_embeddings_in_any_order(embeddings, rows):
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  numbers = np.random.default_rng(1).permutation(COUNT)
  for query in np.eye(SIZE, dtype="f")[:3] * 7:
    desired = units(rows[numbers]) @ units(query)
    assert_close(index.similarities(query, numbers), desired, atol=1e-3)


def test_an_index_that_probes_every_cell_finds_exactly_the_nearest(embeddings, rows, monkeypatch):
  monkeypatch.setattr(window_index, "_PROBED", 1.0)
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  for query in np.random.default_rng(2).normal(size=[5, SIZE]).astype("f"):
    exact = units(rows) @ units(query)
    numbers, similarities = index.nearest(query, 40)
    assert_close(similarities, np.sort(exact)[::-1][:40], atol=1e-3)
    assert_close(exact[numbers], similarities, atol=1e-3)
    everything, _ = index.nearest(query, 10 * COUNT)
    assert sorted(everything) == list(range(COUNT))


def test_what_the_probed_cells_do_not_hold_is_not_made_up(embeddings, rows, monkeypatch):
  monkeypatch.setattr(window_index, "_PROBED", 0.0)  # of each part one cell
  numbers, similarities = WindowIndex(embeddings, COUNT, SIZE).make().nearest(rows[0], COUNT)
  assert 0 < len(numbers) < COUNT / 4
  assert len(set(numbers.tolist())) == len(numbers)
  assert_close((units(rows) @ units(rows[0]))[numbers], similarities, atol=1e-3)


def test_a_query_that_nothing_is_like_has_the_least_unlike_hits(embeddings, rows):
  rows += 8  # all of them point one way
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  query = -np.ones([1, SIZE], "f")
  (hits,) = window_search.search(embeddings, windows, None, query, 5, index).found
  assert len(hits) == 5
  assert max(hit.similarity for hit in hits) < -0.5


def test_hits_of_an_index_are_nearly_those_of_all_windows(embeddings, rows):
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  assert windows.num_clips == COUNT
  queries = rows[::500] + 0.1
  index = WindowIndex(embeddings, COUNT, SIZE).make()
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


def test_if_nearly_all_are_wanted_every_window_is_compared(embeddings, rows):
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  ours, exact = (
    window_search.search(embeddings, windows, None, rows[:1], 1000, kind).found[0]
    for kind in (index, None)
  )
  assert abs(len(ours) - len(exact)) <= 0.02 * len(exact)  # similarities are rounded
  ends = min(len(ours), len(exact))
  values = [[hit.similarity for hit in hits[:ends]] for hits in (ours, exact)]
  assert_close(values[0], values[1], atol=0.02)


def test_neighbours_of_the_best_window_do_not_pass_for_the_next_hits(embeddings, rows, monkeypatch):
  monkeypatch.setattr(window_index, "_PROBED", 1.0)
  monkeypatch.setattr(window_search, "_NAMED_PER_HIT", 1)  # all of them in one stretch
  windows = WindowStore(memory_store([COUNT / 20] * 10), hop_samples=5, window_samples=5)
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  for query in rows[::500]:
    ours, exact = (
      window_search.search(embeddings, windows, None, query[None], 5, kind).found[0]
      for kind in (index, None)
    )
    similarities = [[hit.similarity for hit in hits] for hits in (ours, exact)]
    assert_close(similarities[0], similarities[1], atol=5e-3)


def test_parts_of_another_size_are_made_again(embeddings, rows, monkeypatch):
  WindowIndex(embeddings, COUNT, SIZE).make()
  monkeypatch.setattr(window_index, "_PART_VALUES", 1500 * SIZE)
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  everything = index.similarities(rows[0], np.arange(COUNT))
  assert_close(everything, units(rows) @ units(rows[0]), atol=1e-3)


def test_only_missing_and_damaged_parts_are_made_again(embeddings, capsys):
  WindowIndex(embeddings, COUNT, SIZE).make()
  first, second, third = (os.path.join(embeddings.folder, f"index-0000{n}.faiss") for n in range(3))
  before = os.stat(third).st_mtime_ns
  os.remove(first)
  with open(second, "r+b") as file:
    file.truncate(1000)
  numbers, _ = WindowIndex(embeddings, COUNT, SIZE).make().nearest(np.ones(SIZE), 10)
  assert len(numbers) == 10
  assert os.path.exists(first)
  assert os.stat(third).st_mtime_ns == before
  assert f"{second}: its windows are indexed again" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_part_of_which_a_few_bytes_have_changed_is_made_again(embeddings, rows, share, capsys):
  WindowIndex(embeddings, COUNT, SIZE).make()
  path = os.path.join(embeddings.folder, "index-00001.faiss")
  with open(path, "r+b") as file:
    file.seek(int(share * os.path.getsize(path)))
    file.write(b"\xff" * 8)
  index = WindowIndex(embeddings, COUNT, SIZE).make()
  assert f"{path}: its windows are indexed again" in capsys.readouterr().out
  everything = index.similarities(rows[0], np.arange(COUNT))
  assert_close(everything, units(rows) @ units(rows[0]), atol=1e-3)


def test_a_full_disk_is_one_line_that_says_that_finished_parts_are_kept(embeddings, monkeypatch):
  def refuse(path):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(part_files, "replacing", refuse)
  with pytest.raises(UserError, match=r"cannot write .*index-00000.faiss: .*parts are kept"):
    WindowIndex(embeddings, COUNT, SIZE).make()


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


@pytest.mark.slow
def test_the_benchmark_compares_both_searches(tmp_path):
  options = ["--windows=4000", "--embedding_size=8"]
  done = command("benchmarks.window_search", *options, cwd=tmp_path)
  exact, indexed = [line.split("|") for line in done.stdout.splitlines()[-2:]]
  assert [cell.strip() for cell in exact[-3:-1]] == ["100", "100"]
  assert indexed[1].strip() == "index"
  assert int(indexed[-3]) > 50
