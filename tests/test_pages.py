"""The tables of README and docs are those of the result files and of the code."""

import importlib.util
import re

import pytest

from contrastive_audio.utils import markdown_table
from tests.support import ROOT

spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_tables_are_up_to_date(page):
  """If not, run: python docs/pages.py."""
  text = page.read_text(encoding="utf-8")
  assert pages.fill(text) == text


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_exist(page):
  for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
    if target.startswith("http"):
      continue
    file, _, heading = target.partition("#")
    other = (page.parent / file) if file else page
    assert other.exists(), target
    headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.M) if heading else ()
    anchors = [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings]
    assert not heading or heading in anchors, target


@pytest.mark.parametrize("system", pages.SYSTEMS)
def test_every_field_is_described(system):
  headings, rows = pages.fields(system)
  assert len(rows) > 50
  for row in rows:
    assert len(row) == len(headings)
    assert row[2] or row[3], row  # a comment, or a section that speaks for its fields


def test_a_table_of_results_has_means_and_spreads(tmp_path, monkeypatch):
  (tmp_path / "results").mkdir()
  (tmp_path / "results" / "two.csv").write_text(
    "variant,task,mean,std,published,seed_0,seed_1\n"
    "ours,digit,90.00,1.41,,89.00,91.00\nours,average,90.00,1.41,,89.00,91.00\n"
  )
  monkeypatch.setattr(pages, "DOCS", tmp_path)
  filled = pages.fill("<!-- results: two.csv -->\nold\n<!-- end -->\n")
  assert "|      | digit      | average    |\n" in filled
  assert "| ours | 90.0 ± 1.4 | 90.0 ± 1.4 |\n" in filled
  assert "old" not in filled


def test_a_table_of_results_says_which_numbers_have_fewer_seeds_and_marks_what_is_flagged(
  tmp_path, monkeypatch
):
  (tmp_path / "results").mkdir()
  (tmp_path / "results" / "two.csv").write_text(
    "variant,task,mean,std,seed_0,seed_1,seed_2,flagged\n"
    "a,digit,90.00,1.00,89.00,90.00,91.00,seed_1\nb,digit,80.00,,80.00,,,\n"
  )
  monkeypatch.setattr(pages, "DOCS", tmp_path)
  rows = pages.results("two.csv")[1]
  assert rows == [["a †", "90.0 ± 1.0"], ["b", "80.0 (1 of 3 seeds)"]]


def test_a_bar_in_a_cell_does_not_begin_a_column():
  heading, _, row = markdown_table.lines(["a", "b"], [["x|y", 1]])
  assert heading == "| a    | b |"
  assert row == r"| x\|y | 1 |"


def test_outcomes_of_a_campaign_stand_in_one_row_and_wrong_ones_apart(tmp_path, monkeypatch):
  monkeypatch.setattr(pages, "DOCS", tmp_path)
  assert pages.faults("none.csv")[1] == []
  (tmp_path / "results").mkdir()
  (tmp_path / "results" / "faults.csv").write_text(
    "campaign,tried,outcome,is_wrong,count\n"
    "fuzz,30000,read,False,12000\nfuzz,30000,refused,False,18000\nfuzz,30000,crash,True,0\n"
  )
  assert pages.faults("faults.csv")[1] == [
    ["fuzz", "30,000", "12,000 read, 18,000 refused", "0 crash"]
  ]


def test_claims_and_curves_stand_on_a_page_before_and_after_they_are_measured(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(pages, "DOCS", tmp_path)
  _, (row,) = pages.claims("7")
  assert row[:2] + row[5:] == ["7", "bilinear beats cosine", "open", "not measured yet"]
  assert len(pages.claims("all")[1]) > 20
  assert pages.curves("none.csv")[1] == []
  (tmp_path / "results").mkdir()
  (tmp_path / "results" / "cola_similarity-open.csv").write_text(
    "variant,task,mean,seed_0,seed_1,seed_2\ncosine,average,50,50,60,70\n"
    "bilinear,average,57,57,67.5,76.5\n"
  )
  assert pages.claims("7")[1][0][3:6] == ["+7.1", "+7.0 [+5.8, +8.2], 3 seeds", "holds"]
  (tmp_path / "results" / "c.csv").write_text(
    "variant,seed,step,knn_accuracy,linear_accuracy\na,0,0,10,20\na,1,0,30,40\na,0,9,5,6\n"
    "b,0,9,50.0,60.0\n"
  )
  assert pages.curves("c.csv") == (
    ["kNN / linear, after step", "0", "9"],
    [["a", "20.0 / 30.0", "5.0 / 6.0"], ["b", "", "50.0 / 60.0"]],
  )


def test_curves_of_trainings_that_differ_in_length_stand_after_each_sixth(tmp_path, monkeypatch):
  monkeypatch.setattr(pages, "DOCS", tmp_path)
  (tmp_path / "results").mkdir()
  lines = [f"long,0,{step},{step},1" for step in range(0, 1501, 250)]
  lines += [f"short,0,{step},{step},1" for step in (*range(0, 91, 15), 94)]  # of 94 steps
  heading = "variant,seed,step,knn_accuracy,linear_accuracy"
  (tmp_path / "results" / "c.csv").write_text("\n".join([heading, *lines]))
  headings, rows = pages.curves("c.csv")
  assert headings[1:] == ["0 steps", "1/6", "2/6", "3/6", "4/6", "5/6", "all"]
  steps = [[float(cell.split(" / ")[0]) for cell in row[1:]] for row in rows]
  assert steps == [[0, 250, 500, 750, 1000, 1250, 1500], [0, 15, 30, 45, 60, 75, 94]]
