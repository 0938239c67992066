"""The benchmark of long recordings knows what is heard when, and counts what is found."""

import csv
import os

import numpy as np
import pytest
import soundfile

from benchmarks import soundscapes as command_module
from benchmarks.lib import soundscape_tables, soundscapes
from benchmarks.lib.event_matching import Counts, Span, match
from benchmarks.lib.soundscape_tables import detect_events
from benchmarks.lib.soundscapes import RATE_HZ, SNRS_DB, Sounds
from contrastive_audio.utils.spreadsheets import write_csv
from downstream import protocols
from downstream.papers.measurement import LaboratoryRequest, PretrainingChoice
from downstream.papers.pretrainings import Pretrainings
from tests.support import assert_close, command, tone

OPTIONS = ["--minutes=1", "--recordings=3", "--audio_root=unused", "--seeds=0", "--steps=2"]


def drawn(seed):
  """Events of three classes, and detections near them."""
  rng, events, found = np.random.default_rng(seed), [], []
  for label in ("a", "b", "c"):
    starts = np.cumsum(rng.uniform(0.2, 4, 30))
    ends = starts + rng.uniform(0.2, 5, 30)
    for start_s, end_s in zip(starts.round(2), ends.round(2)):
      events.append(Span(label, start_s, end_s))
      for _ in range(rng.integers(0, 3)):
        missed = start_s + rng.normal(0, 0.5), end_s + rng.normal(0, 0.8)
        found.append(Span(label, *np.round(missed, 2)))
  return events, [span for span in found if span.end_s > span.start_s >= 0]


def test_the_score_is_that_of_sed_eval():
  # sed_eval 0.2.1: t_collar=0.5, percentage_of_length=0.5, event_matching_type="optimal".
  scores = [42.931937, 54.97076, 52.631579, 56.140351]
  assert_close([match(*drawn(seed)).f1 for seed in range(4)], scores, atol=1e-6)


def test_as_many_pairs_are_made_as_possible_and_each_event_has_one():
  events = [Span("dog", 1.0, 2.0), Span("dog", 1.8, 2.8)]
  both = [Span("dog", 1.4, 2.4), Span("dog", 0.6, 1.6)]  # the first fits both events
  assert match(events, both) == Counts(2, 2, 2)
  assert match(events, both[:1] * 3) == Counts(2, 2, 3)
  assert match(events, [Span("cat", 1.0, 2.0)]) == Counts(0, 2, 1)
  assert match([Span("dog", 0.0, 4.0)], [Span("dog", 0.5, 5.9)]).hits == 1  # half its length
  assert match([Span("dog", 0.0, 4.0)], [Span("dog", 0.51, 4.0)]).hits == 0
  assert Counts(0, 0, 0).f1 == 0


