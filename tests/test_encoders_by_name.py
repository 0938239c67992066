"""--encoder=keras:NAME and --encoder=module:function: trained, resumed, exported, embedded."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.runs import Run
from tests.support import assert_close, command, refused, train, write_clips

MINE = """
import keras

def build(num_mels):
  layers = keras.layers
  return keras.Sequential([
    keras.Input([None, num_mels, 1]),
    layers.Conv2D(8, 5, 4, activation="relu"),
    keras.Sequential([layers.BatchNormalization(), layers.Dropout(0.1)]),
    layers.GlobalMaxPooling2D(),
  ])
"""
ENCODERS = {"cola": ("keras:MobileNetV3Small", 576), "mixback": ("mine:build", 8)}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=ENCODERS)
def system(request):
  """Which system is trained."""
  return request.param


@pytest.fixture(autouse=True)
def forget_the_module(monkeypatch):
  """Each test begins without the module; the command finds it in the working folder."""
  monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
  sys.modules.pop("mine", None)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with eight clips, and a module."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "clips", clips=4)
  (folder / "mine.py").write_text(MINE)
  return folder


def arguments(system, *more):
  options = [f"--encoder={ENCODERS[system][0]}", "--recipe=small", "--batch_size=4"]
  options += ["--dataset=clips", "--store_dir=stores", "--checkpoint_every=1", "--microbatch=2"]
  if system == "mixback":
    options += ["--set=optimizer=sgd", "--set=first_drop=1", "--set=second_drop=1"]
  return [*options, *more]


@pytest.fixture(scope="module")
def trained(place, system):
  """The folder of a run; that of one's own network was stopped after a step and has gone on."""
  options = arguments(system, f"--run={system}-run")
  if system == "mixback":
    train(*options, "--steps=1", cwd=place, system=system)
  train(*options, "--steps=2", cwd=place, system=system)
  return place / f"{system}-run"


def test_it_goes_on_exactly(trained, place, system):
  if system == "cola":
    pytest.skip("networks are saved alike: the small one is enough")
  options = arguments(system, f"--run={system}-whole", "--steps=2")
  train(*options, cwd=place, system=system)
  runs = [Run.open(str(folder)) for folder in (trained, place / f"{system}-whole")]
  ours, theirs = (run.encoder().get_weights() for run in runs)
  for one, other in zip(ours, theirs, strict=True):
    assert_close(one, other, atol=1e-6)


def test_its_files_open_without_the_module_and_embed(trained, tmp_path, system):
  _, size = ENCODERS[system]
  assert "mine" not in sys.modules
  assert Run.open(str(trained)).encoder().output_shape == (None, size)
  exported = tf.saved_model.load(str(trained / "saved_model"))
  assert exported.embed(np.ones([1, 30_000], "f"))["embedding"].shape == (1, size)
  options = [f"--model={trained}", f"--input={trained.parent / 'clips'}", "--output=out.npz"]
  command("downstream.embed", *options, cwd=tmp_path)
  assert np.load(tmp_path / "out.npz")["embedding"].shape == (8, size)


def test_a_run_goes_on_from_its_weights_if_the_module_is_named(trained, place, system):
  options = ["--dataset=clips", "--store_dir=stores", "--batch_size=4", "--steps=1"]
  options += [f"--init={trained}", f"--run={system}-on"]
  if system == "mixback":
    line = refused(*options, cwd=place, system=system)
    assert "pass --encoder=mine:build, too" in line
    options += ["--encoder=mine:build"]
  train(*options, cwd=place, system=system)


@pytest.mark.parametrize("encoder", ["keras:MobileNet9", "nowhere:build", "vgg"])
def test_what_cannot_be_built_is_one_line_before_any_audio_is_decoded(encoder, place, system):
  options = [f"--encoder={encoder}", "--dataset=clips", "--store_dir=nothing", "--batch_size=4"]
  line = refused(*options, cwd=place, system=system)
  assert line.startswith(f"error: encoder={encoder!r}" if encoder == "vgg" else
                         f"error: encoder={encoder}: ")  # fmt: skip
  assert not (place / "nothing").exists()


def test_it_trains_in_half_precision(place, system):
  if system == "cola":
    pytest.skip("a model inside of the network is what is special, and the other has one")
  options = arguments(system, f"--run={system}-half", "--steps=1", "--precision=mixed_bfloat16")
  train(*options, cwd=place, system=system)
  encoder = Run.open(str(place / f"{system}-half")).encoder()
  assert {layer.compute_dtype for layer in encoder.layers} == {"float32"}
