"""The benchmark of the first answer runs what a newcomer runs, and notices what fails."""

import sys

import pytest

from benchmarks import first_answer
from benchmarks.first_answer import OURS, Cost
from contrastive_audio.errors import UserError
from tests.support import command, refused_command


def test_a_row_has_the_median_of_each_version_and_what_the_other_takes_of_ours():
  costs = {
    "0.1": [Cost(9.0, 3.0), Cost(6.0, 2.0), Cost(5.0, 90.0)],
    OURS: [Cost(2.0, 4.0), Cost(50.0, 1.0), Cost(3.0, 8.0)],
  }
  assert first_answer.row("help", costs, ["0.1"]) == ["help", "6.0", "3.0", "2.00x", "4"]
  assert first_answer.row("help", costs, []) == ["help", "3.0", "", "4"]


def test_commands_are_those_of_their_checkout_in_a_folder_of_their_own(tmp_path, monkeypatch):
  ran = []
  monkeypatch.setattr(first_answer, "timed", lambda *words: ran.append(words) or Cost(1.0, 1.0))
  assert len(first_answer.measure(str(tmp_path), steps=7)) == 6
  words, folders, places = zip(*ran)
  assert [each[2] for each in words] == ["cola.train"] * 5 + ["audio.export"]
  assert "--steps=7" in words[3]
  assert set(folders) == {str(tmp_path)}
  assert len(set(places)) == 1
  (tmp_path / "contrastive_audio").mkdir()
  first_answer.measure(str(tmp_path), steps=7)
  assert ran[-1][0][2] == "contrastive_audio.export"
  assert ran[-1][2] != places[0]


@pytest.mark.parametrize(
  ("code", "reason"),
  [
    ("raise SystemExit('error: no space')", "error: no space"),
    ("import os; os.kill(os.getpid(), 9)", "ended with code -9"),
  ],
)
def test_a_command_that_fails_is_no_measurement(code, reason, tmp_path):
  with pytest.raises(UserError, match=reason):
    first_answer.timed([sys.executable, "-c", code], str(tmp_path), str(tmp_path))


def test_a_help_that_ends_with_code_1_is_one(tmp_path):
  words = [sys.executable, "-c", "raise SystemExit(1)", "--help"]
  assert first_answer.timed(words, str(tmp_path), str(tmp_path)).wall_s > 0


def test_the_table_has_a_column_for_each_version_and_ours_last(tmp_path, monkeypatch):
  (tmp_path / "old" / "cola").mkdir(parents=True)
  asked = []

  def measure(folder, steps):
    asked.append(folder)
    return {"help": Cost(2.0 if folder == first_answer.HERE else 6.0, 5.0)}

  monkeypatch.setattr(first_answer, "measure", measure)
  options = ["--checkout=0.1=old", "--rounds=2"]
  done = command("benchmarks.first_answer", *options, cwd=tmp_path)
  assert asked == [first_answer.HERE, str(tmp_path / "old")] * 2
  heading, _, row = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
  cells = [[cell.strip() for cell in each[1:-1]] for each in (heading, row)]
  assert cells[0][1:] == ["0.1 (s)", "this version (s)", "ratio", "on the clock (s)"]
  assert cells[1] == ["help", "6.0", "2.0", "3.00x", "5"]
  line = refused_command("benchmarks.first_answer", "--checkout=0.1=nowhere", cwd=tmp_path)
  assert "write NAME=FOLDER, a folder that holds cola/train.py" in line
