"""Files for other programs hold the rows of the table, and are found and read back by ours."""

import csv
import shutil

import pytest

from contrastive_audio import datasets
from contrastive_audio.datasets.annotations.annotation import Annotation
from contrastive_audio.errors import UserError
from downstream.detection.outputs import Output
from tests.downstream.detection.made_recordings import (
  BORDER_S,
  CLASSIFIER,
  EVENTS,
  OPTIONS,
  detect,
  rows_of,
)
from tests.support import command, refused_command


def seconds(text):
  return f"{float(text):.3f}".rstrip("0").rstrip(".")


def stretches_of(rows):
  """Rows of detections in `field`, as a data set of that folder lists them."""
  return {
    (
      f"{row['file'].removeprefix('field/')}#t={seconds(row['start_s'])},{seconds(row['end_s'])}",
      row["label"],
    )
    for row in rows
  }


def listed(name):
  """The stretches of a data set, with their labels."""
  source = datasets.open_source(name)
  keys = [clip.key for clip in source.clips(0, source.num_clips)]
  return {(each.key, each.label) for each in source.stretches.within(keys, [30.0] * len(keys))}


LABELLED = [*CLASSIFIER, "--gap_s=0.3"]


@pytest.fixture(scope="module")
def field(place):
  """The recordings in a folder for each, and what is detected there, as a CSV."""
  for number, name in enumerate(EVENTS):
    (place / "field" / str(number)).mkdir(parents=True)
    shutil.copy(place / "recordings" / name, place / "field" / str(number) / name)
  detect(place, "field.csv", "--input=field", *LABELLED)
  return rows_of(place / "field.csv")


@pytest.mark.parametrize(
  ("kind", "name"), [("raven", "first.wav.Table.1.selections.txt"), ("audacity", "first.wav.txt")]
)
def test_files_of_other_programs_beside_the_recordings_are_a_data_set_of_the_same_rows(
  place, field, kind, name
):
  shutil.copytree(place / "field", place / kind)
  options = [f"--input={kind}", f"--format={kind}", *LABELLED]
  done = detect(place, kind, *options)
  assert (
    f"detections {kind}: 2 files of {kind.capitalize()}: {len(field)} detections" in done.stdout
  )
  assert (place / kind / "0" / name).exists()
  assert len(field) == 4
  assert listed(f"labels:{place / kind}") == stretches_of(field)
  again = refused_command("downstream.detect", *OPTIONS, f"--output={kind}", *options, cwd=place)
  assert f"{name} exists already: delete it, or choose another --output" in again


def test_a_table_of_raven_says_where_its_recording_is_and_all_formats_are_written_at_once(
  place, field
):
  options = ["--input=field", "--format=audacity,csv,raven", *LABELLED]
  done = detect(place, "all", *options)
  assert "all/detections.csv and 2 files of Raven and 2 files of Audacity: 4" in done.stdout
  rows = rows_of(place / "all" / "detections.csv")
  assert rows == [row | {"file": str(place / row["file"])} for row in field]
  (row,) = [row for row in field if row["file"] == "field/0/first.wav" and row["label"] == "low"]
  with open(place / "all" / "0" / "first.wav.Table.1.selections.txt", newline="") as file:
    selection, _ = csv.DictReader(file, delimiter="\t")
  assert selection == {
    "Selection": "1",
    "View": "Spectrogram 1",
    "Channel": "1",
    "Begin Time (s)": row["start_s"] + "000000",
    "End Time (s)": row["end_s"] + "000000",
    "Low Freq (Hz)": "0.000",
    "High Freq (Hz)": "8000.000",
    "Begin Path": str(place / "field" / "0" / "first.wav"),
    "Begin File": "first.wav",
    "File Offset (s)": row["start_s"] + "000000",
    "Score": row["score"],
    "Annotation": "low",
  }
  track = (place / "all" / "0" / "first.wav.txt").read_text().splitlines()
  assert track[0] == f"{row['start_s']}000\t{row['end_s']}000\tlow"
  for path in (place / "all").rglob("*.wav.txt"):
    path.unlink()  # a label track names no recording, so it has to lie beside it
  found = {(key.rpartition("field/")[2], label) for key, label in listed(f"labels:{place / 'all'}")}
  assert found == stretches_of(field)


