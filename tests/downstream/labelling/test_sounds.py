"""What the page plays and draws of a stretch is at one level, whatever that of the recording."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from contrastive_audio.datasets import open_source
from contrastive_audio.store.preparation import prepare
from downstream.encoders import listening_page
from downstream.labelling.places import Place
from downstream.labelling.sounds import Sounds
from tests.support import assert_close, tone


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
  """Of the same second in a loud recording, and ten thousand times as quiet in another."""
  folder = tmp_path_factory.mktemp("levels")
  noise = np.random.default_rng(0).normal(0, 0.01, 16_000).astype("f")
  (folder / "audio").mkdir()
  for name, level in (("0.wav", 1), ("1.wav", 1e-4)):
    wave = level * (tone(1_000, 1.0) + noise)
    soundfile.write(folder / "audio" / name, wave, 16_000, subtype="FLOAT")
  source = open_source(f"folder:{folder / 'audio'}")
  return Sounds(prepare(source, 16_000, str(folder / "stores")))


def test_a_quiet_recording_is_played_as_loud_as_any(sounds):
  files = [sounds.wav(Place(clip, 100, 9_000)) for clip in (0, 1)]
  (loud, rate_hz), (quiet, _) = (soundfile.read(io.BytesIO(file)) for file in files)
  assert (rate_hz, len(loud)) == (16_000, 8_900)
  assert np.abs(loud).max() == pytest.approx(listening_page.PEAK, abs=1e-4)
  assert_close(quiet, loud, atol=1e-3)


def test_a_quiet_recording_is_drawn_as_bright_as_any(sounds):
  files = [io.BytesIO(sounds.png(Place(clip, 100, 9_000))) for clip in (0, 1)]
  loud, quiet = (np.asarray(Image.open(file)).astype(int) for file in files)
  assert loud.max() > 200
  assert_close(quiet, loud, atol=8)
