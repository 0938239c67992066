"""LogMel against independent references, and its properties."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cola.config import Config
from contrastive_audio.frontend import log_mel
from contrastive_audio.frontend.log_mel import LogMel
from mixback import config as mixback_config
from tests.support import GOLDEN, assert_close

LAYERS = {"cola": lambda: Config().log_mel(), "mix-back": lambda: mixback_config.Config().log_mel()}
each_layer = pytest.mark.parametrize("name", LAYERS)


def waves(count=3, samples=16_000, seed=0):
  return np.random.default_rng(seed).normal(0, 0.1, [count, samples]).astype("f")


def test_cola_meets_the_golden_array():
  golden = np.load(GOLDEN / "cola_log_mel.npz")
  log_mel = Config().log_mel()(golden["waveform"]).numpy()
  assert log_mel.shape == golden["log_mel"].shape == (5, 98, 64)
  assert np.abs(log_mel - golden["log_mel"]).mean() < 2e-3
  mel, desired = np.exp(log_mel), np.exp(golden["log_mel"])
  assert_close(mel, desired, atol=1e-4 * desired.max())


def test_a_slightly_different_front_end_misses_the_golden_array():
  golden = np.load(GOLDEN / "cola_log_mel.npz")
  changed = LogMel(**(Config().log_mel().get_config() | {"fmin_hz": 70.0}))
  assert np.abs(changed(golden["waveform"]) - golden["log_mel"]).mean() > 1e-2


def test_mix_back_meets_the_golden_array():
  golden = np.load(GOLDEN / "mixback_log_mel.npz")
  assert_close(LAYERS["mix-back"]()(golden["waveform"]), golden["log_mel"], atol=1e-3)


@each_layer
def test_what_is_no_number_is_no_silence(name):
  batch = waves()
  batch[1, 8000] = np.nan
  log_mels = LAYERS[name]()(batch).numpy()
  touched = np.isnan(log_mels).any(axis=(1, 2))
  assert touched.tolist() == [False, True, False]


@each_layer
def test_alone_mapped_and_batched_agree(name):
  layer, batch = LAYERS[name](), waves()
  eager = layer(batch).numpy()
  dataset = tf.data.Dataset.from_tensor_slices(batch)
  mapped = list(dataset.map(lambda wave: layer(wave[None])[0]).as_numpy_iterator())
  unknown = tf.function(layer.call, input_signature=[tf.TensorSpec([None, None], tf.float32)])
  (batched,) = dataset.batch(3).map(unknown).as_numpy_iterator()
  assert_close(np.stack(mapped), eager, atol=1e-4)
  assert_close(batched, eager, atol=1e-4)
  assert_close(np.concatenate([layer(wave[None]) for wave in batch]), eager, atol=1e-4)


@each_layer
def test_features_do_not_depend_on_batch_mates(name):
  layer, quiet, loud = LAYERS[name](), 1e-3 * waves(1), 100 * waves(1, seed=1)
  with_loud = layer(np.concatenate([quiet, loud])).numpy()[0]
  assert_close(with_loud, layer(quiet).numpy()[0], atol=1e-4)


@each_layer
def test_xla_gives_the_same(name):
  layer, batch = LAYERS[name](), waves()
  assert_close(tf.function(layer.call, jit_compile=True)(batch), layer(batch), atol=1e-3)


@each_layer
def test_float32_under_mixed_precision(name):
  keras.config.set_dtype_policy("mixed_bfloat16")
  try:
    layer = LAYERS[name]()
  finally:
    keras.config.set_dtype_policy("float32")
  log_mel = layer(waves())
  assert log_mel.dtype == tf.float32
  assert_close(log_mel, LAYERS[name]()(waves()))


@each_layer
def test_the_shape_is_known_beforehand(name):
  layer = LAYERS[name]()
  for samples in (3_000, 16_000, 20_001):
    shape = layer.compute_output_shape((2, samples))
    assert shape == tuple(layer(np.zeros([2, samples], "f")).shape)


def test_the_excerpt_lengths_of_the_papers():
  assert Config().log_mel().num_samples(96) == 15_600
  assert LAYERS["mix-back"]().num_samples(101) == 24_048
  layer = Config().log_mel()
  assert layer(np.zeros([1, 15_600], "f")).shape == (1, 96, 64)
  assert layer(np.zeros([1, 15_599], "f")).shape == (1, 95, 64)


@each_layer
def test_expand_undoes_compress(name):
  layer = LAYERS[name]()
  mel = np.geomspace(1e-3, 1e3, 50).astype("f")
  assert_close(layer.expand(layer.compress(mel)), mel, rtol=1e-5)


@each_layer
def test_the_config_makes_the_same_layer(name):
  layer = LAYERS[name]()
  again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
  assert again.get_config() == layer.get_config()
  assert_close(again(waves()), layer(waves()))


def test_silence_is_the_floor():
  assert_close(
    Config().log_mel()(np.zeros([1, 400], "f")), np.full([1, 1, 64], np.log(1e-5)), atol=1e-5
  )


def test_htk_filters_are_those_of_tensorflow():
  ours = log_mel.mel_filters("htk", 64, 513, 16_000, 60, 7800)
  desired = tf.signal.linear_to_mel_weight_matrix(64, 513, 16_000, 60.0, 7800.0)
  assert_close(ours, desired, atol=2e-5)


def test_slaney_filters_peak_at_one_where_the_scale_says():
  filters = log_mel.mel_filters("slaney", 40, 4097, 16_000, 0, 8_000)
  peaks_hz = filters.argmax(axis=0) * 8_000 / 4096
  below = peaks_hz[peaks_hz < 900]
  assert_close(np.diff(below), np.full(len(below) - 1, np.diff(below).mean()), atol=4)
  assert np.diff(np.log(peaks_hz[peaks_hz > 1_500])).std() < 0.01
  assert filters.max() <= 1


@pytest.mark.parametrize(
  ("field", "value"),
  [("window", "box"), ("power", 3), ("log_base", "2"), ("padding", "zeros"), ("mel_scale", "bark")],
)
def test_an_unknown_convention_is_refused_with_the_known_ones(field, value):
  with pytest.raises(ValueError, match=f"{field}={value!r}: must be one of"):
    LogMel(**(LAYERS["mix-back"]().get_config() | {field: value}))