@pytest.mark.parametrize("kinds", [("csv", "audacity"), ("raven",)])
def test_a_call_that_is_stopped_while_it_writes_goes_on_and_spares_the_files_of_others(
  kinds, tmp_path, monkeypatch
):
  found = [Annotation(0.0, 1.0, "wren", file=f"{n}.wav", score=0.5) for n in range(3)]
  names, output = [f"{n}.wav" for n in range(3)], Output(str(tmp_path / "out"), kinds)
  whole = Output(str(tmp_path / "whole"), kinds)
  whole.write(found, highest_hz=8000.0)
  write_one = Output._write_one

  def stopped(self, kind, name, *rest):
    if name == "1.wav":
      raise KeyboardInterrupt
    write_one(self, kind, name, *rest)

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(Output, "_write_one", stopped)
    output.write(found, highest_hz=8000.0)
  output.require_new(names)
  output.write(found, highest_hz=8000.0)
  contents = [
    {path.name: path.read_text() for path in (tmp_path / folder).iterdir()}
    for folder in ("out", "whole")
  ]
  assert contents[0] == contents[1]
  with pytest.raises(UserError, match="exists already: delete it"):
    output.require_new(names)


def test_the_table_is_a_data_set_wherever_it_lies(place, field):
  detect(place, "elsewhere/found.csv", "--input=field", *LABELLED)
  for name, root in (("field.csv", "field/"), ("elsewhere/found.csv", f"{place}/field/")):
    found = {(key.removeprefix(root), label) for key, label in listed(str(place / name))}
    assert found == stretches_of(field)


def test_detections_in_stretches_have_the_times_of_their_recording(place, field):
  (place / "calls.csv").write_text(
    "file,start_s,end_s\nfield/0/first.wav,2,9\nfield/0/first.wav,10,17\n"
  )
  detect(place, "calls", "--input=calls.csv", "--format=csv,audacity", *LABELLED)
  rows = rows_of(place / "calls" / "detections.csv")
  recording = str(place / "field" / "0" / "first.wav")
  assert [(row["file"], row["label"]) for row in rows] == [(recording, "low"), (recording, "high")]
  for row, (_, start_s, end_s) in zip(rows, EVENTS["first.wav"]):
    assert float(row["start_s"]) == pytest.approx(start_s, abs=BORDER_S)
    assert float(row["end_s"]) == pytest.approx(end_s, abs=BORDER_S)
  track = (place / "calls" / "field" / "0" / "first.wav.txt").read_text()
  assert len(track.splitlines()) == 2


@pytest.mark.parametrize(
  ("output", "option", "reason"),
  [
    ("new", "--format=flac", "--format=flac: choose from csv, raven, audacity"),
    ("new.csv", "--format=raven", "--output=new.csv: there is a file for each recording"),
    ("recordings/bad.wav", "--format=raven", "is a file: choose a folder"),
    ("new", "--format=csv", "the file has to end in .csv"),
  ],
)
def test_formats_that_do_not_fit_are_one_line(place, output, option, reason):
  options = [*OPTIONS, *CLASSIFIER, f"--output={output}", option]
  assert reason in refused_command("downstream.detect", *options, cwd=place)
  options = [*OPTIONS, *CLASSIFIER, "--output=new", "--format=raven", "--clips"]
  assert "leave out --format" in refused_command("downstream.detect", *options, cwd=place)


def test_a_recording_whose_name_is_too_long_for_its_file_is_refused_before_it_is_embedded(place):
  (place / "long").mkdir()
  shutil.copy(place / "recordings" / "first.wav", place / "long" / f"{'x' * 240}.wav")
  options = [*OPTIONS, *CLASSIFIER, "--input=long", "--output=too_long", "--format=raven"]
  line = refused_command("downstream.detect", *options, cwd=place)
  assert "a name has 267 bytes, at most 255 work" in line
  assert not (place / "too_long").exists()


@pytest.mark.parametrize("option", ["--format=csv", "--format=raven"])
def test_who_finds_detections_finds_what_could_not_be_read_too(place, monkeypatch, option):
  def killed(*arguments, **options):
    raise KeyboardInterrupt

  monkeypatch.setattr(Output, "write", killed)
  output = "stopped.csv" if option == "--format=csv" else "stopped"
  options = [*OPTIONS, *LABELLED, f"--output={output}", option]
  done = command("downstream.detect", *options, cwd=place, check=False)
  assert done.returncode == 130
  skipped = {"stopped.csv": "stopped.csv", "stopped": "stopped/detections.csv"}[output]
  assert "bad.wav," in (place / f"{skipped}.skipped.csv").read_text()
