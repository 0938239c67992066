"""From labelled clips to a table of what is heard when, by the commands that users run."""

import csv

import numpy as np
import pytest
import soundfile

from contrastive_audio.exporting import classifier as classifiers
from downstream.encoders import embedding_parts
from downstream.encoders.window_store import WindowStore
from tests.support import command

RATE_HZ = 16_000
BANDS_HZ = {"high": (2500, 7000), "low": (100, 1500)}
BORDER_S = 0.6  # so near to the start or end of an event, a window of a second hears both
# File -> (class, start in s, end in s).
EVENTS = {
  "first.wav": [("low", 4.0, 6.0), ("high", 12.0, 15.0)],
  "second.wav": [("high", 0.0, 2.5), ("low", 26.5, 30.0)],
}


def noise(seconds, seed):
  return np.random.default_rng(seed).normal(0, 0.02, round(seconds * RATE_HZ)).astype("f")


def hiss(name, seconds, seed):
  """Noise in the band of a class, much louder than the background."""
  spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ)))
  hz = np.fft.rfftfreq(round(seconds * RATE_HZ), 1 / RATE_HZ)
  low_hz, high_hz = BANDS_HZ[name]
  spectrum[(hz < low_hz) | (hz > high_hz)] = 0
  return (0.2 * np.fft.irfft(spectrum, round(seconds * RATE_HZ))).astype("f")


