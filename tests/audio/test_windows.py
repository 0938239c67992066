"""Windows: the whole clip is heard, each window is scaled by itself."""

import fractions
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixback.config
from audio.windows import _evenly
from cola.config import Config
from tests.support import assert_close, cut_log_mels

N = 15_600


@pytest.fixture(scope="module")
def windows():
  return Config().windows()


@pytest.mark.parametrize("samples", [1, N - 1, N, N + 1, 2 * N, 5 * N + 777, 960_000])
def test_windows_cover_the_clip_evenly_from_the_first_to_the_last_sample(windows, samples):
  starts = windows.covering_starts(max(samples, N)).numpy()
  assert len(starts) == max(1, -(-samples // N))
  assert starts[0] == 0
  assert starts[-1] == max(0, samples - N)
  if len(starts) > 1:
    assert np.diff(starts).min() > 0
    assert np.diff(starts).max() <= N  # no sample is missed
    assert np.ptp(np.diff(starts)) <= 1


def test_whole_multiples_do_not_overlap(windows):
  assert_close(windows.covering_starts(3 * N), [0, N, 2 * N])


def test_a_window_equals_the_log_mel_of_its_normalised_excerpt(windows):
  wave = np.random.default_rng(0).normal(0, 0.1, 2 * N).astype("f")
  excerpt = wave[N:] / np.linalg.norm(wave[N:])
  assert_close(cut_log_mels(windows, wave)[1], Config().log_mel()(excerpt[None])[0], atol=1e-4)


def test_level_does_not_matter_even_if_tiny(windows):
  wave = np.random.default_rng(0).normal(0, 0.1, N).astype("f")
  loud = cut_log_mels(windows, wave)
  for level in (1e-6, 1e-3, 1e3):
    assert_close(cut_log_mels(windows, level * wave), loud, atol=1e-3)


def test_silence_is_finite_and_has_no_gradient_that_is_not(windows):
  wave = tf.zeros([1, N])
  with tf.GradientTape() as tape:
    tape.watch(wave)
    total = tf.reduce_sum(windows(wave))
  assert np.isfinite(total)
  assert np.isfinite(tape.gradient(total, wave)).all()


def test_a_short_clip_lies_in_the_middle_of_zeros(windows):
  padded = windows.covering(np.ones([1, 101], "f"))[0].numpy()[0]
  assert padded.sum() == 101
  assert padded[(N - 101) // 2 : (N - 101) // 2 + 101].all()


def test_frames_are_centred_on_their_times(windows):
  click_s = 0.35
  wave = np.zeros([1, 16_000], "f")
  wave[0, int(click_s * 16_000)] = 1
  padded, starts, times_ms = windows.centred(wave)
  assert_close(times_ms, np.arange(21) * 50, atol=1e-3)
  excerpt = windows.cut(padded, starts).numpy()[0, 7]  # centred on 350 ms
  assert excerpt.argmax() == N // 2


def test_pairs_of_excerpts_keep_their_shape_also_where_it_is_unknown(windows):
  pairs = np.random.default_rng(0).normal(0, 0.1, [3, 2, N]).astype("f")
  direct = windows(pairs)
  assert direct.shape == (3, 2, 96, 64)
  assert_close(direct[1, 1], windows(pairs[1, 1][None])[0], atol=1e-4)
  unknown = tf.function(windows.call, input_signature=[tf.TensorSpec([None, 2, None], tf.float32)])
  assert_close(unknown(pairs), direct, atol=1e-4)
  mapped = tf.data.Dataset.from_tensors(pairs).map(windows)
  assert_close(next(iter(mapped)), direct, atol=1e-4)


def test_the_config_makes_the_same_layer(windows):
  again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(windows))
  wave = np.random.default_rng(0).normal(0, 0.1, [1, N]).astype("f")
  assert_close(again(wave), windows(wave))
  assert (again.num_samples, again.frames, again.level) == (N, 96, "excerpt_l2")
  assert again.layout == windows.layout


@pytest.mark.parametrize(("end", "last"), [(0, 0), (7, 1), (5, 2), (38, 4), (2999, 119), (3, 6)])
def test_windows_stand_evenly_and_halves_go_to_even_numbers(end, last):
  starts = _evenly(tf.constant(end), tf.constant(last)).numpy()
  exact = [fractions.Fraction(number * end, max(1, last)) for number in range(last + 1)]
  assert starts.tolist() == [round(start) for start in exact]


@pytest.mark.parametrize("config", [Config(), mixback.config.Config()])
def test_windows_that_cover_a_clip_of_any_length_stand_at_the_nearest_whole_places(config):
  windows = config.windows()
  grid, hop = windows.layout.grid_samples, windows.hop_frames * windows.log_mel.hop_samples
  hop = hop if windows.hop_frames < windows.frames else windows.num_samples
  for samples in np.random.default_rng(0).integers(windows.num_samples, 5_000_000, 60):
    spare = (int(samples) - windows.num_samples) // grid
    last = math.ceil(fractions.Fraction(spare * grid, hop))
    exact = [fractions.Fraction(number * spare, max(1, last)) for number in range(last + 1)]
    starts = windows.covering_starts(tf.constant(samples, tf.int32)).numpy()
    assert starts.tolist() == [grid * round(start) for start in exact]
