"""Excerpts: a pure function of (seed, step) that misses nothing."""

import collections
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.views.excerpts import ExcerptPairs
from tests.support import assert_close


class FakeStore:
  """Clips whose samples name their clip and place: clip + sample / 1000."""

  def __init__(self, lengths):
    self.num_samples = np.asarray(lengths)
    self.recordings = np.arange(len(lengths))
    self.num_clips = len(lengths)
    self.events = []

  def read_ahead(self, clip_ids, starts, num_samples):
    self.events.append([(i, s, num_samples) for i, row in zip(clip_ids, starts) for s in row])

  def wave(self, clip_id):
    return (clip_id + np.arange(self.num_samples[clip_id]) / 1000).astype("f")

  def copy_excerpt(self, clip_id, start, out):
    assert 0 <= start <= self.num_samples[clip_id] - len(out)
    self.events.append((clip_id, start, len(out)))
    out[:] = self.wave(clip_id)[start : start + len(out)]


def make(num_clips=10, batch_size=3, length=20, num_samples=8, short_clips="zeros", **kwargs):
  store = FakeStore([length] * num_clips)
  layout = ClipLayout(num_samples, num_samples, short_clips)
  return ExcerptPairs(store, batch_size, layout, **kwargs)


def starts_of(pairs, steps=100):
  """Where in their clips the excerpts of many steps begin, int `[n, E]`."""
  first = np.concatenate([batch.numpy()[:, :, 0] for batch in pairs.dataset(0, steps)])
  return np.rint(1000 * (first - np.floor(first + 1e-4))).astype(int)


def ids(pairs, steps):
  return [pairs.clip_ids(step).numpy().tolist() for step in steps]


def flat(lists):
  return [item for one in lists for item in one]


@pytest.mark.parametrize("num_clips", [3, 10, 97])
def test_an_epoch_is_a_permutation_and_epochs_differ(num_clips):
  pairs = make(num_clips)
  per_epoch = pairs.steps_per_epoch
  epochs = [flat(ids(pairs, range(e * per_epoch, (e + 1) * per_epoch))) for e in range(4)]
  for epoch in epochs:
    assert len(set(epoch)) == len(epoch) == per_epoch * 3
    assert set(epoch) <= set(range(num_clips))
  if num_clips > 3:
    assert len(set(map(tuple, epochs))) == len(epochs)  # no two of them are alike


def test_clips_left_out_of_an_epoch_change():
  pairs = make(10, batch_size=9)
  left_out = {(set(range(10)) - set(ids(pairs, [step])[0])).pop() for step in range(60)}
  assert left_out == set(range(10))


def test_pairs_hold_two_excerpts_of_their_clip_in_order():
  pairs = make()
  (batch,) = pairs.dataset(4, 1)
  clip_ids = pairs.clip_ids(4).numpy()
  assert batch.shape == (3, 2, 8)
  assert_close(np.floor(batch.numpy() + 1e-4)[:, :, 0], np.stack([clip_ids] * 2, 1).astype("f"))
  assert_close(np.diff(batch, axis=2), np.full([3, 2, 7], 0.001, "f"), atol=1e-5)


def test_the_same_seed_and_step_give_the_same_excerpts_wherever_the_run_began():
  pairs = make()
  from_start, from_five = list(pairs.dataset(0, 8)), list(pairs.dataset(5, 3))
  for late, early in zip(from_five, from_start[5:], strict=True):
    assert_close(late, early)
  other = next(iter(make(seed=1).dataset(5, 1)))
  assert not np.allclose(other, from_five[0])


@pytest.mark.parametrize("count", [2, 3])
def test_the_shares_of_hosts_are_the_batch_and_no_clip_is_read_twice(count, monkeypatch):
  pairs = make(num_clips=13, batch_size=6)
  whole = np.stack(list(pairs.dataset(2, 5).as_numpy_iterator()))
  read, copy = [], ExcerptPairs.copy
  monkeypatch.setattr(
    ExcerptPairs, "copy", lambda self, ids, words: note(read, ids) or copy(self, ids, words)
  )
  shares = [
    np.stack(list(pairs.dataset(2, 5, share=(number, count)).as_numpy_iterator()))
    for number in range(count)
  ]
  np.testing.assert_array_equal(np.concatenate(shares, 1), whole)
  assert sorted(flat(read)) == sorted(flat(ids(pairs, range(2, 7))))


def note(seen, clip_ids):
  seen.append(clip_ids.tolist())


def test_starts_are_uniform_over_the_whole_clip_with_both_ends():
  pairs = make(num_clips=100, batch_size=100, length=12, num_samples=8)
  starts = starts_of(pairs)
  counts = collections.Counter(starts.ravel().tolist())
  assert set(counts) == {0, 1, 2, 3, 4}  # the last start reaches the last sample
  expected = starts.size / 5
  chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
  assert chi_square < 23.5  # 99.99 % of uniform draws, 4 degrees of freedom
  assert abs(np.corrcoef(starts[:, 0], starts[:, 1])[0, 1]) < 0.05