def sound(name, seed):
  """A second of noise; in it a class that may begin late or end early, as in a window."""
  wave = noise(1, seed)
  if name == "noise":
    return wave
  heard = hiss(name, 0.5 + 0.1 * (seed % 6), seed)
  first = len(wave) - len(heard) if seed % 2 else 0
  wave[first : first + len(heard)] += heard
  return wave


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Labelled clips, recordings of half a minute with a bad file, and a trained classifier."""
  folder = tmp_path_factory.mktemp("place")
  for name in ("high", "low", "noise"):
    (folder / "labelled" / name).mkdir(parents=True)
    for number in range(10):
      path = folder / "labelled" / name / f"{number}.wav"
      soundfile.write(path, sound(name, seed=number + 10 * len(name)), RATE_HZ)
  (folder / "recordings").mkdir()
  for number, (file, events) in enumerate(EVENTS.items()):
    wave = noise(30, seed=100 + number)
    for name, start_s, end_s in events:
      first, end = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
      wave[first:end] += hiss(name, end_s - start_s, seed=end)
    soundfile.write(folder / "recordings" / file, wave, RATE_HZ)
  (folder / "recordings" / "bad.wav").write_text("no audio")
  options = ["--model=logmel_stats", "--task=folder:labelled", "--store_dir=stores"]
  command("downstream.linear", *options, "--output=linear", cwd=folder)
  return folder


OPTIONS = ["--model=logmel_stats", "--input=recordings", "--store_dir=stores"]
CLASSIFIER = ["--classifier=linear", "--ignore=noise"]


def detect(place, output, *options):
  return command("downstream.detect", *OPTIONS, f"--output={output}", *options, cwd=place)


def rows_of(path):
  with open(path, newline="") as file:
    reader = csv.DictReader(file)
    assert reader.fieldnames == ["file", "start_s", "end_s", "label", "score"]
    return list(reader)


def heard_at(file, name, events, times_s):
  """Whether a class is heard at some times, bool."""
  spans = [event[2:] for event in events if event[:2] == (file, name)]
  return np.any([(times_s > start_s) & (times_s < end_s) for start_s, end_s in spans], axis=0)


def assert_found(rows):
  """At all times that are not near a border of an event, exactly what is heard is found."""
  truth = [(file, *event) for file, events in EVENTS.items() for event in events]
  found = [(r["file"], r["label"], float(r["start_s"]), float(r["end_s"])) for r in rows]
  times_s = np.arange(0.025, 30, 0.05)
  for file, events in EVENTS.items():
    borders = [time_s for event in events for time_s in event[1:] if 0 < time_s < 30]
    clear = np.abs(times_s[:, None] - borders).min(axis=1) > BORDER_S
    assert 0.6 < clear.mean() < 1
    for name in BANDS_HZ:
      actual, desired = (heard_at(file, name, each, times_s) for each in (found, truth))
      assert (actual == desired)[clear].all(), (file, name)


@pytest.mark.parametrize("hop_s", [0.1, 0.25, 0.5])
def test_a_classifier_finds_what_is_heard_when_whatever_the_hop(place, hop_s):
  done = detect(place, f"out{hop_s}.csv", *CLASSIFIER, f"--hop_s={hop_s}", "--gap_s=0.3")
  assert "threshold  0.5\n" in done.stdout
  rows = rows_of(place / f"out{hop_s}.csv")
  assert f"out{hop_s}.csv: {len(rows)} detections in 0.02 hours of 2 recordings" in done.stdout
  assert_found(rows)
  assert all(0.5 <= float(row["score"]) <= 1 for row in rows)
  skipped = (place / f"out{hop_s}.csv.skipped.csv").read_text()
  assert skipped.splitlines()[1].startswith("bad.wav,")


def test_thresholds_are_those_of_the_validation_clips(place):
  done = detect(place, "precise.csv", *CLASSIFIER, "--precision=0.9", "--gap_s=0.3")
  assert "threshold  high " in done.stdout
  assert "(precision 0.9 on 24 validation clips)" in done.stdout
  assert {row["label"] for row in rows_of(place / "precise.csv")} == {"high", "low"}


def test_examples_find_the_same_without_a_training(place):
  options = ["--queries=labelled", "--ignore=noise", "--hop_s=0.25", "--gap_s=0.3"]
  done = detect(place, "examples.csv", *options)
  assert "(precision 0.9 on 30 examples)" in done.stdout
  rows = rows_of(place / "examples.csv")
  for file, events in EVENTS.items():
    for name, start_s, end_s in events:
      middle = (start_s + end_s) / 2
      assert any(
        row["file"] == file
        and row["label"] == name
        and float(row["start_s"]) < middle < float(row["end_s"])
        for row in rows
      )


def test_an_interrupted_call_goes_on_and_writes_the_same(place, monkeypatch):
  monkeypatch.setattr(embedding_parts, "PART_S", 10)
  batches, left, seen = WindowStore.batches, iter(range(3)), []

  def interrupted(*arguments):
    if next(left, None) is None:
      raise KeyboardInterrupt
    yield from batches(*arguments)

  options = [*CLASSIFIER, "--hop_s=0.2", "--gap_s=0.3"]
  with monkeypatch.context() as patched:
    patched.setattr(WindowStore, "batches", interrupted)
    stopped = command(
      "downstream.detect", *OPTIONS, "--output=resumed.csv", *options, cwd=place, check=False
    )
  assert stopped.returncode == 130
  assert not (place / "resumed.csv").exists()

  def counted(store, first, end, at_once):
    seen.append(first)
    yield from batches(store, first, end, at_once)

  monkeypatch.setattr(WindowStore, "batches", counted)
  detect(place, "resumed.csv", *options)
  assert min(seen) > 0  # what was finished is not made again
  monkeypatch.setenv("CONTRASTIVE_AUDIO_CACHE", str(place / "empty"))
  detect(place, "whole.csv", *options)
  assert (place / "resumed.csv").read_bytes() == (place / "whole.csv").read_bytes()


def test_files_get_the_class_of_an_exported_classifier(place):
  options = ["--input=labelled", "--classifier=linear", "--clips"]
  done = detect(place, "clips.csv", *options)
  assert "clips.csv: 30 files, 30 with a label" in done.stdout
  rows = rows_of(place / "clips.csv")
  assert [row["label"] for row in rows] == [row["file"].split("/")[0] for row in rows]
  assert {(row["start_s"], row["end_s"]) for row in rows} == {("0.000", "1.000")}
  detect(place, "few.csv", *options, "--ignore=noise", "--threshold=0.99999")
  labels = [row["label"] for row in rows_of(place / "few.csv")]
  assert set(labels) <= {"", "high", "low"}
  assert labels.count("") >= 10


def test_a_classifier_of_an_earlier_version_has_no_validation_clips(place, tmp_path):
  classifier = classifiers.LinearClassifier.open(str(place / "linear"))
  object.__setattr__(classifier, "validation_scores", None)
  object.__setattr__(classifier, "validation_targets", None)
  classifier.save(str(tmp_path))
  options = [*OPTIONS, "--output=old.csv", f"--classifier={tmp_path}", "--recall=0.5"]
  done = command("downstream.detect", *options, cwd=place, check=False)
  assert done.stderr.endswith(
    "error: --classifier: it holds no scores of validation clips to choose a threshold by: train "
    "it again with python -m downstream.linear, or pass --threshold\n"
  )
  again = [*OPTIONS, "--output=old.csv", "--classifier=linear", "--ignore=rain"]
  done = command("downstream.detect", *again, cwd=place, check=False)
  assert "--ignore=rain: there is no such class; there are high, low, noise" in done.stderr
