"""The folder of a result says by what it was made, and keeps no results of anything else."""

import json

import pytest

from downstream.evaluation_files import Setup, require_own_results
from tests.support import command, write_clips


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A folder with 2 classes of 10 clips."""
  folder = tmp_path_factory.mktemp("results")
  write_clips(folder / "clips", clips=10, seconds=1)
  return folder


def run(module, place, *options, check=True):
  options = ["--model=logmel_stats", "--task=folder:clips", "--store_dir=stores", *options]
  return command(f"downstream.{module}", *options, cwd=place, check=check)


def test_results_of_another_method_are_left_alone_and_the_same_are_written_again(place):
  run("knn", place, "--output=own")
  written = (place / "own" / "result.json").read_text()
  done = run("linear", place, "--output=own", check=False)
  assert done.returncode == 1
  assert done.stderr.splitlines()[-1].startswith(
    "error: --output=own holds the results of kNN with logmel_stats on "
  )
  assert (place / "own" / "result.json").read_text() == written
  run("knn", place, "--output=own")


def test_results_say_by_what_options_and_are_not_mixed_with_others(place):
  run("knn", place, "--output=options", "--neighbours=3")
  written = (place / "options" / "result.json").read_text()
  assert json.loads(written)["options"] == {"layer": "embedding", "neighbours": 3}
  done = run("knn", place, "--output=options", check=False)
  assert done.stderr.splitlines()[-1] == (
    "error: --output=options holds results with neighbours=3, and these would have 10: choose "
    "another folder, or delete it"
  )
  assert (place / "options" / "result.json").read_text() == written
  run("knn", place, "--output=options", "--neighbours=3")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_result_is_written_again(tmp_path, capsys, content):
  (tmp_path / "result.json").write_bytes(content)
  require_own_results(str(tmp_path), Setup("kNN", "runs/mine", identity="3f2a", seed=0), "esc50")
  assert capsys.readouterr().out == f"damaged    {tmp_path}/result.json: written again\n"
