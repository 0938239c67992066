"""Tables with times as tasks, inputs and training data: as if the files had been cut by hand."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.support import command, refused_command, tone, train

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Two recordings of sixteen calls, a table with their times, and the same calls as files."""
  folder = tmp_path_factory.mktemp("timed")
  rng = np.random.default_rng(0)
  timed, cut = [["file", "start_s", "end_s", "label", "split"]], [["file", "label", "split"]]
  for split in ("train", "test"):
    calls = []
    for number in range(16):
      label, hz = (("high", 900), ("low", 300))[number % 2]
      call = tone(hz * rng.uniform(1, 1.4), 1.5) + rng.normal(0, 0.01, 24_000).astype("f")
      soundfile.write(folder / f"{split}-{number}.wav", call, RATE_HZ)
      cut.append([f"{split}-{number}.wav", label, split])
      timed.append([f"{split}.wav", 2 * number, 2 * number + 1.5, label, split])
      calls += [call, np.zeros(8000, "f")]
    soundfile.write(folder / f"{split}.wav", np.concatenate(calls), RATE_HZ)
  for name, rows in (("timed", timed), ("cut", cut)):
    with open(folder / f"{name}.csv", "w", newline="") as file:
      csv.writer(file).writerows(rows)
  return folder


def evaluate(place, run, name, *options):
  done = command(
    "downstream.linear",
    *(f"--model={run}", f"--task={name}.csv", f"--output=of-{name}", "--store_dir=stores"),
    *options,
    cwd=place,
  )
  with open(place / f"of-{name}" / "predictions.csv", newline="") as file:
    return done.stdout, list(csv.DictReader(file))


def test_a_task_with_times_is_judged_as_its_calls_cut_by_hand(place, tiny_run):
  (_, timed), (_, cut) = (evaluate(place, tiny_run, name) for name in ("timed", "cut"))
  assert len(timed) == len(cut) == 16
  for number, (row, by_hand) in enumerate(zip(timed, cut)):
    place_of_row = [row.pop(name) for name in ("file", "start_s", "end_s")]
    assert place_of_row == ["test.wav", f"{2 * number}.0", f"{2 * number + 1.5}"]
    assert by_hand.pop("file") == f"test-{number}.wav"
    for name, value in row.items():
      try:
        assert float(value) == pytest.approx(float(by_hand[name]), abs=1e-4)
      except ValueError:
        assert value == by_hand[name]


def test_the_embedding_of_a_row_is_that_of_its_call_cut_by_hand(place, tiny_run):
  found = {}
  for name in ("timed", "cut"):
    output = f"--output={name}.npz"
    options = (f"--input={name}.csv", "--split=test", "--store_dir=stores")
    command("downstream.embed", f"--model={tiny_run}", output, *options, cwd=place)
    found[name] = np.load(place / f"{name}.npz")
  np.testing.assert_allclose(found["timed"]["embedding"], found["cut"]["embedding"], atol=1e-5)
  assert found["timed"]["key"][1] == "test.wav#t=2,3.5"


def test_the_rest_of_the_recordings_is_a_class_of_the_task(place, tiny_run):
  lines = (place / "timed.csv").read_text().splitlines()
  (place / "rest.csv").write_text("\n".join(line for line in lines if "low" not in line))
  _, rows = evaluate(place, tiny_run, "rest", "--background=nothing")
  assert {row["label"] for row in rows} == {"high", "nothing"}


@pytest.mark.slow
def test_a_training_counts_the_rows_of_a_table_with_times(place):
  options = ["--recipe=small", "--batch_size=4", "--steps=2", "--store_dir=stores", "--run=run"]
  done = train("--dataset=timed.csv", *options, cwd=place)
  assert "16 rows in 2 classes (high, low) of timed.csv, split train" in done.stdout
  assert "store      16 clips, 24.0 s" in done.stdout
  assert "on 16 clips" in done.stdout


def test_a_row_outside_its_recording_ends_each_command_at_once(place, tiny_run):
  (place / "outside.csv").write_text("file,start_s,end_s,label\ntest.wav,31,33,high\n")
  for module, options in (
    ("downstream.linear", [f"--model={tiny_run}", "--task=outside.csv"]),
    ("downstream.embed", [f"--model={tiny_run}", "--input=outside.csv", "--output=x.npz"]),
    ("cola.train", ["--dataset=outside.csv", "--run=outside"]),
  ):
    line = refused_command(module, *options, cwd=place)
    assert "outside.csv, line 2: 'test.wav' ends after 32 s" in line


def test_times_in_a_stretch_count_from_the_start_of_its_recording(place, tiny_run):
  (place / "part.csv").write_text("file,start_s,end_s\ntest.wav,10,20\n")
  options = [f"--model={tiny_run}", "--input=part.csv", "--hop_s=2", "--window_s=2"]
  options += ["--store_dir=stores"]
  for output in ("part.npz", "part.parquet"):
    command("downstream.embed", *options, f"--output={output}", cwd=place)
  arrays, table = np.load(place / "part.npz"), pq.read_table(place / "part.parquet")
  assert arrays["key"].tolist() == ["test.wav"]
  assert set(table["key"].to_pylist()) == {"test.wav"}
  for name, expected in (("start_s", [10, 12, 14, 16, 18]), ("end_s", [12, 14, 16, 18, 20])):
    np.testing.assert_allclose(arrays[name], expected)
    np.testing.assert_allclose(table[name], expected)
  command(
    "downstream.neighbours",
    *options,
    "--queries=test-7.wav",
    "--output=near",
    "--neighbours=1",
    cwd=place,
  )
  with open(place / "near" / "neighbours.csv", newline="") as file:
    (row,) = csv.DictReader(file)
  assert row["file"] == "test.wav"
  assert 10 <= float(row["start_s"]) < float(row["end_s"]) <= 20
  page = (place / "near" / "index.html").read_text()
  assert f"test.wav {float(row['start_s']):.2f} - " in page


def test_test_clips_that_share_sound_with_training_clips_are_counted(place, tiny_run):
  text = (place / "timed.csv").read_text()
  (place / "both.csv").write_text(text + "test.wav,1,2,high,train\n")
  printed, _ = evaluate(place, tiny_run, "both")
  assert "overlap    1 of 16 test clips share sound with training clips" in printed
  assert json.loads((place / "of-both" / "result.json").read_text())["overlapping"] == 1
  printed, _ = evaluate(place, tiny_run, "timed")
  assert "overlap" not in printed


def test_overlapping_stretches_of_a_single_recording_are_on_one_side(place, tiny_run):
  rows = (place / "timed.csv").read_text().splitlines()[1:17]  # of train.wav
  cells = [row.split(",") for row in rows]
  shifted = [[file, float(start) + 0.5, stop, label] for file, start, stop, label, _ in cells]
  with open(place / "one.csv", "w", newline="") as file:
    csv.writer(file).writerows([["file", "start_s", "end_s", "label"], *(c[:4] for c in cells)])
    csv.writer(file).writerows(shifted)
  printed, _ = evaluate(place, tiny_run, "one")
  assert "overlap" not in printed
