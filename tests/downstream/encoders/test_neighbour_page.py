"""Neighbours: the nearest are found, none is its own, and the page plays what it names."""

import csv
import re

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.errors import UserError
from contrastive_audio.store.preparation import prepare
from downstream.encoders import listening_page, neighbour_page
from downstream.encoders.neighbour_page import Neighbours
from tests.support import assert_close, command, tone

CIRCLE = np.radians([0, 10, 25, 90])
ROWS = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=1) * [[1], [5], [0.1], [2]]


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_the_most_similar_come_first_and_none_is_its_own_neighbour(at_once, monkeypatch):
  monkeypatch.setattr(neighbour_page, "_QUERIES_AT_ONCE", at_once)
  numbers, similarities = neighbour_page.nearest(ROWS, ROWS, 2, are_rows=True)
  assert numbers.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
  angles = np.radians([[10, 25], [10, 15], [15, 25], [65, 80]])
  assert_close(similarities, np.cos(angles), atol=1e-12)


def test_queries_of_their_own_find_what_equals_them_and_all_there_is_at_most():
  numbers, similarities = neighbour_page.nearest(ROWS[2:3], ROWS, 9)
  assert numbers.tolist() == [[2, 1, 0, 3]]
  assert_close(similarities[0, 0], 1, atol=1e-12)
  assert neighbour_page.nearest(ROWS, ROWS, 9, are_rows=True)[0].shape == (4, 3)


def test_the_page_plays_the_clips_it_names_and_the_list_has_all(clip_store, tmp_path):
  numbers = np.array([[1, 7], [0, 2]])
  neighbours = Neighbours(clip_store.select([0, 6]), clip_store, numbers, numbers / 10)
  neighbour_page.write_neighbours(tmp_path, neighbours, num_shown=1, title="a < b")
  with open(tmp_path / "neighbours.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["query"] for row in rows] == ["high/0.wav"] * 2 + ["low/0.wav"] * 2
  assert [row["file"] for row in rows] == ["high/1.wav", "low/1.wav", "high/0.wav", "high/2.wav"]
  assert rows[1] | {"query": ""} == {
    "query": "",
    "rank": "2",
    "file": "low/1.wav",
    "similarity": "0.7000",
    "label": "low",
  }
  page = (tmp_path / "index.html").read_text()
  assert "<h1>a &lt; b</h1>" in page
  cell = r'class="sound (\w+)".*?<b>(\S+)</b> ([\S ]+?)<br>(\S+)<audio .*? src="(\S+)"></audio>'
  played = re.findall(cell, page)
  assert [cells[:4] for cells in played] == [
    ("query", "query", "high", "high/0.wav"),
    ("same", "0.10", "✓ high", "high/1.wav"),
    ("other", "0.70", "✗ low", "low/1.wav"),
  ]
  wave, _ = soundfile.read(tmp_path / played[2][4])
  desired = clip_store.wave(7) * (listening_page.PEAK / np.abs(clip_store.wave(7)).max())
  assert_close(wave, desired, atol=1e-4)


@pytest.mark.parametrize(
  ("query", "found", "line"),
  [
    ("wren", ["wren", "crow"], "same class 50.0 % of neighbours\n"),
    ("wren", [None, None], None),
    (None, ["wren", "crow"], None),
    ("wren", [None, "wren"], "same class 100.0 % of neighbours, without the 1 whose class is not"),
    ("rain;wren", ["wren", "crow;rain"], "same class 100.0 % of neighbours\n"),
  ],
)
def test_neighbours_share_a_class_only_if_both_are_known(query, found, line, tmp_path, capsys):
  def labelled(name, labels):
    rows = "".join(f"{tmp_path}/{name}{i}.wav,{label or ''}\n" for i, label in enumerate(labels))
    for index in range(len(labels)):
      soundfile.write(tmp_path / f"{name}{index}.wav", tone(440, 0.1), 16_000)
    (tmp_path / f"{name}.csv").write_text(f"file,label\n{rows}")
    return prepare(datasets.open_source(f"{tmp_path}/{name}.csv"), 16_000, str(tmp_path / "stores"))

  numbers = np.arange(len(found))[None]
  queries, clips = labelled("query", [query]), labelled("clip", found)
  neighbour_page.print_neighbours("page", Neighbours(queries, clips, numbers, numbers))
  printed = capsys.readouterr().out
  assert (line in printed) if line else ("same class" not in printed)


def test_a_page_is_not_written_into_the_data_it_is_of(clip_folder, tmp_path):
  options = ["--model=logmel_stats", f"--input={clip_folder}", f"--output={clip_folder}/alike"]
  done = command("downstream.neighbours", *options, cwd=tmp_path, check=False)
  assert done.returncode == 1
  assert "alike lies in" in done.stderr
  assert "its sounds would be clips of that from then on" in done.stderr


def test_a_single_clip_has_no_neighbours(clip_store):
  with pytest.raises(UserError, match="a single clip has no neighbours: .* or --queries"):
    neighbour_page.find_neighbours(None, clip_store.select([0]), None, count=3)


def test_queries_are_embedded_apart_and_all_clips_once(clip_store):
  embedded = []

  def embed(store):
    embedded.append(store.num_clips)
    return ROWS[: store.num_clips]

  clips = clip_store.select(range(4))
  among_themselves = neighbour_page.find_neighbours(embed, clips, None, count=1)
  assert among_themselves.numbers[:, 0].tolist() == [1, 0, 1, 2]
  assert among_themselves.queries is clips
  of_one = neighbour_page.find_neighbours(embed, clips, clip_store.select([8]), count=1)
  assert of_one.numbers.tolist() == [[0]]
  assert embedded == [4, 4, 1]


@pytest.mark.slow
def test_the_command_finds_the_class_of_a_new_sound(clip_folder, tmp_path):
  soundfile.write(tmp_path / "new.wav", tone(375, 2), 16_000)
  options = ["--model=logmel_stats", f"--input={clip_folder}", "--neighbours=3"]
  done = command(
    "downstream.neighbours", *options, "--queries=new.wav", "--output=found", cwd=tmp_path
  )
  assert "found/neighbours.csv: 1 query, the 3 nearest of 12 clips for each" in done.stdout
  assert (tmp_path / "found" / "neighbours.csv").read_text().count("high/") == 3
  again = command("downstream.neighbours", *options, "--output=found", cwd=tmp_path, check=False)
  assert again.returncode == 1
  assert "--output=found holds files already" in again.stderr
  (tmp_path / "keys").write_text("high/0.wav\nlow/0.wav\nlow/1.wav\n")
  some = [*options, "--keys=keys", "--queries=new.wav", "--output=some"]
  assert "nearest of 3 clips" in command("downstream.neighbours", *some, cwd=tmp_path).stdout
  all_of_them = command("downstream.neighbours", *options, "--output=all", cwd=tmp_path)
  assert "12 queries" in all_of_them.stdout
  assert "same class 100.0 %" in all_of_them.stdout


def test_a_call_that_is_stopped_while_it_writes_leaves_no_page_and_goes_on(
  clip_folder, tmp_path, monkeypatch
):
  options = ["--model=logmel_stats", f"--input={clip_folder}", "--output=a/alike"]

  def stopped(*_):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(neighbour_page, "write_page", stopped)
    assert command("downstream.neighbours", *options, cwd=tmp_path, check=False).returncode != 0
  assert list((tmp_path / "a").iterdir()) == []
  command("downstream.neighbours", *options, cwd=tmp_path)
  names = sorted(path.name for path in (tmp_path / "a" / "alike").iterdir())
  assert names == ["clips", "index.html", "neighbours.csv"]
