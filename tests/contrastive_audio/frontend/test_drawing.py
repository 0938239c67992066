"""Pictures of log-mels: what is heard at a frequency and a time is drawn there."""

import numpy as np
import pytest

from cola.config import Config as Cola
from contrastive_audio.frontend.drawing import draw_log_mel
from contrastive_audio.frontend.log_mel import mel_filters
from contrastive_audio.utils import figures
from mixback.config import Config as MixBack
from tests.support import assert_close, tone

pytestmark = pytest.mark.figures


@pytest.mark.parametrize("system", [Cola, MixBack])
def test_a_tone_is_brightest_at_the_mark_of_its_frequency(system):
  log_mel = system().log_mel()
  _, axis = figures.subplots()
  for hz in (500, 2000, 4000):
    values = log_mel(tone(hz, 1.0, log_mel.sample_rate_hz)[None])[0].numpy()
    image = draw_log_mel(axis, values, log_mel)
    assert image.origin == "lower"
    marks = {text.get_text(): text.get_position()[1] for text in axis.get_yticklabels()}
    assert abs(marks[str(hz)] - image.get_array().mean(axis=1).argmax()) < 1


@pytest.mark.parametrize("system", [Cola, MixBack])
def test_the_time_of_a_click_is_where_it_is_drawn(system):
  log_mel = system().log_mel()
  wave = np.zeros(2 * log_mel.sample_rate_hz, np.float32)
  wave[int(1.5 * log_mel.sample_rate_hz)] = 1
  _, axis = figures.subplots()
  image = draw_log_mel(axis, log_mel(wave[None])[0], log_mel)
  left, right, *_ = image.get_extent()
  loudness = image.get_array().sum(axis=0)
  share = (np.flatnonzero(loudness > loudness.max() - 1).mean() + 0.5) / len(loudness)
  assert abs(left + share * (right - left) - 1.5) < log_mel.frame_samples / log_mel.sample_rate_hz


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_the_centres_of_bands_are_where_their_filters_are_highest(scale):
  bins_hz = np.linspace(0, 8000, 16_001)
  filters = mel_filters(scale, 40, len(bins_hz), 16_000, 60.0, 7800.0)
  log_mel = Cola().log_mel()
  log_mel.mel_scale, log_mel.num_mels = scale, 40
  assert_close(log_mel.centres_hz(), bins_hz[filters.argmax(axis=0)], atol=0.5)