def test_a_clip_of_just_one_excerpt_starts_at_its_start():
  (batch,) = make(3, length=8).dataset(0, 1)
  assert_close(batch[:, 0], batch[:, 1])


def test_a_short_clip_is_centred_in_zeros():
  (batch,) = make(3, length=3, short_clips="zeros").dataset(0, 1)
  assert_close(batch.numpy()[:, :, [0, 1, 5, 6, 7]], np.zeros([3, 2, 5], "f"))
  assert_close(np.diff(batch.numpy()[:, :, 2:5]), np.full([3, 2, 2], 0.001), atol=1e-5)


def test_a_short_clip_is_tiled_from_random_phases():
  batches = np.concatenate(list(make(3, length=3, short_clips="tile").dataset(0, 50)))
  places = np.rint(1000 * (batches - np.floor(batches + 1e-4)))
  assert_close(places[:, :, 3:], places[:, :, :-3], atol=1e-3)  # period 3
  assert set(places[:, :, 0].ravel().tolist()) == {0, 1, 2}


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_larger_than_the_data_set_is_refused(batch_size):
  with pytest.raises(UserError, match="--batch_size=10 or less"):
    make(10, batch_size=batch_size)


def test_the_same_excerpt_twice():
  starts = starts_of(make(length=30, positives="same"))
  assert (starts[:, 0] == starts[:, 1]).all()
  assert set(starts[:, 0]) == set(range(23))
  for short_clips in ("zeros", "tile", "repeat"):
    (batch,) = make(3, length=3, short_clips=short_clips, positives="same").dataset(0, 1)
    assert_close(batch[:, 0], batch[:, 1])


def test_separated_excerpts_have_a_fixed_distance_over_the_whole_clip():
  starts = starts_of(make(length=30, positives="separated", separation=9))
  assert (starts[:, 1] - starts[:, 0] == 9).all()
  assert (starts[:, 0].min(), starts[:, 1].max()) == (0, 22)


def test_separated_excerpts_of_a_clip_too_short_lie_as_far_apart_as_it_allows():
  starts = starts_of(make(length=12, positives="separated", separation=9))
  assert (starts == [0, 4]).all()


def test_backgrounds_are_other_random_excerpts_of_a_clip_long_enough_and_silent_otherwise():
  long, short = (make(length=length, backgrounds=True) for length in (32, 31))
  (batch,) = long.dataset(4, 1)
  assert batch.shape == (3, 4, 8)
  clip_ids = long.clip_ids(4).numpy()
  assert (clip_ids == np.floor(batch.numpy()[:, :, 0] + 1e-4).T).all()
  starts = starts_of(long)
  assert set(starts[:, 2]) == set(starts[:, 3]) == set(range(25))
  assert abs(np.corrcoef(starts.T) - np.eye(4)).max() < 0.3
  (batch,) = short.dataset(4, 1)
  assert not batch.numpy()[:, 2:].any()
  assert batch.numpy()[:, :2].any()


def test_excerpts_of_a_real_store_lie_in_their_clips(clip_store):
  pairs = ExcerptPairs(clip_store, 4, ClipLayout(15_600, 15_600))
  (batch,) = pairs.dataset(2, 1)
  for clip_id, pair in zip(pairs.clip_ids(2).numpy(), batch.numpy(), strict=True):
    wave = clip_store.wave(clip_id)
    front_end = np.lib.stride_tricks.sliding_window_view(wave, 15_600)
    assert all((front_end == excerpt).all(axis=1).any() for excerpt in pair)


def test_all_excerpts_of_a_batch_are_announced_before_the_first_is_copied():
  pairs = make()
  pairs.copy(pairs.clip_ids(3).numpy(), pairs.start_words(3).numpy())
  announced, *copied = pairs.store.events
  assert announced == copied
  assert len(copied) == 6


def test_batches_are_copied_one_after_the_other_also_on_sixteen_cores(monkeypatch):
  copying, seen, copy = threading.Lock(), [], ExcerptPairs.copy

  def slow_copy(self, clip_ids, start_words):
    seen.append(copying.acquire(blocking=False))
    time.sleep(0.05)  # so that others would begin
    if seen[-1]:
      copying.release()
    return copy(self, clip_ids, start_words)

  monkeypatch.setattr(ExcerptPairs, "copy", slow_copy)
  many_threads = tf.data.Options()
  many_threads.threading.private_threadpool_size = 16
  list(make().dataset(0, 12).prefetch(tf.data.AUTOTUNE).with_options(many_threads))
  assert seen == [True] * 12


def test_the_excerpts_of_a_step_are_the_same_whatever_the_type_of_its_number():
  pairs = make()
  (batch,) = pairs.dataset(first_step=3, num_steps=1)
  for step in (3, np.int32(3), tf.constant(3, tf.int64)):
    drawn = pairs.copy(pairs.clip_ids(step).numpy(), pairs.start_words(step).numpy())
    assert_close(drawn, batch)


def test_clips_that_are_too_short_for_a_background_are_counted():
  assert make(length=31, backgrounds=True).num_too_short == 10
  assert make(length=32, backgrounds=True).num_too_short == 0
  assert make(length=31).num_too_short == 0
