"""Runs to export, and exported models as functions; not tests."""

import dataclasses
import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import cola.config
import mixback.config
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.networks import encoders
from contrastive_audio.runs import Run
from tests.support import assert_close

SECONDS = (0.0007, 0.1, 0.975, 0.98, 1, 1.37, 2.5, 5, 10.01, 21)
RELATIVE = 1e-4
SYSTEMS = {
  "frame_cnn": (cola.config, "small"),
  "efficientnet_b0": (cola.config, "paper"),
  "crnn": (mixback.config, "paper"),
}


def onnx_or_skip():
  pytest.importorskip("tf2onnx", reason="the extra [onnx] is not installed")
  return pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")


def make_run(folder, network, encoder=None):
  """A run folder with random weights and, in BatchNorm, random statistics."""
  system, recipe = SYSTEMS[network]
  changes = {name: deviation.value for name, deviation in system.RECIPES[recipe].items()}
  config = dataclasses.replace(system.Config(), **(changes | {"encoder": network}))
  config = dataclasses.replace(config, mean=-2.0, std=1.5)
  run = Run.start_or_resume(
    str(folder), system.__name__, dataclasses.asdict(config), {}, config.front_end()
  )
  keras.utils.set_random_seed(0)
  encoder = encoder or make_encoder(network, config.num_mels)
  rng = np.random.default_rng(0)
  for layer in encoder.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
      layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.moving_variance.shape))
    elif isinstance(layer, keras.layers.Normalization):
      layer.set_weights([np.array([0.1]), np.array([0.8]), np.array(1)])
  run.save_networks(encoder)
  return run


def make_encoder(network, num_mels):
  """An encoder; of EfficientNet-B0 the first four blocks, which hold every kind of its layers.

  The other twelve repeat them, and would make these tests three times as long.
  """
  encoder = getattr(encoders, network)(num_mels)
  if network != "efficientnet_b0":
    return encoder
  cut = encoder.get_layer("block3a_project_bn").output
  shorter = keras.Model(encoder.input, keras.layers.GlobalMaxPooling2D()(cut), name=network)
  assert {type(layer) for layer in shorter.layers} == {type(layer) for layer in encoder.layers}
  return shorter


def waves(run):
  rng = np.random.default_rng(0)
  rate_hz = run.front_end().sample_rate_hz
  return [rng.normal(0, 0.1, int(seconds * rate_hz)).astype("f") for seconds in SECONDS]


@functools.cache
def desired_of(run):
  return embeddings_of(run, waves(run))


def embeddings_of(run, clips):
  return list(ClipEmbedder(ClipEncoder(run.front_end(), run.encoder())).embed(clips))


def assert_agrees(embed, run, clips=None):
  pairs = zip(clips, embeddings_of(run, clips)) if clips else zip(waves(run), desired_of(run))
  for wave, desired in pairs:
    largest = np.abs(desired).max()
    assert largest > 0
    assert_close(embed(wave[None])[0], desired, atol=RELATIVE * largest)


def tflite(path):
  """A callable, waveform -> outputs; the interpreter says that it is going to move."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    runner = tf.lite.Interpreter(str(path)).get_signature_runner()
  return lambda wave: runner(waveform=wave)


def onnx(path):
  """A callable, waveform -> outputs."""
  session = onnx_or_skip().InferenceSession(str(path))
  names = [output.name for output in session.get_outputs()]
  return lambda wave: dict(zip(names, session.run(names, {"waveform": wave})))
