"""What a labelling opens, and what it says at its end."""

import re
import shlex

import numpy as np
import pytest
import soundfile
from absl import flags

from contrastive_audio.cli.open_data import DataChoice, DataLocation
from downstream.labelling.opening import next_steps, open_recordings
from downstream.labelling.places import Place
from tests.downstream.labelling.three_recordings import table
from tests.support import command


@pytest.mark.parametrize("name", [" d.wav", "two\nlines.wav"])
def test_recordings_that_a_table_cannot_name_are_left_out_and_counted(place, name, capsys):
  soundfile.write(f"field/{name}", np.ones(1_600), 1_600)
  location = DataLocation(store_dir=str(place / "stores"))
  opened = open_recordings(DataChoice(("./field",)), location, 1_600, "field/labels.csv")
  assert opened.recordings.names == ["=1+1.wav", "a.wav", "c.wav"]
  assert "left out   1 recording whose names no table can hold: rename" in capsys.readouterr().out


def steps(marked, **windows):
  return next_steps(marked, "runs/mine", "field", "other", **windows)


def test_a_class_with_a_single_mark_is_named_as_long_as_nothing_can_be_trained(place):
  marked = table()
  for number, label in enumerate("aabbc"):
    marked.set(Place(0, 16_000 * number, 16_000 * (number + 1)), [label])
  (step,) = steps(marked)
  assert step.startswith("mark another window of 'c': a class takes")
  marked.set(Place(1, 0, 16_000), ["a", "c"])
  assert steps(marked)[0].endswith("--metric=mAP --output=linear")


def test_the_next_commands_embed_and_cut_windows_as_the_labelling_did(place):
  marked = table()
  for number, label in enumerate(("a", "a", "other", "other")):
    marked.set(Place(0, 16_000 * number, 16_000 * (number + 1)), [label])
  linear = "python -m downstream.linear --model=runs/mine --task=labels.csv"
  detect = "python -m downstream.detect --model=runs/mine --classifier=linear --input=field"
  end = "--ignore=other --output=detections.csv"
  assert steps(marked) == [f"{linear} --output=linear", f"{detect} {end}"]
  assert steps(marked, window_s=2.5, clip_pooling="windows_max") == [
    f"{linear} --clip_pooling=windows_max --output=linear",
    f"{detect} --window_s=2.5 {end}",
  ]


def test_a_negative_class_with_a_comma_is_one_class_of_the_next_command(place):
  marked = table()
  for number, label in enumerate(("a", "a", "none, or far", "none, or far")):
    marked.set(Place(0, 16_000 * number, 16_000 * (number + 1)), [label])
  _, detect = next_steps(marked, "runs/mine", "field", "none, or far")
  values = flags.FlagValues()
  flags.DEFINE_list("ignore", None, "", flag_values=values)
  values(["detect", *(each for each in shlex.split(detect) if each.startswith("--ignore="))])
  assert values.ignore == ["none, or far"]


@pytest.mark.parametrize("number", [0, 1])
def test_the_next_commands_have_flags_that_the_commands_take(place, number):
  marked = table()
  for start, labels in enumerate(("a", "a", "other", "other;a")):
    marked.set(Place(0, 16_000 * start, 16_000 * (start + 1)), labels.split(";"))
  step = steps(marked, window_s=2.5, clip_pooling="windows_max")[number]
  _, _, module, *options = step.split()
  assert {option.partition("=")[0] for option in options} <= set(
    re.findall(r"^  (--\w+)=", command(module, "--help", cwd=place).stdout, re.MULTILINE)
  )
