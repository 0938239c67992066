"""Blocks of one wave, or of several that follow each other, at another sample rate."""

import numpy as np
import pytest
import soxr

from contrastive_audio.sound.resampling import resampled
from tests.support import assert_close, tone


@pytest.mark.parametrize("rates_hz", [(8_000, 22_050), (22_050, 16_000), (16_000, 8_000, 44_100)])
def test_waves_of_several_rates_follow_each_other_whole(rates_hz):
  waves = [(rate_hz, tone(440, 0.7, rate_hz)) for rate_hz in rates_hz]
  blocks = [(rate_hz, part) for rate_hz, wave in waves for part in np.array_split(wave, 5)]
  desired = [soxr.resample(wave, rate_hz, 16_000, quality="HQ") for rate_hz, wave in waves]
  assert_close(np.concatenate([*resampled(blocks, 16_000)]), np.concatenate(desired), atol=1e-6)
