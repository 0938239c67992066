"""What finetune leaves: a run folder that every command opens, and that scores as was evaluated."""

import csv
import json
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

import contrastive_audio
from cola.config import Config
from cola.model import make_encoder
from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.training.source_run import SourceRun
from contrastive_audio.training.starting_weights import StartingWeights
from downstream.classifiers import fine_tuned_runs
from downstream.encoders.models import open_model
from tests.downstream.classifiers import tiny_training
from tests.support import assert_close, command, refused_command, write_clips

MODEL_FILES = ("config.json", "encoder.keras", "classifier.npz", "saved_model")


@pytest.fixture(scope="module")
def place(cola_run, tmp_path_factory):
  """A folder with clips of two windows, and a run that was fine-tuned from one for whole clips."""
  folder = tmp_path_factory.mktemp("fine_tuned")
  write_clips(folder / "clips", clips=5, seconds=1.2)
  shutil.copytree(cola_run, folder / "source")
  config = folder / "source" / "config.json"
  content = json.loads(config.read_text())
  content["input"]["config"]["clip_pooling"] = "clip"
  config.write_text(json.dumps(content))
  finetune(folder, "--output=tuned")
  return folder


def options(*changes):
  start = ["--model=source", "--task=clips", "--store_dir=stores"]
  return [*start, "--epochs=2", "--batchnorm=fixed", *changes]


def finetune(place, *changes, check=True):
  return command("downstream.finetune", *options(*changes), cwd=place, check=check)


def predictions(place, run="tuned"):
  """(rows of predictions.csv, scores by clip and class)."""
  with open(place / run / "predictions.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  return rows, np.array([[float(row[name]) for name in ("high", "low")] for row in rows])


def weights(run):
  return tf.keras.models.load_model(run / "encoder.keras").get_weights()


@pytest.mark.slow
def test_the_exported_model_scores_waves_as_the_predictions_say(place):
  rows, scores = predictions(place)
  classify = tf.saved_model.load(str(place / "tuned" / "saved_model")).signatures["classify"]
  read = [contrastive_audio.read(place / "clips" / row["file"], 16_000) for row in rows]
  given = [classify(waveform=tf.constant(wave[None])) for wave in read]
  assert [name.decode() for name in given[0]["labels"].numpy()] == ["high", "low"]
  assert_close([each["scores"][0] for each in given], scores, atol=1e-5)
  assert scores.std() > 1e-3


def test_the_run_says_what_it_was_tuned_from(place):
  tuning = json.loads((place / "tuned" / "config.json").read_text())["fine_tuning"]
  expected = {"task": "clips", "protocol": "early_stopping", "seed": 0, "labels": "all labels"}
  assert expected.items() <= tuning.items()
  assert tuning["model_digest"] == open_model(str(place / "source")).identity


def test_it_is_the_model_and_the_classifier_of_other_commands(place):
  rows, scores = predictions(place)
  encoder = contrastive_audio.load(place / "tuned")
  wave = contrastive_audio.read(place / "clips" / rows[0]["file"], 16_000)
  own = LinearClassifier.open(str(place / "tuned"))
  assert_close(own.scores(encoder.embed(wave)[None])[0], scores[0], atol=1e-5)
  assert own.validation_targets.sum(axis=0).tolist() == [1, 1]
  found = ["--model=tuned", "--classifier=tuned", "--input=clips", "--store_dir=stores"]
  command("downstream.detect", *found, "--clips", "--output=clips.csv", cwd=place)
  with open(place / "clips.csv", newline="") as file:
    by_file = {row["file"]: row for row in csv.DictReader(file)}
  assert all(by_file["clips/" + row["file"]]["label"] == row["predicted"] for row in rows)
  printed = command("contrastive_audio.export", "--model=tuned", "--output=again", cwd=place).stdout
  assert "gives      embedding [B, 3072], scores [B, 2]\n" in printed


def test_a_pretraining_starts_from_it(place):
  source = SourceRun.open(str(place / "tuned"))
  config = Config(**source.fields(Config, {}))
  model = types.SimpleNamespace(encoder=make_encoder(config))
  StartingWeights(source).require_fit(model, config.front_end())
  assert config.clip_pooling == "windows"


def test_the_encoder_was_trained_and_can_be_trained_again(place):
  before, after = weights(place / "source"), weights(place / "tuned")
  assert any(np.abs(a - b).max() > 1e-6 for a, b in zip(before, after))
  encoder = open_model(str(place / "tuned")).encoder
  assert len(encoder.trainable_weights) == len(
    open_model(str(place / "source")).encoder.trainable_weights
  )


@pytest.mark.slow
def test_a_call_that_was_killed_in_a_step_and_in_the_export_goes_on_to_the_same_run(
  place, monkeypatch
):
  with monkeypatch.context() as killed, pytest.raises(tiny_training.Crash):
    tiny_training.crash_at(2, killed)
    finetune(place, "--output=killed")
  with monkeypatch.context() as killed, pytest.raises(tiny_training.Crash):
    killed.setattr(fine_tuned_runs, "export_saved_model", tiny_training.crash)
    finetune(place, "--output=killed")
  assert not (place / "killed" / "saved_model").exists()
  finetune(place, "--output=killed")
  assert all((place / "killed" / name).exists() for name in MODEL_FILES)
  assert_close(predictions(place, "killed")[1], predictions(place)[1], atol=1e-4)
  for ours, theirs in zip(weights(place / "killed"), weights(place / "tuned")):
    assert_close(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (["--seed=1"], "'tuned' holds a run with other settings: fine_tuning.seed was 0 and is now 1"),
    (["--batch_size=2"], "--output=tuned holds results with batch_size=64, and these would have 2"),
    (["--labels_per_class=2"], "fine_tuning.labels was 'all labels' and is now '2 per class'"),
    (["--labels_per_class=2,all"], "--output=tuned holds one run, and this call makes several: c"),
    (["--output=source"], "'source' holds a pre-trained run, not a fine-tuned model: choose anot"),
    (["--output=clips.csv"], "--output=clips.csv is a file: choose a folder"),
  ],
)
def test_another_configuration_is_refused_and_changes_nothing(place, changes, message):
  (place / "clips.csv").touch()
  written = [(place / "tuned" / name).stat().st_mtime_ns for name in MODEL_FILES]
  assert message in refused_command(
    "downstream.finetune", *options("--output=tuned", *changes), cwd=place
  )
  assert [(place / "tuned" / name).stat().st_mtime_ns for name in MODEL_FILES] == written
  assert not (place / "source" / "classifier.npz").exists()


