"""A measured table: means, spreads, files, and the command from pre-training to the table."""

import csv
import json

import numpy as np
import pytest

from contrastive_audio.utils import markdown_table
from downstream.papers.results import Results, columns_of, print_and_write, published_of
from downstream.papers.table import TableRequest
from downstream.papers.tables import MAKERS
from tests.downstream.cards import fake_corpora
from tests.support import assert_close, command, write_clips


def test_mean_and_spread_are_over_seeds_and_the_average_over_tasks():
  scores = np.array([[[50.0, 60.0], [70.0, 90.0]], [[10.0, 10.0], [np.nan, np.nan]]])
  published = np.full([2, 3], np.nan)
  published[0, 2] = 67.2
  results = Results(["a", "b"], ["x", "y"], scores, published)
  assert results.columns == ["x", "y", "average"]
  assert_close(results.mean()[0], [55, 80, 67.5])
  assert_close(results.spread()[0], np.sqrt([50, 200, 112.5]), atol=1e-9)
  assert results.cells()[0][2] == "67.5 ± 10.6 (published 67.2)"
  assert results.cells()[1][1:] == ["", ""]


def test_lines_are_markdown():
  lines = markdown_table.lines(["a", "bb"], [["x", 1]])
  assert lines == ["| a | bb |", "| - | -- |", "| x | 1  |"]


def test_a_table_is_printed_and_written_with_the_published_numbers(tmp_path, capsys):
  table = MAKERS["cola_similarity"](TableRequest())
  columns = columns_of(table, ["esc10_fold5", "instrument"])
  scores = np.array([[[50.0, 52], [60, 62]], [[70, 72], [80, 82]]])
  titles = [column.title for column in columns]
  results = Results(["cosine", "bilinear"], titles, scores, published_of(table, columns))
  print_and_write(table, results, [0, 1], str(tmp_path / "x"), draw_published=False)
  printed = capsys.readouterr().out
  assert "%, mean ± standard deviation of 2 seeds" in printed
  assert (tmp_path / "x.md").read_text() in printed
  with open(tmp_path / "x.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["task"] for row in rows[:3]] == ["esc10_fold5", "instrument", "average"]
  assert rows[2]["published"] == "67.20"
  assert [rows[3][name] for name in ("variant", "mean", "seed_1")] == ["bilinear", "71.00", "72.00"]
  assert (tmp_path / "x.png").exists()


def test_published_numbers_stand_where_nothing_could_be_measured():
  table = MAKERS["cola_baselines"](TableRequest("papers"))
  columns = columns_of(table, ["musan"])
  scores = np.full([len(table.variants), 1, 1], np.nan)
  names = [variant.name for variant in table.variants]
  cells = Results(names, [columns[0].title], scores, published_of(table, columns)).cells()
  assert cells[names.index("COLA")] == ["(published 99.1)", ""]


@pytest.fixture(scope="module")
def audio_root(tmp_path_factory):
  """A folder that looks like the audio of two cards: ESC-10 and Philharmonia."""
  folder = tmp_path_factory.mktemp("root")
  write_clips(folder / "philharmonia", clips=6)
  write_clips(folder / "esc10", clips=10, seconds=1)
  for name in ("high", "low"):
    for index in range(10):
      path = folder / "esc10" / name / f"{index}.wav"
      path.rename(path.with_name(f"{1 + index % 5}-{name}{index}-A.wav"))
  return folder


@pytest.mark.slow
def test_a_table_is_trained_measured_interrupted_and_printed(audio_root, tmp_path):
  options = ["--table=mixback_linear", "--seeds=0,1", "--steps=2", "--batch_size=4"]
  options += ['--variants="VGG-like, random weights","VGG-like, pre-trained"']
  options += [f"--audio_root={audio_root}", "--tasks=esc10_fold5,instrument", "--store_dir=stores"]
  options += ["--pretraining_tasks=esc10_fold5,instrument", "--runs_dir=t"]
  first = command("downstream.tables", *options, cwd=tmp_path)
  assert first.stdout.count("pre-train  python -m mixback.train") == 2  # both variants share them
  assert first.stdout.count("measured   ") == 8
  keys = (tmp_path / "t" / "keys-small.txt").read_text().splitlines()
  assert len(keys) == 16 + 8  # folds 1 to 4, and two of three
  assert not [key for key in keys if key.split("/")[1].startswith("5-")]
  results = sorted((tmp_path / "t" / "results").iterdir())
  results[0].unlink()
  again = command("downstream.tables", *options, cwd=tmp_path)
  assert "pre-train  " not in again.stdout
  assert again.stdout.count("measured   ") == 1
  assert again.stdout[again.stdout.index("\nlinear evaluation") :] in first.stdout
  assert (tmp_path / "t" / "mixback_linear-small.csv").exists()
  assert json.loads(results[1].read_text())["result"]["num_test"] == 4


@pytest.mark.slow
def test_the_papers_suite_measures_what_is_there_and_names_what_is_not(tmp_path):
  corpora = tmp_path / "corpora"
  fake_corpora.fsdnoisy18k(corpora, seconds=1.2)
  options = ["--suite=papers", "--seeds=0", "--steps=2", "--batch_size=4", "--runs_dir=t"]
  options += [f"--data_dir={corpora}", "--store_dir=stores"]
  options += ["--table=mixback_mix", "--variants=other clips", "--tasks=musan,fsdnoisy18k"]
  printed = command("downstream.tables", *options, cwd=tmp_path).stdout
  assert printed.count("pre-train  python -m mixback.train") == 1
  assert "--dataset=fsdnoisy18k --data_dir=" in printed
  assert printed.count("measured   knn_patches fsdnoisy18k") == 1
  (line,) = [line for line in printed.splitlines() if line.startswith("no data")]
  assert line.startswith("no data    musan: no musan in ")
  (row,) = [line for line in printed.splitlines() if line.startswith("| other clips")]
  _, music, events, average = [cell.strip() for cell in row.split("|")[1:-1]]
  assert "±" in events
  assert not music + average  # nothing was measured, nothing is published
  assert "comparable fsdnoisy18k: by protocol only" in printed
  config = json.loads(next((tmp_path / "t" / "runs").glob("*/config.json")).read_text())
  assert "fsdnoisy18k" in str(config)
