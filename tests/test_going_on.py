"""--init: a training starts from a run, an imported one or a preset, or one line says why not."""

import dataclasses
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from mixback.config import Config as MixbackConfig
from tests.support import assert_close, environment, refused, train, write_clips

# With these nothing but --init changes weights, moving statistics of BatchNorm included.
STILL = ["--learning_rate=0", "--set=batchnorm_momentum=1.0", "--steps=1", "--batch_size=4"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with twelve quiet, high clips, other than those of the source."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "clips", classes=("a", "b", "higher", "highest"), clips=3)
  return folder


def arguments(source, run, *more):
  return [f"--init={source}", f"--run={run}", "--dataset=clips", "--store_dir=stores", *more]


@pytest.fixture(scope="module")
def gone_on(place, cola_run):
  """(run, output) of a training that goes on from the weights of another and leaves them alone."""
  done = train(*arguments(cola_run, "still", *STILL), cwd=place)
  return Run.open(str(place / "still")), done.stdout


def test_encoder_head_front_end_and_statistics_are_those_of_the_source(gone_on, cola_run):
  run, source = gone_on[0], Run.open(str(cola_run))
  for ours, theirs in ((run.encoder(), source.encoder()), (run.head(), source.head())):
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
      np.testing.assert_array_equal(one, other)
  assert without_names(run.config["input"]) == without_names(source.config["input"])
  config = run.config["config"]
  assert (config["recipe"], config["encoder"], config["head"]) == ("adapt", "frame_cnn", "mlp")
  assert len(config["init_digest"]) == 16


def without_names(config):
  if not isinstance(config, dict):
    return config
  return {name: without_names(value) for name, value in config.items() if name != "name"}


def test_the_lines_say_what_it_starts_from_and_whose_statistics_these_are(gone_on, cola_run):
  output = gone_on[1]
  assert f"init       {cola_run}: frame_cnn, 0.3 M weights, and its head\n" in output
  assert "recipe     adapt (the default for --init; --recipe chooses): 1 steps of 4" in output
  assert f"of the log-mels, those of {cola_run}; --statistics=measured takes those" in output


def test_statistics_are_measured_again_if_asked_for_and_one_line_has_both(place, cola_run):
  options = [*STILL, "--statistics=measured", "--set=projection_units=16"]
  output = train(*arguments(cola_run, "measured", *options), cwd=place).stdout
  ours, theirs = (
    Run.open(str(folder)).config["config"] for folder in (place / "measured", cola_run)
  )
  assert abs(ours["mean"] - theirs["mean"]) > 1e-3
  (line,) = [line for line in output.splitlines() if line.startswith("statistics")]
  assert f"mean {ours['mean']:.3f}" in line
  assert f"measured; those of {cola_run}: mean {theirs['mean']:.3f}" in line
  assert "with a new head\n" in output


def test_the_same_command_resumes_and_other_weights_are_another_run(place, cola_run):
  source = place / "source"
  shutil.copytree(cola_run, source)
  options = ["--steps=2", "--batch_size=4", "--keep=0.1"]
  train(*arguments("source", "kept", *options), cwd=place)
  rows = (place / "kept" / "metrics.jsonl").read_text().splitlines()
  assert [json.loads(row)["source_distance"] > 0 for row in rows if "loss" in row] == [True]
  again = train(*arguments("source", "kept", *options), cwd=place).stdout
  assert "kept near with weight 0.1\n" in again
  assert "trained    cola on 12 clips: 2 steps" in again
  line = refused(*arguments("source", "kept", *options[:2]), cwd=place, system="cola")
  assert "keep was 0.1 and is now 0.0" in line
  run = Run.open(str(source))
  encoder = run.encoder()
  encoder.weights[0].assign(encoder.weights[0] + 1)
  run.save_networks(encoder)
  line = refused(*arguments("source", "kept", *options), cwd=place, system="cola")
  assert "init_digest was " in line


def test_a_preset_is_a_source(place, presets, gone_on):
  train(*arguments("preset:tiny", "from-preset", *STILL), cwd=place)
  run = Run.open(str(place / "from-preset"))
  assert run.config["config"] == gone_on[0].config["config"]
  assert_close(run.encoder().get_weights()[0], gone_on[0].encoder().get_weights()[0])


def test_an_imported_run_without_a_head_is_a_source_and_keeps_its_scale_of_inputs(place):
  config = MixbackConfig(encoder="vgg_like", mean=-4.5, std=1.5 / 50, patch_hop_frames=25)
  run = Run.start_or_resume(
    str(place / "imported"), "mixback", dataclasses.asdict(config) | {"recipe": "imported"},
    {"digest": None}, config.front_end(), command="import_weights",
  )  # fmt: skip
  keras.utils.set_random_seed(0)
  run.save_networks(encoders.vgg_like(96))
  options = arguments("imported", "from-imported", *STILL)
  output = train(*options, cwd=place, system="mixback").stdout
  assert "init       imported: vgg_like, 0.3 M weights, with a new head\n" in output
  ours = Run.open(str(place / "from-imported"))
  assert (ours.front_end().std, ours.front_end().hop_frames) == (1.5 / 50, 25)
  assert_close(ours.encoder().get_weights()[0], run.encoder().get_weights()[0])


NO_FIT = {
  "--encoder=efficientnet_b0": "encoder is 'frame_cnn' there and 'efficientnet_b0' here",
  "--set=num_mels=96": "num_mels is 64 there and 96 here",
  "--set=sample_rate_hz=22050": "sample_rate_hz is 16000 there and 22050 here",
}


@pytest.mark.parametrize("option", NO_FIT)
def test_what_does_not_fit_is_one_line_that_names_the_field(cola_run, tmp_path, option):
  write_clips(tmp_path / "clips", clips=2)
  line = refused(*arguments(cola_run, "run", option), cwd=tmp_path, system="cola")
  assert line.startswith(f"error: --init={cola_run} does not fit: {NO_FIT[option]}")
  assert not (tmp_path / "stores").exists()


def test_other_layers_are_named_with_their_shapes_before_any_audio_is_decoded(cola_run, tmp_path):
  write_clips(tmp_path / "clips", clips=2)
  shutil.copytree(cola_run, tmp_path / "source")
  Run.open(str(tmp_path / "source")).save_networks(encoders.vgg_like(64))
  line = refused(*arguments("source", "run"), cwd=tmp_path, system="cola")
  assert line.startswith("error: --init=source does not fit: layer ")
  assert "has the shape [3, 3, 1, 32] there and [3, 3, 1, 16] here" in line
  assert not (tmp_path / "stores").exists()
  assert not (tmp_path / "run").exists()


def test_a_run_of_the_other_system_is_refused_with_the_command_that_goes_on(cola_run, tmp_path):
  write_clips(tmp_path / "clips", clips=2)
  line = refused(*arguments(cola_run, "run"), cwd=tmp_path, system="mixback")
  assert "system is 'cola' there and 'mixback' here" in line
  assert "python -m cola.train" in line


MISTAKES = {
  "--init=nowhere": "--init=nowhere is no run folder (it has no config.json): pass",
  "--init=preset:nothing": "there is no preset 'nothing': the presets are general",
  "--keep=0.1": "keep=0.1 holds embeddings near those of other weights: pass --init=MODEL",
  "--recipe=adapt": "--recipe=adapt is for going on from weights: pass --init=MODEL",
  "--statistics=source": "--statistics=source is for going on from weights: pass --init",
  "--set=init_digest=00": "--set=init_digest: the digest of weights is not chosen",
}


@pytest.mark.parametrize("option", MISTAKES)
def test_a_mistake_is_one_line(tmp_path, option):
  line = refused(option, cwd=tmp_path, system="cola")
  assert line.startswith(f"error: {MISTAKES[option]}")


def test_the_run_that_goes_on_is_a_new_one(cola_run, tmp_path):
  line = refused(f"--init={cola_run}", f"--run={cola_run}", cwd=tmp_path, system="cola")
  assert "is the folder of --run: choose another for the new run" in line


WITHOUT_TENSORFLOW = """
import sys
from cola.train import run
try:
  run(["train", *sys.argv[1:]])
finally:
  assert "tensorflow" not in sys.modules
"""


def test_fields_are_compared_and_printed_before_tensorflow_is_imported(place, cola_run):
  def start(*options):
    options = [f"--init={cola_run}", "--dataset=clips", *options]
    return subprocess.run(
      [sys.executable, "-c", WITHOUT_TENSORFLOW, *options],
      cwd=place, env=environment(), capture_output=True, text=True,
    )  # fmt: skip

  done = start("--set=fft_samples=512")
  assert done.stderr.startswith(f"error: --init={cola_run} does not fit: fft_samples is 1024 there")
  config = json.loads(start("--print_config", "--recipe=paper").stdout)["config"]
  source = Run.open(str(cola_run)).config["config"]
  for name in ("encoder", "mean", "std", "head", "similarity", "short_clips"):
    assert config[name] == source[name]
  assert (config["recipe"], config["learning_rate"]) == ("paper", 1e-4)