def test_a_pretraining_leaves_a_fine_tuned_run_alone(place):
  given = ["--dataset=clips", "--run=tuned", "--recipe=small", "--steps=2", "--batch_size=4"]
  message = refused_command("cola.train", *given, "--store_dir=stores", cwd=place)
  assert "'tuned' holds a fine-tuned model, not a pre-trained run: choose another" in message


@pytest.mark.slow
def test_several_conditions_leave_a_run_each_also_of_clips_with_several_labels(place, monkeypatch):
  monkeypatch.setattr(fine_tuned_runs, "export_saved_model", lambda *_: None)
  labels = ["high", "low", "high;low", "low;high", "high"]
  rows = [f"clips/high/{number}.wav,{label}" for number, label in enumerate(labels)]
  rows += [f"clips/low/{number}.wav,{label}" for number, label in enumerate(labels)]
  (place / "several.csv").write_text("\n".join(["file,label", *rows]))
  changes = ["--task=several.csv", "--metric=mAP", "--output=several", "--protocol=cola"]
  few = ["--labels_per_class=1,2", "--epochs=1", "--frozen"]
  printed = finetune(place, *changes, *few).stdout
  assert "run        several/runs (2): " in printed
  assert "scores     predictions.csv follows --protocol=cola (padded windows" in printed
  for name in ("1_per_class", "2_per_class"):
    classifier = LinearClassifier.open(str(place / "several" / "runs" / name))
    assert classifier.multi_label
    assert classifier.weights.shape == (3072, 2)
  rows, scores = predictions(place, "several")
  likely = [";".join(np.array(["high", "low"])[row >= 0.5]) for row in scores]
  assert [row["predicted"] for row in rows] == likely
  assert not (place / "several" / "config.json").exists()
  message = refused_command("downstream.finetune", *options(*changes), cwd=place)
  assert message.startswith("error: --output=several holds the results of frozen, cola with source")
  (place / "several" / "result.json").unlink()
  message = refused_command("downstream.finetune", *options(*changes), cwd=place)
  assert message.startswith("error: --output=several holds several runs, and this call makes one")