@pytest.fixture(scope="module")
def sounds():
  """Two classes of tones that begin late, and rain; other pitches in the test."""
  sides = {}
  for side, factor in (("train", 1.0), ("test", 1.02)):
    rng = np.random.default_rng(len(side))
    silence = np.zeros(RATE_HZ // 2, "f")
    events = {
      name: [
        np.concatenate([silence, tone(factor * hz, 1 + 0.4 * repeat), silence])
        for repeat in range(3)
      ]
      for name, hz in (("001 - Low", 400), ("high", 1600))
    }
    sides[side] = Sounds(events, [rng.normal(0, 0.1, 2 * RATE_HZ) for _ in range(2)])
  return sides


@pytest.fixture(scope="module")
def scenes(sounds, tmp_path_factory):
  folder = tmp_path_factory.mktemp("scenes")
  return folder, soundscapes.make(str(folder), sounds, num_train=2, minutes=1)


def test_sounds_are_where_the_list_says_as_loud_as_it_says(scenes):
  folder, events = scenes
  for snr_db in SNRS_DB:
    file = f"test/{snr_db:02d}dB.flac"
    wave, _ = soundfile.read(folder / file)
    heard = np.zeros(len(wave), bool)
    powers = []
    for event in (event for event in events if event.file == file):
      assert event.snr_db == snr_db
      assert 0.95 < event.end_s - event.start_s < 1.85
      part = slice(round(event.start_s * RATE_HZ), round(event.end_s * RATE_HZ))
      assert not heard[part].any()
      heard[part] = True
      powers.append(np.mean(wave[part] ** 2))
    background = np.mean(wave[~heard] ** 2)
    expected = 10 * np.log10(1 + 10 ** (snr_db / 10))  # the background goes on below it
    assert 10 * np.log10(np.mean(powers) / background) == pytest.approx(expected, abs=1)


def test_recordings_depend_on_the_seed_alone_and_a_stopped_call_begins_again(
  scenes, sounds, tmp_path
):
  folder, events = scenes
  assert soundscapes.known(str(tmp_path)) is None
  assert soundscapes.make(str(tmp_path / "a"), sounds, num_train=2, minutes=1) == events
  assert soundscapes.make(str(tmp_path / "b"), sounds, num_train=2, minutes=1, seed=1) != events
  name = "train/01.flac"
  assert (tmp_path / "a" / name).read_bytes() == (folder / name).read_bytes()
  assert soundscapes.known(str(tmp_path / "a")) == events
  assert len({event.file for event in events}) == 2 + len(SNRS_DB)


def measured(folder, *options):
  return command("benchmarks.soundscapes", *OPTIONS, *options, cwd=folder).stdout


def scores_of(path):
  with open(path, newline="") as file:
    return {(row["variant"], row["task"]): float(row["mean"]) for row in csv.DictReader(file)}


@pytest.mark.slow
def test_clear_sounds_are_found_and_the_same_command_goes_on(sounds, tmp_path, monkeypatch):
  monkeypatch.setattr(soundscapes, "read_sounds", lambda *_: sounds)
  options = ["--models=logmel_stats", "--runs_dir=runs", "--store_dir=stores"]
  printed = measured(tmp_path, *options, "--parts=query,detector")
  query = scores_of(tmp_path / "runs" / "soundscapes-query.csv")
  assert query["logmel_stats", "20 dB"] > 40  # by chance, about 10
  detector = scores_of(tmp_path / "runs" / "soundscapes-detector.csv")
  assert detector["logmel_stats", "20 dB"] > 30
  monkeypatch.setattr(soundscapes, "read_sounds", None)  # what is there is not made again
  monkeypatch.setattr("downstream.linear.run", None)
  assert measured(tmp_path, *options, "--parts=detector") in printed


def test_trainings_differ_in_how_the_recordings_are_cut(
  sounds,
  tmp_path,
  monkeypatch,
  answers_in_this_process,
):
  monkeypatch.setattr(soundscapes, "read_sounds", lambda *_: sounds)
  measured(tmp_path, "--parts=training", "--runs_dir=runs", "--variants=log-mel statistics")
  scores = scores_of(tmp_path / "runs" / "soundscapes-training.csv")
  assert scores["log-mel statistics", "linear probe"] > 50
  folder, runs = tmp_path / "runs" / "scenes-3x1min", Pretrainings(LaboratoryRequest("runs"))
  trainings = [each.model for each in command_module.trainings(str(folder), steps=2)]
  resolved = [runs.resolved(each, 0) for each in trainings if isinstance(each, PretrainingChoice)]
  cut = [(each["config"]["piece_s"], each["config"]["active"]) for each in resolved]
  assert cut == [(5.0, False), (0.0, False), (5.0, False), (5.0, True), (0.0, False)]
  assert {each["config"]["batch_size"] for each in resolved} == {12}
  assert [each["data"]["clips"] for each in resolved] == [3, 3, 3, 3, 12]


@pytest.fixture
def detector(monkeypatch):
  """The calls of the commands that train and hear; no classifier is left, and no detection."""
  trained, heard = [], []

  def write(words):
    (output,) = [word.partition("=")[2] for word in words if word.startswith("--output=")]
    os.makedirs(os.path.dirname(output), exist_ok=True)
    write_csv(output, [["file", "start_s", "end_s", "label", "score"]])
    heard.extend(word for word in words if word.startswith("--input="))

  monkeypatch.setattr("downstream.linear.run", trained.append)
  monkeypatch.setattr("downstream.detect.run", write)
  return trained, heard


def test_a_detector_is_trained_and_heard_on_the_recordings_that_are_measured(tmp_path, detector):
  trained, heard = detector
  for name in ("3x10min", "3x1min", "3x10min"):
    detect_events("logmel_stats", str(tmp_path / name), [], 0.5, LaboratoryRequest("runs"))
  folders = [f"--input=folder:{tmp_path / name}/test" for name in ("3x10min", "3x1min")]
  assert heard == folders  # what is there is not made again
  assert len(trained) == 3  # none of which has left a classifier


@pytest.mark.parametrize("changed", ["WINDOW_S", "GAP_S", "logistic"])
def test_what_another_detector_has_found_is_not_measured_again(
  tmp_path, monkeypatch, detector, changed
):
  _, heard = detector
  for count in (1, 1, 2):
    if count == 2 and changed == "logistic":
      monkeypatch.setitem(protocols.EVALUATION_VERSIONS, changed, 99)
    elif count == 2:
      monkeypatch.setattr(soundscape_tables, changed, 4.0)
    detect_events("logmel_stats", str(tmp_path), [], 0.5, LaboratoryRequest("runs"))
    assert len(heard) == count
