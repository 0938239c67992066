"""Excerpts that are drawn in proportion to what happens in a recording."""

import numpy as np
import pytest
import soundfile

from contrastive_audio import datasets
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.store import preparation
from contrastive_audio.store.pieces import equal_pieces
from contrastive_audio.views import activity as module
from contrastive_audio.views.activity import Activity, excess_db
from contrastive_audio.views.excerpts import ExcerptPairs

RATE_HZ, SECONDS, HOP = 8_000, 20, 800
CALL_S = (12.0, 13.0)  # 20 dB over the noise
LAYOUT = ClipLayout(RATE_HZ, RATE_HZ)  # excerpts of a second


@pytest.fixture(scope="module")
def store(tmp_path_factory):
  """Two recordings of noise at levels 40 dB apart, with the same call in both, and silence."""
  folder = tmp_path_factory.mktemp("activity")
  noise = np.random.default_rng(0).normal(0, 0.02, SECONDS * RATE_HZ)
  first, last = (int(second * RATE_HZ) for second in CALL_S)
  noise[first:last] *= 10
  for name, level in (("loud", 1.0), ("quiet", 0.01), ("silent", 0.0)):
    soundfile.write(folder / f"{name}.wav", level * noise, RATE_HZ, subtype="FLOAT")
  source = datasets.open_source(str(folder))
  return preparation.prepare(source, RATE_HZ, str(folder / "stores"))


def starts_of(activity, clip_id, draws=4000):
  words = np.random.default_rng(1).integers(0, 2**32, [1, draws], np.uint32)
  return activity.pick(np.array([clip_id]), words)[0]


def expected_share():
  """The share of starts in a second before the call begins, by the weights in decibels."""
  weights = np.ones(SECONDS * 10)
  weights[120:130] += 20
  covered = np.convolve(weights, np.ones(10), "valid")  # of an excerpt from each tenth on
  covered[-1] *= 1 / HOP  # in the last one, a single sample can be a start
  return covered[110:120].sum() / covered.sum()


def test_the_measure_is_the_energy_over_the_background_whatever_the_level(store):
  loud, quiet, silent = np.split(excess_db(store, HOP), 3)
  for recording in (loud, quiet):
    assert abs(recording[120:130].astype(int) - 20).max() <= 2
    assert np.delete(recording, range(120, 130)).max() <= 2
  assert (silent == 0).all()


@pytest.mark.parametrize("clip_id", [0, 1])
def test_places_are_drawn_in_proportion_to_what_an_excerpt_there_covers(store, clip_id):
  starts = starts_of(Activity(store, LAYOUT, RATE_HZ), clip_id)
  share = np.mean((starts >= 11 * RATE_HZ) & (starts < 12 * RATE_HZ))
  assert share == pytest.approx(expected_share(), abs=0.04)
  assert share > 3 / 20  # a twentieth would be drawn without the measure
  assert (starts >= 0).all()
  assert (starts <= (SECONDS - 1) * RATE_HZ).all()


def test_where_nothing_happens_all_places_are_alike(store):
  starts = starts_of(Activity(store, LAYOUT, RATE_HZ), 2)
  counts, _ = np.histogram(starts, bins=19, range=(0, 19 * RATE_HZ))
  assert abs(counts / len(starts) - 1 / 19).max() < 0.02


def test_pieces_have_the_background_of_their_recording(store):
  pieces = store.cut(equal_pieces(store, 1.0))
  excess = excess_db(pieces, HOP).reshape(3, 20, 10)
  assert (excess[0, 12] > 17).all()  # the call fills its piece, and is still over the background
  assert excess[0, 3].max() <= 2


@pytest.mark.parametrize("positives", ["random", "same", "separated"])
def test_pairs_stay_in_their_clips_and_are_a_function_of_seed_and_step(store, positives):
  options = {"positives": positives, "separation": RATE_HZ, "backgrounds": True}
  activity = Activity(store, LAYOUT, RATE_HZ)
  pairs = ExcerptPairs(store, 3, LAYOUT, seed=7, activity=activity, **options)
  batches = [batch.numpy() for batch in pairs.dataset(0, 6)]
  (again,) = pairs.dataset(5, 1)
  np.testing.assert_array_equal(again, batches[5])
  words = np.random.default_rng(0).integers(0, 2**32, [3, 4], np.uint32)
  starts = pairs._start_indices(np.array([0, 1, 2]), words)
  plain = ExcerptPairs(store, 3, LAYOUT, seed=7, **options)._start_indices(np.arange(3), words)
  assert (starts[:, 2:] == plain[:, 2:]).all()  # backgrounds are drawn from anywhere
  distance = {"same": 0, "separated": RATE_HZ}.get(positives)
  assert distance is None or (starts[:, 1] - starts[:, 0] == distance).all()
  assert (starts <= (SECONDS - 1) * RATE_HZ).all()


def test_it_is_measured_once_and_kept_beside_the_index(store, monkeypatch):
  pieces = store.cut(equal_pieces(store, 2.0))
  first = starts_of(Activity(pieces, LAYOUT, RATE_HZ), 3)
  monkeypatch.setattr(module, "excess_db", lambda *_: pytest.fail("measured again"))
  np.testing.assert_array_equal(starts_of(Activity(pieces, LAYOUT, RATE_HZ), 3), first)


def test_clips_shorter_than_an_excerpt_start_where_they_can(tmp_path):
  soundfile.write(tmp_path / "short.wav", np.full(RATE_HZ // 3, 0.1), RATE_HZ)
  source = datasets.open_source(str(tmp_path / "short.wav"))
  short = preparation.prepare(source, RATE_HZ, str(tmp_path / "stores"))
  for layout in (LAYOUT, ClipLayout(RATE_HZ, 2 * RATE_HZ, "tile")):
    starts = starts_of(Activity(short, layout, RATE_HZ), 0)
    assert (starts < layout.num_starts(short.num_samples)[0]).all()
