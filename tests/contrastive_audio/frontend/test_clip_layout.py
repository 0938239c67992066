"""Layout of clips: a patch equals the same frames of the whole clip; host and device agree."""

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.store import preparation
from contrastive_audio.views.excerpts import ExcerptPairs
from mixback.config import Config
from tests.support import assert_close, cut_log_mels

RATE_HZ = 22_050
LENGTHS = {"long": 3 * RATE_HZ + 77, "just": RATE_HZ, "short": 6_000, "tiny": 30}
WINDOWS = Config().front_end()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
  """Noisy clips with an offset, some shorter than a second."""
  folder = tmp_path_factory.mktemp("clips")
  rng = np.random.default_rng(0)
  for name, length in LENGTHS.items():
    wave = 0.2 + 0.3 * rng.uniform(-1, 1, length)
    soundfile.write(folder / f"{name}.wav", wave, RATE_HZ, subtype="FLOAT")
  source = datasets.open_source(f"folder:{folder}")
  return preparation.prepare(source, RATE_HZ, str(tmp_path_factory.mktemp("stores")))


def clip_id(store, name):
  return store.keys().index(f"{name}.wav")


def normalised_and_filled(wave):
  """The published way, in double precision: level, then repeated up to a second."""
  wave = wave.astype(float) - wave.mean(dtype=float)
  wave = wave / (np.abs(wave).max() + 0.005)
  return np.resize(wave, RATE_HZ) if len(wave) < RATE_HZ else wave


def excerpt(store, name, start_index):
  out = np.zeros(WINDOWS.num_samples, "f")
  WINDOWS.layout.copy(store, clip_id(store, name), start_index, 0.0, out)
  return out


def test_the_numbers_of_mix_back():
  layout = WINDOWS.layout
  assert layout == ClipLayout(24_048, 22_050, "repeat", 1024, 220, "clip_peak")
  assert layout.num_starts(np.array([22_050, 100, 44_100])).tolist() == [1, 1, 101]


@pytest.mark.parametrize("name", LENGTHS)
def test_a_training_patch_equals_the_frames_of_the_whole_clip_also_at_both_ends(store, name):
  wave = normalised_and_filled(store.wave(clip_id(store, name)))
  whole = Config().log_mel()(wave[None].astype("f"))[0]
  last = int(WINDOWS.layout.num_starts(len(wave))) - 1
  assert whole.shape[0] == last + 101  # the last frame has its turn
  for start in sorted({0, min(1, last), last // 2, max(0, last - 3), last}):
    patch = WINDOWS(excerpt(store, name, start))
    assert_close(patch, whole[start : start + 101], atol=1e-5)


@pytest.mark.parametrize("name", LENGTHS)
def test_what_is_evaluated_and_exported_is_cut_from_the_same_samples(store, name):
  wave = store.wave(clip_id(store, name))
  laid_out = WINDOWS.lay_out(wave[None])
  starts = WINDOWS.covering_starts(laid_out.shape[1]).numpy()
  assert (starts % 220 == 0).all()
  cut = WINDOWS.cut(laid_out, starts)[0]
  for row, start in enumerate(starts):
    assert_close(cut[row], excerpt(store, name, start // 220), atol=1e-6)


@pytest.mark.parametrize("name", LENGTHS)
def test_a_patch_of_a_single_frame_is_mirrored_at_both_ends_too(store, name):
  wave = normalised_and_filled(store.wave(clip_id(store, name)))
  layout = Config(frames=1).front_end().layout
  last = int(layout.num_starts(len(wave))) - 1
  mirrored = np.pad(wave, layout.mirrored_samples, "reflect")
  for start in [*range(0, last, 20), last]:
    out = np.zeros(layout.num_samples, "f")
    layout.copy(store, clip_id(store, name), start, 0.0, out)
    assert_close(out, mirrored[220 * start :][: layout.num_samples].astype("f"), atol=1e-5)


def test_covering_windows_overlap_by_half_and_reach_both_ends(store):
  wave = store.wave(clip_id(store, "long"))
  starts = WINDOWS.covering_starts(WINDOWS.lay_out(wave[None]).shape[1]).numpy() // 220
  last = int(WINDOWS.layout.num_starts(len(wave))) - 1
  assert (starts[0], starts[-1]) == (0, last)
  assert np.diff(starts).max() <= 50
  assert len(starts) == 1 + -(-last // 50)
  assert cut_log_mels(WINDOWS, wave).shape == (len(starts), 101, 96)


def test_patches_of_the_papers_protocol_come_every_50_frames(store):
  wave = store.wave(clip_id(store, "long"))
  last = int(WINDOWS.layout.num_starts(len(wave))) - 1
  patches = cut_log_mels(WINDOWS, wave, "hopping")
  assert patches.shape == (1 + last // 50, 101, 96)
  for row in range(len(patches)):
    assert_close(patches[row], WINDOWS(excerpt(store, "long", 50 * row)), atol=1e-4)


def test_tiled_clips_have_random_phases_and_repeated_ones_have_none(store):
  pairs = {
    mode: ExcerptPairs(store, 4, ClipLayout(9_000, 9_000, mode)) for mode in ("tile", "repeat")
  }
  row = pairs["tile"].clip_ids(0).numpy().tolist().index(clip_id(store, "short"))
  tiled, repeated = (next(iter(p.dataset(0, 1)))[row].numpy() for p in pairs.values())
  assert_close(repeated[0], repeated[1])
  assert_close(repeated[0], np.resize(store.wave(clip_id(store, "short")), 9_000))
  assert (tiled[0] != tiled[1]).any()
  assert_close(tiled[:, 6_000:], tiled[:, :3_000])


def test_zeros_are_added_after_the_level_is_set(store):
  layout = ClipLayout(8_000, 8_000, "zeros", level="clip_peak")
  out = np.ones(8_000, "f")
  layout.copy(store, clip_id(store, "short"), 0, 0.0, out)
  assert not out[:1_000].any()
  assert not out[7_000:].any()
  assert abs(out[1_000:7_000].mean()) < 1e-4
  assert 0.9 < np.abs(out).max() < 1
