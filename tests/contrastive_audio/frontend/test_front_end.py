"""FrontEnd: windows cover the whole clip, and each is normalised by itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixback.config
from cola.config import Config
from contrastive_audio.frontend.front_end import _evenly_spaced
from tests.support import assert_close, cut_log_mels

N = 15_600


@pytest.fixture(scope="module")
def front_end():
  return Config().front_end()


@pytest.mark.parametrize("samples", [1, N - 1, N, N + 1, 2 * N, 5 * N + 777, 960_000])
def test_windows_cover_the_clip_evenly_from_the_first_to_the_last_sample(front_end, samples):
  starts = front_end.covering_starts(max(samples, N)).numpy()
  assert len(starts) == max(1, -(-samples // N))
  assert starts[0] == 0
  assert starts[-1] == max(0, samples - N)
  if len(starts) > 1:
    assert np.diff(starts).min() > 0
    assert np.diff(starts).max() <= N  # no sample is missed
    assert np.ptp(np.diff(starts)) <= 1


def test_whole_multiples_do_not_overlap(front_end):
  assert_close(front_end.covering_starts(3 * N), [0, N, 2 * N])


def test_a_window_equals_the_log_mel_of_its_normalised_excerpt(front_end):
  wave = np.random.default_rng(0).normal(0, 0.1, 2 * N).astype("f")
  excerpt = wave[N:] / np.linalg.norm(wave[N:])
  assert_close(cut_log_mels(front_end, wave)[1], Config().log_mel()(excerpt[None])[0], atol=1e-4)


def test_level_does_not_matter_even_if_tiny(front_end):
  wave = np.random.default_rng(0).normal(0, 0.1, N).astype("f")
  loud = cut_log_mels(front_end, wave)
  for level in (1e-6, 1e-3, 1e3):
    assert_close(cut_log_mels(front_end, level * wave), loud, atol=1e-3)


def test_silence_is_finite_and_has_no_gradient_that_is_not(front_end):
  wave = tf.zeros([1, N])
  with tf.GradientTape() as tape:
    tape.watch(wave)
    total = tf.reduce_sum(front_end(wave))
  assert np.isfinite(total)
  assert np.isfinite(tape.gradient(total, wave)).all()


def test_a_short_clip_lies_in_the_middle_of_zeros(front_end):
  padded = front_end.covering(np.ones([1, 101], "f"))[0].numpy()[0]
  assert padded.sum() == 101
  assert padded[(N - 101) // 2 : (N - 101) // 2 + 101].all()


def test_frames_are_centred_on_their_times(front_end):
  click_s = 0.35
  wave = np.zeros([1, 16_000], "f")
  wave[0, int(click_s * 16_000)] = 1
  padded, starts, times_ms = front_end.centred(wave)
  assert_close(times_ms, np.arange(21) * 50, atol=1e-3)
  excerpt = front_end.cut(padded, starts).numpy()[0, 7]  # centred on 350 ms
  assert excerpt.argmax() == N // 2


def test_pairs_of_excerpts_keep_their_shape_also_where_it_is_unknown(front_end):
  pairs = np.random.default_rng(0).normal(0, 0.1, [3, 2, N]).astype("f")
  direct = front_end(pairs)
  assert direct.shape == (3, 2, 96, 64)
  assert_close(direct[1, 1], front_end(pairs[1, 1][None])[0], atol=1e-4)
  unknown = tf.function(
    front_end.call, input_signature=[tf.TensorSpec([None, 2, None], tf.float32)]
  )
  assert_close(unknown(pairs), direct, atol=1e-4)
  mapped = tf.data.Dataset.from_tensors(pairs).map(front_end)
  assert_close(next(iter(mapped)), direct, atol=1e-4)


def test_the_config_makes_the_same_layer(front_end):
  again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(front_end))
  wave = np.random.default_rng(0).normal(0, 0.1, [1, N]).astype("f")
  assert_close(again(wave), front_end(wave))
  assert (again.num_samples, again.frames, again.level) == (N, 96, "excerpt_l2")
  assert again.layout == front_end.layout


@pytest.mark.parametrize(("end", "last"), [(0, 0), (7, 1), (5, 2), (38, 4), (2999, 119), (3, 6)])
def test_windows_are_evenly_spaced_in_whole_steps(end, last):
  starts = _evenly_spaced(tf.constant(end), tf.constant(last)).numpy()
  assert starts.tolist() == nearest(end, last)
  assert (starts[0], starts[-1], starts.dtype) == (0, end, np.int32)


def nearest(end, last):
  """`index * end / last`, rounded, halves up: in integers of any size."""
  divisor = max(1, last)
  return [(2 * index * end + divisor) // (2 * divisor) for index in range(last + 1)]


def exact_starts(front_end, samples):
  """What `covering_starts` has to return, in integers of any size."""
  grid, hop = front_end.layout.grid_samples, front_end.hop_frames * front_end.log_mel.hop_samples
  hop = hop if front_end.hop_frames < front_end.frames else front_end.num_samples
  end = (samples - front_end.num_samples) // grid
  last = -(-end * grid // hop)
  return [grid * start for start in nearest(end, last)]


@pytest.mark.parametrize("config", [Config(), mixback.config.Config()], ids=["cola", "mix-back"])
def test_windows_cover_clips_of_any_length_up_to_hours(config):
  front_end = config.front_end()
  lengths = np.random.default_rng(0).integers(front_end.num_samples, 5_000_000, 60).tolist()
  six_hours, in_graph = 6 * 3600 * config.sample_rate_hz, tf.function(front_end.covering_starts)
  for samples in [*lengths, six_hours - 1, six_hours]:
    starts = front_end.covering_starts(tf.constant(samples, tf.int32)).numpy()
    assert starts.tolist() == exact_starts(front_end, samples)
    steps = np.diff(starts)
    assert samples - front_end.num_samples - starts[-1] < front_end.layout.grid_samples
    assert len(starts) == 1 or np.ptp(steps) in (0, front_end.layout.grid_samples)
  assert in_graph(tf.constant(six_hours)).numpy().tolist() == exact_starts(front_end, six_hours)


def test_the_longest_clip_whose_windows_int32_can_place():
  """12.5 hours of COLA; the products of one more window would overflow."""
  last = 46_340
  starts = _evenly_spaced(tf.constant(last * N - 1), tf.constant(last)).numpy()
  assert starts.tolist() == nearest(last * N - 1, last)
