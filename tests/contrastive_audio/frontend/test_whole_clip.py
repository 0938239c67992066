"""The log-mels of a whole clip are at the level that its frames have in windows."""

import dataclasses

import numpy as np
import pytest

import cola.config
import mixback.config
from contrastive_audio.frontend.whole_clip import whole_log_mels
from tests.support import assert_close

COLA = cola.config.Config().front_end()
MIXBACK = dataclasses.replace(mixback.config.Config(), mean=-4.0, std=2.0).front_end()


def noise(front_end, seconds, seed=0):
  """Noise whose level changes a hundredfold."""
  size = int(seconds * front_end.sample_rate_hz)
  level = 10 ** np.sin(np.arange(size) / size * 9)
  return (0.03 * level * np.random.default_rng(seed).normal(0, 1, size)).astype("f")[None]


def test_a_frame_is_that_of_the_window_around_it():
  wave, hop = noise(COLA, 4), COLA.log_mel.hop_samples
  log_mels = whole_log_mels(COLA, wave).numpy()
  last = log_mels.shape[1] - COLA.frames
  for frame in (0, 30, 48, 100, 217, last + 48, last + 95):
    start = min(max(0, frame - 48), last)
    window = COLA(wave[:, start * hop : start * hop + COLA.num_samples])
    assert_close(log_mels[0, frame], window[0, frame - start], atol=1e-3)


@pytest.mark.parametrize("front_end", [COLA, MIXBACK], ids=["cola", "mixback"])
@pytest.mark.parametrize("seconds", [0.001, 0.4, 0.97])
def test_a_clip_of_one_window_has_the_log_mels_of_that_window(front_end, seconds):
  laid_out, starts = front_end.covering(noise(front_end, seconds))
  assert len(starts) == 1
  window = front_end(front_end.cut(laid_out, starts))[:, 0]
  assert_close(whole_log_mels(front_end, laid_out), window, atol=1e-3)


def test_with_a_level_of_the_clip_frames_are_those_of_every_window():
  laid_out, starts = MIXBACK.hopping(noise(MIXBACK, 3))
  windows = MIXBACK(MIXBACK.cut(laid_out, starts))[0]
  log_mels = whole_log_mels(MIXBACK, laid_out)[0]
  for number, window in enumerate(windows):
    first = number * MIXBACK.hop_frames
    assert_close(log_mels[first : first + MIXBACK.frames], window, atol=1e-4)


def test_silence_stays_silence_and_a_quiet_clip_does_not_underflow():
  silence = whole_log_mels(COLA, np.zeros([1, 40_000], "f"))
  assert_close(silence, np.full(silence.shape, np.log(1e-5)), atol=1e-4)
  wave = noise(COLA, 2)
  assert_close(whole_log_mels(COLA, 1e-25 * wave), whole_log_mels(COLA, wave), atol=1e-3)
