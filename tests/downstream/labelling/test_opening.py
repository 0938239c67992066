"""What a labelling opens, and what it says at its end."""

import numpy as np
import pytest
import soundfile

from contrastive_audio.cli.open_data import DataChoice, DataLocation
from downstream.labelling.opening import next_command, open_recordings
from downstream.labelling.places import Place
from tests.downstream.labelling.three_recordings import table


@pytest.mark.parametrize("name", [" d.wav", "two\nlines.wav"])
def test_recordings_that_a_table_cannot_name_are_left_out_and_counted(place, name, capsys):
  soundfile.write(f"field/{name}", np.ones(1_600), 1_600)
  location = DataLocation(store_dir=str(place / "stores"))
  opened = open_recordings(DataChoice(("./field",)), location, 1_600, "field/labels.csv")
  assert opened.recordings.names == ["=1+1.wav", "a.wav", "c.wav"]
  assert "left out   1 recording whose names no table can hold: rename" in capsys.readouterr().out


def test_a_class_with_a_single_mark_is_named_as_long_as_nothing_can_be_trained(place):
  marked = table()
  for number, label in enumerate("aabbc"):
    marked.set(Place(0, 16_000 * number, 16_000 * (number + 1)), [label])
  assert next_command(marked, "runs/mine").startswith("mark another window of 'c': a class takes")
  marked.set(Place(1, 0, 16_000), ["a", "c"])
  assert next_command(marked, "runs/mine").endswith("--metric=mAP --output=linear")


def test_the_next_command_embeds_as_the_labelling_did(place):
  marked = table()
  for number, label in enumerate("aabb"):
    marked.set(Place(0, 16_000 * number, 16_000 * (number + 1)), [label])
  start = "next: python -m downstream.linear --model=runs/mine --task=labels.csv"
  assert next_command(marked, "runs/mine") == f"{start} --output=linear"
  pooled = next_command(marked, "runs/mine", "windows_max")
  assert pooled == f"{start} --clip_pooling=windows_max --output=linear"
