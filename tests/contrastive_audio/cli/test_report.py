"""What the summary of a training tells its reader to do next."""

import shlex

import pytest

from contrastive_audio.cli import report
from contrastive_audio.runs import Run


def next_commands(dataset):
  return report._next_commands(Run("runs/x", {"system": "cola", "config": {"dataset": dataset}}))


def test_after_audio_of_ones_own_one_can_listen_to_what_the_encoder_takes_for_similar(tmp_path):
  folder = tmp_path / "with space"
  folder.mkdir()
  listen, watch = next_commands(f"folder:{folder}")
  assert shlex.split(listen)[2:5] == [
    "downstream.neighbours",
    "--model=runs/x",
    f"--input={folder}",
  ]
  assert watch == "tensorboard --logdir=runs/x/tensorboard"


@pytest.mark.parametrize("dataset", ["spoken_digit", "folder:/a + folder:/b"])
def test_of_a_named_data_set_and_of_several_the_run_is_shown(dataset):
  assert next_commands(dataset) == ["tensorboard --logdir=runs/x/tensorboard"]


def test_after_the_synthetic_clips_come_those_of_the_reader():
  assert next_commands("synthetic") == ["python -m cola.train --dataset=/path/to/your/audio"]
