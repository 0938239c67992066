"""A measured table: means, spreads, differences between variants, and its files."""

import csv
import re
import statistics

import numpy as np
import pytest
from scipy import stats

from contrastive_audio.utils import markdown_table
from downstream.papers.cells import columns_of, published_of
from downstream.papers.results import Results
from downstream.papers.run_health import Remark
from downstream.papers.table import Table, TableRequest, Variant
from downstream.papers.table_files import print_and_write
from downstream.papers.tables import MAKERS
from tests.support import assert_close


def results_of(scores, **changes):
  """Results of variants a, b, ... on tasks x, y, ... that nobody has published."""
  scores = np.array(scores, float)
  rows, columns, seeds = scores.shape
  unpublished = np.full([rows, columns + 1], np.nan)
  fields = {"published": unpublished} | changes
  return Results("abc"[:rows], "xyz"[:columns], range(seeds), scores, **fields)


def test_mean_and_spread_are_over_seeds_and_the_average_over_tasks():
  published = np.full([2, 3], np.nan)
  published[0, 2] = 67.2
  scores = [[[50.0, 60.0], [70.0, 90.0]], [[10.0, 10.0], [np.nan, np.nan]]]
  results = results_of(scores, published=published)
  assert results.columns == ["x", "y", "average"]
  assert_close(results.mean()[0], [55, 80, 67.5])
  assert_close(results.spread()[0], np.sqrt([50, 200, 112.5]), atol=1e-9)
  assert results.texts()[0][2] == "67.5 ± 10.6 (published 67.2)"
  assert results.texts()[1] == ["10.0 ± 0.0", "", ""]


def test_one_seed_has_no_spread_and_seeds_that_failed_are_counted():
  assert results_of([[[50.0], [60.0]]]).texts() == [["50.0", "60.0", "55.0"]]
  some = results_of([[[50.0, np.nan, 60.0], [50.0, np.nan, np.nan]]])
  assert some.texts() == [
    ["55.0 ± 7.1 (2 of 3 seeds)", "50.0 (1 of 3 seeds)", "50.0 (1 of 3 seeds)"]
  ]


def test_differences_are_within_each_seed():
  one, other = [50.0, 60.0, 80.0], [53.0, 64.0, 85.0]  # the spread of the seeds hides nothing
  mean, spread, width = results_of([[one], [other]]).differences("a")
  by_hand = [b - a for a, b in zip(one, other)]
  assert_close(mean[1], [statistics.mean(by_hand)] * 2, atol=1e-12)
  assert_close(spread[1], [statistics.stdev(by_hand)] * 2, atol=1e-12)
  interval = stats.t.interval(0.95, 2, statistics.mean(by_hand), stats.sem(by_hand))
  assert_close([mean[1, 0] - width[1, 0], mean[1, 0] + width[1, 0]], interval, atol=1e-12)
  assert np.isnan(mean[0]).all()
  back, _, _ = results_of([[one], [other]]).differences("b")
  assert_close(back[0], -mean[1])


def test_differences_take_the_seeds_that_both_have_and_need_two_of_them():
  mean, spread, width = results_of(
    [[[1.0, 2, 3], [1, 2, 3]], [[2, np.nan, 6], [2, np.nan, np.nan]]]
  ).differences("a")
  assert_close(mean[1, :1], [2.0])
  assert_close(spread[1, :1], [np.sqrt(2)])
  assert_close(width[1, :1], [12.706], atol=1e-3)  # t of one degree of freedom, times 1
  assert np.isnan([mean[1, 1], spread[1, 1], width[1, 1]]).all()


def test_lines_are_markdown():
  lines = markdown_table.lines(["a", "bb"], [["x", 1]])
  assert lines == ["| a | bb |", "| - | -- |", "| x | 1  |"]


@pytest.fixture
def written(tmp_path, capsys):
  """Writes a table of cosine and bilinear on two tasks; returns what was printed, and the path."""

  def write(scores, remarks=()):
    table = MAKERS["cola_similarity"](TableRequest())
    columns = columns_of(table, ["esc10_fold5", "instrument"])
    titles, scores = [column.title for column in columns], np.array(scores, float)
    seeds, published = range(scores.shape[2]), published_of(table, columns)
    results = Results(["cosine", "bilinear"], titles, seeds, scores, published, remarks)
    print_and_write(table, results, str(tmp_path / "x"), draw_published=False)
    return capsys.readouterr().out

  return write, tmp_path


