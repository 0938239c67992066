"""Encoders: sizes, scaling, speed-up without a difference, plain Keras on disk."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from audio import encoders
from tests.support import assert_close


@pytest.fixture(scope="module")
def b0():
  keras.utils.set_random_seed(0)
  return encoders.efficientnet_b0(64)


def log_mels(count=2, frames=96):
  return np.random.default_rng(0).normal(-3, 2, [count, frames, 64, 1]).astype("f")


def twin(model, **kwargs):
  other = encoders.efficientnet_b0(64, **kwargs)
  other.set_weights(model.get_weights())
  return other


def test_b0_has_the_published_size(b0):
  assert b0.count_params() == 4_048_991
  assert b0.output_shape == (None, 1280)


@pytest.mark.parametrize("frames", [32, 96, 98, 301])
def test_any_number_of_frames_is_encoded(b0, frames):
  assert b0(log_mels(1, frames)).shape == (1, 1280)


def test_matrix_products_change_only_the_rounding(b0):
  plain = keras.models.clone_model(b0)
  plain.set_weights(b0.get_weights())
  batch, gradients = log_mels(), []
  for model in (plain, b0):
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(model(batch) ** 2) * 1e12
    gradients.append(tape.gradient(loss, model.trainable_variables))
  assert_close(b0(batch), plain(batch), atol=1e-5 * float(tf.reduce_max(tf.abs(plain(batch)))))
  for ours, theirs in zip(*gradients, strict=True):
    scale = float(tf.reduce_max(tf.abs(theirs)))
    assert_close(ours, theirs, atol=1e-3 * scale + 1e-9)


def test_input_scaling_none_undoes_the_division_by_255(b0):
  raw = twin(b0, input_scaling="none")
  assert_close(raw(log_mels() / 255), b0(log_mels()), rtol=1e-3, atol=1e-9)


def test_pooling_and_momentum_are_as_asked(b0):
  mean = twin(b0, pooling="avg", batchnorm_momentum=0.9)
  assert (mean(log_mels()) <= b0(log_mels()) + 1e-6).numpy().all()
  momenta = {getattr(layer, "momentum", None) for layer in mean.layers}
  assert momenta == {None, 0.9}


def test_inference_does_not_depend_on_batch_mates(b0):
  batch = log_mels(3)
  scale = float(tf.reduce_max(tf.abs(b0(batch))))
  assert_close(b0(batch)[1], b0(batch[1:2])[0], atol=1e-5 * scale)


def test_its_file_needs_only_keras(b0, tmp_path):
  b0.save(tmp_path / "encoder.keras")
  np.save(tmp_path / "in.npy", log_mels())
  code = (
    "import keras, numpy as np; model = keras.models.load_model('encoder.keras');"
    "np.save('out.npy', model(np.load('in.npy')))"
  )
  subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
  scale = float(tf.reduce_max(tf.abs(b0(log_mels()))))
  assert_close(np.load(tmp_path / "out.npy"), b0(log_mels()), atol=1e-5 * scale)


def test_an_unknown_scaling_is_refused():
  with pytest.raises(ValueError, match="keras or none"):
    encoders.efficientnet_b0(64, input_scaling="imagenet")
