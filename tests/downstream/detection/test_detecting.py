"""From labelled clips to a table of what is heard when, by the commands that users run."""

import numpy as np
import pytest

from contrastive_audio.datasets import open_source
from contrastive_audio.exporting import classifier as classifiers
from contrastive_audio.store.preparation import prepare
from downstream.detection import detecting
from downstream.detection.detecting import Classes
from downstream.detection.outputs import Output
from downstream.detection.scorers import Scorer
from downstream.encoders import embedding_parts
from downstream.encoders.models import open_model
from downstream.encoders.window_store import WindowStore, cut_windows
from tests.downstream.detection.made_recordings import (
  BANDS_HZ,
  BORDER_S,
  CLASSIFIER,
  EVENTS,
  OPTIONS,
  detect,
  rows_of,
)
from tests.support import command


def test_a_score_that_just_reaches_its_threshold_is_a_row_of_a_table_with_times(place, monkeypatch):
  monkeypatch.chdir(place)
  model, store = open_model("logmel_stats"), prepare(open_source("recordings"), 16_000, None, 0.5)
  windows = cut_windows(store, model, hop_s=0.5)
  steps = Scorer(("peak",), True, lambda rows: (rows[:, :1] == rows[:, :1].max()).astype("f"), "1")
  classes = Classes(steps, np.array([1.0], "f"))
  output = Output("peaks.csv", root="recordings")
  num_detections = detecting.detect(output, model, windows, classes, smoothing_s=0.0)
  rows = rows_of("peaks.csv")
  assert len(rows) == num_detections > 0
  assert {round(1000 * (float(row["end_s"]) - float(row["start_s"]))) for row in rows} == {1}
  assert prepare(open_source("peaks.csv"), 16_000).num_clips == num_detections


def test_windows_that_do_not_touch_are_not_averaged_unless_it_is_asked_for(place, monkeypatch):
  monkeypatch.chdir(place)
  model, store = open_model("logmel_stats"), prepare(open_source("recordings"), 16_000, None, 0.5)
  windows = cut_windows(store, model, hop_s=1.5)
  loud = Scorer(("loud",), True, lambda rows: rows[:, :64].mean(axis=1, keepdims=True), "mean")
  scores = []
  for number, smoothing_s in enumerate((None, 0.0, 3.0)):
    output = Output(f"apart{number}.csv", root="recordings")
    detecting.detect(output, model, windows, Classes(loud, np.array([-50.0])), 0.0, smoothing_s)
    scores.append([row["score"] for row in rows_of(f"apart{number}.csv")])
  assert scores[0] == scores[1] != scores[2]


def heard_at(file, name, events, times_s):
  """Whether a class is heard at some times, bool."""
  spans = [event[2:] for event in events if event[:2] == (file, name)]
  return np.any([(times_s > start_s) & (times_s < end_s) for start_s, end_s in spans], axis=0)


def assert_found(rows):
  """At all times that are not near a border of an event, exactly what is heard is found."""
  truth = [(f"recordings/{file}", *event) for file, events in EVENTS.items() for event in events]
  found = [(r["file"], r["label"], float(r["start_s"]), float(r["end_s"])) for r in rows]
  times_s = np.arange(0.025, 30, 0.05)
  for file, events in EVENTS.items():
    borders = [time_s for event in events for time_s in event[1:] if 0 < time_s < 30]
    clear = np.abs(times_s[:, None] - borders).min(axis=1) > BORDER_S
    assert 0.6 < clear.mean() < 1
    for name in BANDS_HZ:
      path = f"recordings/{file}"
      actual, desired = (heard_at(path, name, each, times_s) for each in (found, truth))
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


def test_scores_are_averaged_over_half_a_window_unless_a_flag_says_otherwise(place):
  rows = {}
  for name, options in (
    ("default", []),
    ("half", ["--smoothing_s=0.4875"]),
    ("none", ["--smoothing_s=0"]),
  ):
    detect(place, f"{name}.csv", *CLASSIFIER, "--hop_s=0.25", *options)
    rows[name] = rows_of(place / f"{name}.csv")
  assert rows["default"] == rows["half"] != rows["none"]


def test_thresholds_are_those_of_the_validation_clips(place):
  done = detect(place, "precise.csv", *CLASSIFIER, "--precision=0.9", "--gap_s=0.3")
  assert "threshold  high " in done.stdout
  assert "(precision 0.9 on 24 held-out clips)" in done.stdout
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
        row["file"] == f"recordings/{file}"
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
  assert [row["label"] for row in rows] == [row["file"].split("/")[1] for row in rows]
  assert {(row["start_s"], row["end_s"]) for row in rows} == {("0.000", "1.000")}
  detect(place, "few.csv", *options, "--ignore=noise", "--threshold=0.99999")
  labels = [row["label"] for row in rows_of(place / "few.csv")]
  assert set(labels) <= {"", "high", "low"}
  assert labels.count("") >= 10


@pytest.mark.parametrize(
  ("multi_label", "ignored", "thresholds", "label", "score"),
  [
    (True, (), [0.5, 0.5, 0.9], "noise;cat", 0.99),
    (True, ("noise",), [0.5, 0.5, 0.9], "cat", 0.6),  # dog has 0.8, and needs 0.9
    (True, ("noise",), [0.5, 0.7, 0.9], "", 0.8),
    (False, ("noise",), [0.5, 0.5, 0.9], "", 0.8),
    (False, (), [0.5, 0.5, 0.9], "noise", 0.99),
  ],
)
def test_the_score_of_a_file_is_that_of_a_class_which_its_row_names(
  place, monkeypatch, multi_label, ignored, thresholds, label, score
):
  monkeypatch.chdir(place)
  scores = np.array([[0.99, 0.6, 0.8]], "f")
  names = ("noise", "cat", "dog")
  scorer = Scorer(names, multi_label, lambda rows: np.repeat(scores, len(rows), 0), "fixed")
  model, store = open_model("logmel_stats"), prepare(open_source("labelled"), 16_000)
  classes = Classes(scorer, np.array(thresholds), ignored)
  detecting.classify_clips(Output("fixed.csv", root="labelled"), model, store, classes, False)
  assert {(row["label"], float(row["score"])) for row in rows_of("fixed.csv")} == {(label, score)}


def test_a_classifier_of_an_earlier_version_has_no_validation_clips(place, tmp_path):
  classifier = classifiers.LinearClassifier.open(str(place / "linear"))
  object.__setattr__(classifier, "validation_scores", None)
  object.__setattr__(classifier, "validation_targets", None)
  classifier.save(str(tmp_path))
  options = [*OPTIONS, "--output=old.csv", f"--classifier={tmp_path}", "--recall=0.5"]
  done = command("downstream.detect", *options, cwd=place, check=False)
  assert done.stderr.endswith(
    "error: --classifier: it holds no scores of held-out clips to choose a threshold by: train "
    "it again with python -m downstream.linear on more clips of each class, or pass --threshold\n"
  )
  again = [*OPTIONS, "--output=old.csv", "--classifier=linear", "--ignore=rain"]
  done = command("downstream.detect", *again, cwd=place, check=False)
  assert "--ignore=rain: there is no such class; there are high, low, noise" in done.stderr
  nothing = [*again[:-1], "--ignore=high,low,noise", "--clips"]
  done = command("downstream.detect", *nothing, cwd=place, check=False)
  assert done.stderr.endswith("error: --ignore: no class would be reported; leave one out of it\n")