def test_a_table_is_printed_and_written(written):
  write, folder = written
  printed = write([[[50.0, 52], [60, 62]], [[70, 72], [80, 82]]])
  assert "; accuracy (%), mean ± standard deviation of 2 seeds" in printed
  assert (folder / "x.md").read_text() in printed
  with open(folder / "x.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert [row["task"] for row in rows[:3]] == ["esc10_fold5", "instrument", "average"]
  assert rows[2]["published"] == ""  # that of the paper is an average of other tasks
  assert [rows[3][name] for name in ("variant", "mean", "seed_1")] == ["bilinear", "71.00", "72.00"]
  assert (folder / "x.png").exists()


def test_a_table_says_in_which_interval_a_difference_lies(written):
  write, folder = written
  printed = write([[[50.0, 60], [60, 62]], [[52, 56], [63, 66]]])
  heading = 'difference from "cosine" within each seed; mean ± standard deviation of 2 seeds'
  text = printed.partition(heading)[2]
  assert text.startswith(" [95 % interval of the mean]\n")
  assert "| esc10_fold5 | -1.0 ± 4.2 [-39.1, +37.1] |" in text
  assert "| instrument  | +3.5 ± 0.7 [-2.9, +9.9]   |" in text
  with open(folder / "x.csv", newline="") as file:
    rows = [row for row in csv.DictReader(file) if row["task"] != "average"]
  names = ("difference", "difference_std", "interval_low", "interval_high", "reference")
  assert [[row[name] for name in names] for row in rows] == [
    ["", "", "", "", "cosine"],
    ["", "", "", "", "cosine"],
    ["-1.00", "4.24", "-39.12", "37.12", "cosine"],
    ["3.50", "0.71", "-2.85", "9.85", "cosine"],
  ]


def test_a_difference_of_nothing_has_no_minus(written):
  write, _ = written
  printed = write([[[50.0, 60], [60, 62]], [[49.97, 59.99], [60, 62]]])
  assert "| esc10_fold5 | +0.0 ± 0.0 [-0.1, +0.1] |" in printed


def test_differences_that_are_all_equal_have_no_interval(written):
  write, folder = written
  printed = write([[[50.0, 60], [60, 62]], [[50.4, 60.4], [60, 64]]])
  assert re.search(r"\| esc10_fold5 \| \+0\.4 ± 0\.0 +\|", printed)
  with open(folder / "x.csv", newline="") as file:
    row = [row for row in csv.DictReader(file) if row["task"] == "esc10_fold5"][1]
  assert (row["difference"], row["interval_low"], row["interval_high"]) == ("0.40", "", "")


def test_differences_of_fewer_seeds_than_the_table_has_say_so(written):
  write, _ = written
  printed = write([[[50.0, 60, 70], [60, 62, 64]], [[54.0, 65, np.nan], [61, 62, 64]]])
  differences = printed.partition("difference from")[2]
  assert "+4.5 ± 0.7 [-1.9, +10.9] (2 seeds)" in differences
  assert differences.count("seeds)") == 2  # the average, too


def test_a_table_of_one_seed_shows_no_spread_and_no_differences(written):
  write, folder = written
  printed = write([[[50.0], [60]], [[70], [80]]])
  assert "; accuracy (%), 1 seed, no spread\n" in printed
  assert "±" not in printed
  assert "difference" not in printed
  with open(folder / "x.csv", newline="") as file:
    assert {row["std"] + row["difference"] for row in csv.DictReader(file)} == {""}


def test_a_run_that_is_flagged_is_marked_and_explained(written):
  write, folder = written
  text = "the embeddings of all excerpts are nearly the same"
  printed = write([[[50.0, 60], [60, 62]], [[52, 56], [63, 66]]], [Remark("bilinear", 1, text)])
  assert "| task        | cosine " in printed
  assert "bilinear †" in printed
  assert f"\n- † bilinear, seed 1: {text}\n" in printed
  with open(folder / "x.csv", newline="") as file:
    flagged = {row["variant"]: row["flagged"] for row in csv.DictReader(file)}
  assert flagged == {"cosine": "", "bilinear": "seed_1"}


def test_published_numbers_stand_where_nothing_could_be_measured():
  table = MAKERS["cola_baselines"](TableRequest("papers"))
  columns = columns_of(table, ["musan"])
  scores = np.full([len(table.variants), 1, 1], np.nan)
  names = [variant.name for variant in table.variants]
  results = Results(names, [columns[0].title], [0], scores, published_of(table, columns))
  assert results.texts()[names.index("COLA")] == ["(published 99.1)", ""]
  assert not results.is_measured


@pytest.mark.parametrize("measure", ["accuracy", "F1"])
def test_the_picture_of_a_table_says_what_its_numbers_are(axis, tmp_path, measure):
  table = Table("t", [Variant("a", None), Variant("b", None)], (), False, measure=measure)
  scores = np.array([[[50.0, 60]], [[70, 80]]])
  results = Results(["a", "b"], ["x"], [0, 1], scores, np.full([2, 2], np.nan))
  print_and_write(table, results, str(tmp_path / "table"), draw_published=False)
  assert axis().get_ylabel() == f"{measure} (%)"
