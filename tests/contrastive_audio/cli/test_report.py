"""What the summary of a training tells its reader to do next."""

import json
import shlex

import pytest
import tensorflow as tf

from contrastive_audio.cli import report
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.runs import Run


def next_commands(dataset, piece_s=0.0):
  config = {"dataset": dataset, "piece_s": piece_s}
  return report._next_commands(Run("runs/x", {"system": "cola", "config": config}))


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


def test_after_pieces_of_long_recordings_one_can_label_what_is_heard_in_them(tmp_path):
  label, _ = next_commands(f"folder:{tmp_path}", piece_s=5.0)
  flags = ["--model=runs/x", f"--input={tmp_path}", "--labels=labels.csv"]
  assert shlex.split(label) == ["python", "-m", "downstream.label", *flags]


@pytest.mark.parametrize("dataset", ["spoken_digit", "folder:/a + folder:/b"])
def test_of_a_named_data_set_and_of_several_the_run_is_shown(dataset):
  assert next_commands(dataset) == ["tensorboard --logdir=runs/x/tensorboard"]


def test_after_the_synthetic_clips_come_those_of_the_reader():
  assert next_commands("synthetic") == ["python -m cola.train --dataset=/path/to/your/audio"]


def linear_lines(tmp_path, capsys, *accuracies):
  rows = [{"step": 100 * i, "linear_accuracy": a} for i, a in enumerate(accuracies)]
  (tmp_path / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
  report._print_linear(Run(str(tmp_path), {}))
  return capsys.readouterr().out.splitlines()


def test_what_training_lost_is_said_in_points_beside_what_was_there_before(tmp_path, capsys):
  linear, lost = linear_lines(tmp_path, capsys, 0.856, 0.9, 0.841)
  assert linear.endswith("84.1 % (mean over classes), before training 85.6 %")
  assert "training lost 1.5 points" in lost
  assert "preset:general" in lost


def test_a_training_that_gained_or_was_measured_once_lost_nothing(tmp_path, capsys):
  for accuracies in ((0.841, 0.856), (0.85, 0.85), (0.85,)):
    assert len(linear_lines(tmp_path, capsys, *accuracies)) == 1


def test_what_a_training_runs_on_is_named(capsys, monkeypatch):
  report.print_devices(Hosts())
  assert capsys.readouterr().out.endswith("; TensorFlow sees no GPU\n")
  details = {"device_name": "NVIDIA H100"}
  monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
  monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)
  report.print_devices(Hosts(count=2))
  assert capsys.readouterr().out == "device     1 GPU (NVIDIA H100), 2 hosts\n"
