"""Encoders: sizes, scaling, plain Keras on disk."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.networks import encoders
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_b0", "frame_cnn"])
def test_its_file_needs_only_keras(name, tmp_path):
  encoder = getattr(encoders, name)(64)
  encoder.save(tmp_path / "encoder.keras")
  np.save(tmp_path / "in.npy", log_mels())
  code = (
    "import keras, numpy as np; model = keras.models.load_model('encoder.keras');"
    "np.save('out.npy', model(np.load('in.npy')))"
  )
  subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
  scale = float(tf.reduce_max(tf.abs(encoder(log_mels()))))
  assert_close(np.load(tmp_path / "out.npy"), encoder(log_mels()), atol=1e-5 * scale)


def test_an_unknown_scaling_is_refused():
  with pytest.raises(ValueError, match="keras or none"):
    encoders.efficientnet_b0(64, input_scaling="imagenet")


MIX_BACK = {  # parameters without the classifier: papers' code, counted
  "resnet18": (11_170_240, 512),
  "vgg_like": (290_292 - 512 * 20 - 20, 512),
  "crnn": (948_116 - 64 * 20 - 20, 64),
}
each_mix_back = pytest.mark.parametrize("name", MIX_BACK)


@each_mix_back
def test_an_encoder_of_mix_back_has_the_published_size(name):
  encoder = getattr(encoders, name)(96)
  trainable = sum(np.prod(v.shape) for v in encoder.trainable_variables)
  assert (trainable, encoder.output_shape[-1]) == MIX_BACK[name]


@each_mix_back
def test_an_encoder_of_mix_back_takes_any_length_alone_and_from_its_file(name, tmp_path):
  encoder = getattr(encoders, name)(96)
  for frames in (101, 32, 300):
    batch = np.random.default_rng(0).normal(0, 1, [3, frames, 96, 1]).astype("f")
    embeddings = encoder(batch)
    assert_close(encoder(batch[1:2])[0], embeddings[1], atol=1e-4)
  encoder.save(tmp_path / "encoder.keras")
  again = keras.models.load_model(tmp_path / "encoder.keras")
  assert_close(again(batch), embeddings, atol=1e-5)


@each_mix_back
def test_weights_start_as_in_the_published_code(name):
  keras.utils.set_random_seed(0)
  encoder = getattr(encoders, name)(96)
  for layer in encoder.layers:
    if isinstance(layer, keras.layers.Conv2D):
      kernel = layer.kernel.numpy()
      height, width, inputs, outputs = kernel.shape
      if name == "resnet18":  # He, by outputs
        desired = np.sqrt(2 / (height * width * outputs))
      else:  # PyTorch's default: uniform in +-1 / sqrt(inputs of a neuron)
        desired = np.sqrt(1 / (3 * height * width * inputs))
        assert np.abs(kernel).max() <= np.sqrt(3) * desired * (1 + 1e-5)
      if kernel.size > 10_000:
        assert_close(kernel.std(), desired, rtol=0.05)
    if isinstance(layer, (keras.layers.Dense, keras.layers.GRU)):  # of the inputs, of the units
      limit = (layer.kernel.shape[0] if isinstance(layer, keras.layers.Dense) else 64) ** -0.5
      for weights in layer.get_weights():  # the biases, too
        assert 0.9 * limit < np.abs(weights).max() <= limit
        assert_close(weights.std(), limit / np.sqrt(3), rtol=0.15)


def test_resnet_is_padded_as_in_pytorch():
  """A change of the last frame reaches just the outputs that PyTorch's padding lets it reach."""
  encoder = encoders.resnet18(96)
  stem = keras.Model(encoder.input, encoder.get_layer("conv1").output)
  batch = np.zeros([1, 101, 96, 1], "f")
  assert stem(batch).shape == (1, 51, 48, 64)
  batch[0, 0] = 1  # frame 0 is seen by outputs whose window, 2 t - 3 to 2 t + 3, holds it: t = 0, 1
  touched = np.abs(stem(batch)).max(axis=(0, 2, 3)) > 0
  assert np.flatnonzero(touched).tolist() == [0, 1]
  paddings = [x.padding for x in encoder.layers if isinstance(x, keras.layers.ZeroPadding2D)]
  assert paddings == [((3, 3), (3, 3))] + 9 * [((1, 1), (1, 1))]
  strided = [x for x in encoder.layers if getattr(x, "strides", None) == (2, 2)]
  assert {x.padding for x in strided} == {"valid"}  # "same" would pad one side only


