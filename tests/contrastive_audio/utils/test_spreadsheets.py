"""CSV files of ours hold no formulas, and read back as they were written."""

import csv
import itertools

import pytest

from contrastive_audio.utils import spreadsheets
from tests.support import ROOT

STARTS = "=+-@\t\r"
PACKAGES = ("contrastive_audio", "cola", "mixback", "downstream")


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_of_text_begins_as_a_formula_does(tmp_path, start):
  spreadsheets.write_csv(tmp_path / "a.csv", [["file"], [f'{start}HYPERLINK("http://x")']])
  with open(tmp_path / "a.csv", newline="") as file:
    _, (cell,) = csv.reader(file)
  assert cell[0] == "'"


def test_every_text_reads_back_as_it_was_written(tmp_path):
  texts = [
    "".join(each) for size in range(5) for each in itertools.product("'=-\ta\n,", repeat=size)
  ]
  spreadsheets.write_csv(tmp_path / "a.csv", [[text, "x"] for text in texts])
  assert [row[0] for row in spreadsheets.read_csv(tmp_path / "a.csv")] == texts


@pytest.mark.parametrize("number", ["-0.5", "+1", "-1.25e-05", "-.5", "0"])
def test_numbers_stay_numbers(tmp_path, number):
  spreadsheets.write_csv(tmp_path / "a.csv", [[number, float(number)]])
  assert list(map(float, (tmp_path / "a.csv").read_text().split(","))) == [float(number)] * 2


def test_nothing_of_ours_writes_a_csv_file_in_another_way():
  files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
  writers = {path.name for path in files if "csv.writer" in path.read_text(encoding="utf-8")}
  assert writers == {"spreadsheets.py"}
