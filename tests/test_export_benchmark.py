"""benchmarks.export and benchmarks.embed: tables of what was measured, on the smallest sizes."""

import numpy as np
import pytest

from benchmarks.lib import embedding_speed
from benchmarks.lib.embedding_speed import Cost, Measured
from benchmarks.lib.export_accuracy import Judge
from tests.support import command


def table_of(printed):
  """The rows of the last table, as cells."""
  lines = [line for line in printed.splitlines() if line.startswith("|")]
  return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_judge_scores_what_embeds_its_clips():
  waves = [np.full(size, value, "f") for size, value in [(3, 1.0), (5, -1.0), (7, -1.0)]]
  judge = Judge("sign", lambda: waves, lambda rows: 100 * np.mean(rows[:, 0] > 0), own_score=33.0)
  assert judge.score_of(lambda wave: wave[:, :1]) == pytest.approx(100 / 3)
  assert judge.score_of(lambda wave: -wave[:, :1]) == pytest.approx(200 / 3)


def test_the_share_is_of_the_slower_part_and_no_start_counts():
  start = Cost(4.0, 5.0, 800)
  whole, decoding, embedding = (
    Cost(4.0 + clock_s, 5.0 + 2 * clock_s, 900).without(start) for clock_s in (10.0, 3.0, 8.0)
  )
  measured = Measured(7, whole, decoding, embedding)
  assert measured.share == pytest.approx(0.8)
  assert measured.highest_share == pytest.approx(8 / 11)
  assert measured.whole.peak_mb == 900


@pytest.mark.parametrize(
  ("name", "options", "message"),
  [
    ("export", [], "pass --model, a run folder, or --encoder"),
    ("export", ["--model=a", "--encoder=frame_cnn"], "pass --model, a run folder, or --encoder"),
    ("export", ["--model=a", "--formats=wav"], "--formats=wav: there are saved_model, tflite,"),
    ("export", ["--encoder=large"], "--encoder=large: there are efficientnet_b0, frame_cnn,"),
    ("embed", ["--encoders=large"], "--encoders=large: there are efficientnet_b0, frame_cnn,"),
  ],
)
def test_a_mistake_is_one_line(name, options, message, tmp_path):
  done = command(f"benchmarks.{name}", *options, cwd=tmp_path, check=False)
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith(f"error: {message}")


@pytest.mark.slow
def test_every_kind_of_weights_is_measured(tmp_path):
  options = ["--encoder=frame_cnn", "--formats=tflite", "--repeats=1"]
  printed = command("benchmarks.export", *options, cwd=tmp_path).stdout
  headings, _, *rows = table_of(printed)
  assert [row[:2] for row in rows] == [["the run", "none"]] + [
    ["tflite", kind] for kind in ("none", "float16", "int8")
  ]
  sizes = [float(row[headings.index("size (MB)")]) for row in rows[1:]]
  assert sizes == sorted(sizes, reverse=True)
  assert all(float(row[headings.index("smallest cosine")]) > 0.99 for row in rows[1:])


@pytest.mark.slow
def test_embedding_is_measured_beside_its_parts(tmp_path, monkeypatch):
  def timed(module, options, limit_s=None):
    command(module, *options, cwd=tmp_path)  # in this process, which costs no start
    clock_s = next(seconds)
    return Cost(clock_s, clock_s, 900)

  seconds = iter([1.0, 1.0, 4.0, 3.0, 2.0, 1.0])  # in the order of the runs, two of each
  monkeypatch.setattr(embedding_speed, "_timed", timed)
  options = ["--model=preset:general", "--hours=0.02"]
  headings, _, row = table_of(command("benchmarks.embed", *options, cwd=tmp_path).stdout)
  times = dict(zip(headings, row))
  clocks = [times[f"{part} (s)"] for part in ("whole", "decoding alone", "embedding alone")]
  assert [clock.partition(" ")[0] for clock in clocks] == ["3.0", "1.0", "2.0"]
  assert times["clips"] == "1"
