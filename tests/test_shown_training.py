"""What one sees of a training: its stages in a log, its numbers in TensorBoard and the like."""

import collections
import importlib.util
import json
import os
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from contrastive_audio.monitoring.health import similarities
from contrastive_audio.runs import Run
from contrastive_audio.training import trackers
from contrastive_audio.utils.json_lines import read_rows
from tests.support import refused, train

pytestmark = pytest.mark.figures

STEPS = 20
OPTIONS = ("--recipe=small", "--batch_size=4", "--store_dir=stores", "--monitor_every=0")
INSTALLED = [name for name in ("wandb", "mlflow") if importlib.util.find_spec(name)]


@pytest.fixture(scope="module")
def trained(clip_folder, tmp_path_factory):
  """(its place, its run, what its log says), shown wherever it can be."""
  place = tmp_path_factory.mktemp("shown")
  files = (place / "mlflow").as_uri()
  apart = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "MLFLOW_TRACKING_URI": files}
  with mock.patch.dict(os.environ, apart | {"MLFLOW_ALLOW_FILE_STORE": "true"}):
    log_to = ",".join(["tensorboard", *INSTALLED])
    options = [f"--dataset={clip_folder}", "--run=run", f"--steps={STEPS}", f"--log_to={log_to}"]
    done = train(*options, *OPTIONS, cwd=place)
  return place, Run.open(str(place / "run")), done.stderr.splitlines()


@pytest.fixture(scope="module")
def board(trained):
  events = EventAccumulator(trained[1].path("tensorboard"), size_guidance={"tensors": 0})
  events.Reload()
  return events


def test_every_stage_has_a_name_in_the_log(trained):
  lines = trained[2]
  names = ["building the networks", "drawing pairs.png", "evaluating", "training", "exporting"]
  begun = [next(i for i, line in enumerate(lines) if line.startswith(name)) for name in names]
  assert begun == sorted(begun)
  assert lines[begun[3]] == f"training, building the graph: 0/{STEPS} [00:00<?, ? steps/s]"
  (end,) = [line for line in lines if line.startswith("training, loss ")]
  assert f" % found: {STEPS}/{STEPS} [" in end


def test_tensorboard_has_the_numbers_of_the_metrics_file_in_groups(trained, board):
  rows = read_rows(trained[1].path("metrics.jsonl")).rows
  expected = collections.defaultdict(list)
  for row in rows:
    for name in row.keys() - {"step"}:
      expected[name].append((row["step"], row[name]))
  groups = {"loss": "train", "knn_accuracy": "monitor", "pairs_per_s": "speed"}
  groups |= {"learning_rate": "train", "embedding_spread": "train", "exported_spread": "monitor"}
  for name, group in groups.items():
    events = board.Tensors(f"{group}/{name}")
    shown = [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events]
    assert np.array(shown) == pytest.approx(np.array(expected[name]), rel=1e-6), name
  shown = {tag.split("/", 1)[1] for tag in board.Tags()["tensors"] if "/" in tag}
  assert expected.keys() <= shown


def test_tensorboard_has_the_rate_histograms_figures_and_hyper_parameters(trained, board):
  steps = {"train/pairs": [0], "monitor/knn_confusion": [0, STEPS]}
  steps |= {f"monitor/similarity_of_{kind}": [0, STEPS] for kind in ("pairs", "others")}
  for tag, expected in steps.items():
    assert [event.step for event in board.Tensors(tag)] == expected, tag
  png = board.Tensors("train/pairs")[0].tensor_proto.string_val[2]
  assert png.startswith(b"\x89PNG")
  content = board.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
  known = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
  assert known["learning_rate"].number_value == trained[1].config["config"]["learning_rate"]
  assert known["encoder"].string_value == "frame_cnn"


def test_pairs_of_one_clip_are_compared_with_each_other_and_clips_with_clips():
  rows = np.array([[1, 0], [1, 0], [0, 1], [0, -1], [1, 1], [1, 1]], float)
  of_pairs, of_others = similarities(rows)
  assert of_pairs.tolist() == pytest.approx([1, -1, 1])
  assert of_others.tolist() == pytest.approx([0, 0.5**0.5, 0.5**0.5])


@pytest.mark.skipif("wandb" not in INSTALLED, reason="the extra [wandb] is not installed")
def test_wandb_has_a_run_of_its_own_kind(trained):
  (folder,) = (trained[0] / "run" / "wandb").glob("offline-run-*")
  kept = json.loads((trained[0] / "run" / "tracking.json").read_text())
  content = next(folder.glob("*.wandb")).read_bytes()
  assert kept["wandb"] in folder.name
  for name in (b"batch/loss", b"monitor/knn_accuracy", b"speed/pairs_per_s", b"encoder"):
    assert name in content


@pytest.mark.skipif("mlflow" not in INSTALLED, reason="the extra [mlflow] is not installed")
def test_mlflow_has_parameters_metrics_and_figures(trained):
  place, run, _ = trained
  run_id = json.loads((place / "run" / "tracking.json").read_text())["mlflow"]
  (folder,) = (place / "mlflow").glob(f"*/{run_id}")
  assert (folder / "params" / "encoder").read_text() == "frame_cnn"
  _, value, step = (
    (folder / "metrics" / "monitor" / "knn_accuracy").read_text().split("\n")[1].split()
  )
  assert (float(value), int(step)) == (run.metrics("knn_accuracy")[1][-1], STEPS)
  assert (folder / "metrics" / "loss").exists()
  assert (folder / "artifacts" / "pairs.png").exists()


def test_nothing_is_logged_if_nothing_is_named(tmp_path):
  printed = train("--log_to=", "--print_config", cwd=tmp_path, system="cola").stdout
  assert json.loads(printed)["system"] == "cola"


def test_what_is_missing_or_unknown_is_one_line_before_any_work(tmp_path):
  with mock.patch.dict(sys.modules, wandb=None, mlflow=None):
    for name in ("wandb", "mlflow"):
      line = refused(
        "--dataset=./nowhere", f"--log_to=tensorboard,{name}", cwd=tmp_path, system="cola"
      )
      assert line.startswith(f"error: --log_to={name} needs the package {name}: pip install ")
  line = refused("--dataset=./nowhere", "--log_to=paper", cwd=tmp_path, system="cola")
  assert line == "error: --log_to=paper: must be among tensorboard, wandb, mlflow"
  assert not os.listdir(tmp_path)


def test_a_training_that_is_shown_nowhere_keeps_its_metrics(trained, tmp_path):
  run = Run(str(tmp_path), {})
  with trackers.tracked(run, []):
    run.log(1, {"loss": 0.5})
  assert os.listdir(tmp_path) == ["metrics.jsonl"]
  assert len(run.trackers) == 1  # TensorBoard, again