@pytest.fixture(scope="module")
def frames_network():
  keras.utils.set_random_seed(0)
  return encoders.frame_cnn(64)


def test_frame_cnn_is_small_and_encodes_any_number_of_frames(frames_network):
  assert frames_network.count_params() == 287_824
  for frames in (8, 96, 101, 300):
    assert frames_network(log_mels(1, frames)).shape == (1, 3072)


def test_a_wider_frame_cnn_has_as_many_times_the_channels_of_each_block():
  network = encoders.frame_cnn(64, width=2)
  convolutions, dense = 9 * (1 * 32 + 32 * 64 + 64 * 128), 8 * 128 * 512
  assert network.count_params() == convolutions + dense + 4 * (32 + 64 + 128 + 512)
  assert network.output_shape == (None, 2 * 16 * 64 + 2 * 8 * 128 + 2 * 512)


def test_frame_cnn_keeps_where_in_frequency_something_happens(frames_network):
  low, high = np.zeros([2, 1, 96, 64, 1], "f")
  low[0, :, 8:16] = high[0, :, 40:48] = 1
  one, other = (frames_network(wave).numpy()[0] for wave in (low, high))
  for part in np.split(np.arange(3072), 3):  # both statistics, and what is trained
    assert np.linalg.norm(one[part] - other[part]) > 0.3 * np.linalg.norm(one[part])


def test_frame_cnn_comes_back_from_its_file(frames_network, tmp_path):
  frames_network.save(tmp_path / "encoder.keras")
  again = keras.models.load_model(tmp_path / "encoder.keras")
  assert_close(again(log_mels()), frames_network(log_mels()))


def test_mean_and_deviation_are_those_of_numpy():
  rows = np.random.default_rng(0).normal(2, 3, [4, 9, 5]).astype("f")
  mean, deviation = encoders.mean_and_deviation(rows)
  assert_close(mean, rows.mean(1), rtol=1e-5)
  assert_close(deviation, rows.std(1), rtol=1e-5)
  assert np.isfinite(encoders.mean_and_deviation(np.ones([1, 9, 5], "f"))[1]).all()


NETWORKS = ["efficientnet_b0", "frame_cnn", "resnet18", "vgg_like", "crnn"]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_name_of_a_layer_keeps_keras_on_pytorch_from_opening_it(name):
  names = [layer.name for layer in getattr(encoders, name)(96).layers]
  assert not [name for name in names if "." in name or "/" in name]


ON_PYTORCH = """
import keras, numpy as np, sys
network = keras.saving.load_model(sys.argv[1], compile=False)
log_mels = np.load(sys.argv[2])
np.save(sys.argv[2], keras.ops.convert_to_numpy(network(log_mels, training=False)))
"""


@pytest.mark.slow
def test_an_encoder_opens_in_keras_on_pytorch_and_embeds_alike(tmp_path):
  pytest.importorskip("torch", reason="PyTorch is absent: pip install -e '.[torch]'")
  network = encoders.frame_cnn(64)
  network.save(tmp_path / "encoder.keras")
  np.save(tmp_path / "x.npy", log_mels())
  subprocess.run(
    [sys.executable, "-c", ON_PYTORCH, "encoder.keras", "x.npy"],
    cwd=tmp_path, env=os.environ | {"KERAS_BACKEND": "torch"}, check=True, capture_output=True,
  )  # fmt: skip
  desired = network(log_mels())
  atol = 1e-5 * float(tf.reduce_max(tf.abs(desired)))
  assert_close(np.load(tmp_path / "x.npy"), desired, atol=atol)


@pytest.mark.parametrize("name", NETWORKS)
def test_where_channels_come_first_a_network_is_refused_in_one_line(name):
  keras.config.set_image_data_format("channels_first")
  try:
    with pytest.raises(UserError, match=r"image_data_format='channels_first' .* need keras.config"):
      getattr(encoders, name)(96)
  finally:
    keras.config.set_image_data_format("channels_last")
