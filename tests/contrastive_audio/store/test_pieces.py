"""Pieces of recordings: entries of an index that cover them, and nothing is copied."""

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.store import preparation
from contrastive_audio.store.pieces import equal_pieces
from contrastive_audio.store.store import Store

RATE_HZ = 8_000
SECONDS = {"a/tiny": 0.2, "a/one": 1.4, "b/long": 17.3, "b/even": 10.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
  """Noise of some lengths, in two classes."""
  folder = tmp_path_factory.mktemp("noise")
  rng = np.random.default_rng(0)
  for name, seconds in SECONDS.items():
    (folder / name).parent.mkdir(exist_ok=True)
    noise = rng.normal(0.01, 0.1, round(seconds * RATE_HZ))
    soundfile.write(folder / f"{name}.wav", noise * np.linspace(0.1, 1, len(noise)), RATE_HZ)
  source = datasets.open_source(str(folder))
  return preparation.prepare(source, RATE_HZ, str(tmp_path_factory.mktemp("stores")))


def test_pieces_cover_each_clip_just_once_and_have_about_the_length(store):
  pieces = store.cut(equal_pieces(store, 2.0))
  for clip_id in range(store.num_clips):
    own = np.flatnonzero(pieces.recordings == clip_id)
    waves = [pieces.wave(piece) for piece in own]
    np.testing.assert_array_equal(np.concatenate(waves), store.wave(clip_id))
    length = store.num_samples[clip_id]
    assert len(own) == max(1, round(length / (2 * RATE_HZ)))
    if length >= 2 * RATE_HZ:
      assert all(2 / 3 < len(wave) / (2 * RATE_HZ) < 4 / 3 for wave in waves)


def test_pieces_have_the_label_of_their_clip_and_the_recording_as_their_group(store):
  pieces = store.cut(equal_pieces(store, 5.0))
  assert pieces.keys() == [
    "a/one.wav",
    "a/tiny.wav",
    "b/even.wav#t=0,5",
    "b/even.wav#t=5,10",
    "b/long.wav#t=0,5.766625",
    "b/long.wav#t=5.766625,11.533375",
    "b/long.wav#t=11.533375,17.3",
  ]
  assert pieces.labels() == ["a", "a", "b", "b", "b", "b", "b"]
  assert pieces.groups() == ["a/one.wav", "a/tiny.wav"] + ["b/even.wav"] * 2 + ["b/long.wav"] * 3
  assert pieces.hours == pytest.approx(store.hours)


def test_the_level_of_a_piece_is_its_own(store):
  pieces = store.cut(equal_pieces(store, 1.0))
  for piece in range(pieces.num_clips):
    wave = pieces.wave(piece).astype(float)
    assert pieces.mean[piece] == pytest.approx(wave.mean(), abs=1e-7)
    assert pieces.centred_peak[piece] == pytest.approx(abs(wave - wave.mean()).max(), abs=1e-6)


def test_pieces_of_pieces_count_their_times_from_the_recording(store):
  halves = store.cut(equal_pieces(store, 5.0)).select([3, 0])
  quarters = halves.cut(equal_pieces(halves, 2.5))
  assert quarters.keys() == ["b/even.wav#t=5,7.5", "b/even.wav#t=7.5,10", "a/one.wav"]
  np.testing.assert_array_equal(quarters.wave(1), store.wave(2)[7 * RATE_HZ + 4000 :])
  assert quarters.recordings.tolist() == [2, 2, 0]


def test_cut_stores_differ_by_what_they_are_cut_into_and_join(store):
  cuts = [store.cut(equal_pieces(store, seconds)) for seconds in (1.0, 2.0, 1.0)]
  assert cuts[0].digest == cuts[2].digest != cuts[1].digest != store.digest
  joined = Store.join([cuts[1], store])
  assert joined.num_clips == cuts[1].num_clips + store.num_clips
  assert joined.recordings[-1] == 7
  np.testing.assert_array_equal(joined.wave(joined.num_clips - 1), store.wave(3))


def test_pieces_of_files_of_one_name_in_two_folders_are_of_two_recordings(store, tmp_path):
  folder = tmp_path / "other"
  (folder / "a").mkdir(parents=True)
  soundfile.write(folder / "a" / "one.wav", np.linspace(-0.5, 0.5, 2 * RATE_HZ), RATE_HZ)
  other = preparation.prepare(datasets.open_source(str(folder)), RATE_HZ, str(tmp_path / "stores"))
  joined = Store.join([store, other])
  pieces = joined.cut(equal_pieces(joined, 1.0))
  assert pieces.keys()[0] == "a/one.wav"
  assert pieces.keys()[-2:] == ["a/one.wav#t=0,1", "a/one.wav#t=1,2"]
  assert len(set(pieces.groups())) == joined.num_clips
  assert pieces.groups()[-1] == pieces.groups()[-2]


def test_the_digest_of_pieces_of_joined_stores_names_groups_as_their_data_sets_do(store):
  joined = Store.join([store, store.select([0])])
  pieces = equal_pieces(joined, 100.0)
  assert list(pieces.groups) == [*store.keys(), store.keys()[0]]
