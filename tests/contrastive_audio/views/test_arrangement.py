"""Batches of pieces: every piece once an epoch, no recording twice in a batch if that can be."""

import collections

import numpy as np
import pytest

from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.views.arrangement import Arrangement
from contrastive_audio.views.excerpts import ExcerptPairs


def epoch_of(arrangement, number, num_batches):
  return np.stack([arrangement.batch(number * num_batches + step) for step in range(num_batches)])


def most_of_one(batches, recordings):
  """The largest number of pieces of one recording in a batch."""
  return max(max(collections.Counter(recordings[batch]).values()) for batch in batches)


@pytest.mark.parametrize(
  ("counts", "batch_size", "most"),
  [
    ([6] * 12, 12, 1),  # as many recordings as pieces in a batch
    ([36] * 12, 8, 1),
    ([1, 2, 30, 4, 5, 9, 12, 3], 2, 1),
    ([10] * 4, 8, 2),  # fewer recordings: each twice
    ([40, 2, 2, 2], 4, 4),  # most pieces are of one
    ([1] * 9 + [7], 4, 2),  # 16 pieces in 4 batches
  ],
)
def test_a_recording_comes_as_seldom_in_a_batch_as_the_data_allows(counts, batch_size, most):
  recordings = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
  num_batches = len(recordings) // batch_size
  arrangement = Arrangement(recordings, batch_size, seed=3)
  for number in range(5):
    batches = epoch_of(arrangement, number, num_batches)
    assert batches.shape == (num_batches, batch_size)
    assert len(set(batches.ravel().tolist())) == batches.size
    assert most_of_one(batches, recordings) <= most


def test_any_step_is_the_same_whatever_was_asked_before_and_epochs_differ():
  recordings = np.repeat(np.arange(7), 5)
  one, other = (Arrangement(recordings, 4, seed=1) for _ in range(2))
  late = one.batch(83).tolist()
  assert [other.batch(step).tolist() for step in (0, 40, 83)][-1] == late
  first, second = (epoch_of(one, number, 8) for number in (0, 1))
  assert first.tolist() != second.tolist()
  assert Arrangement(recordings, 4, seed=2).batch(0).tolist() != one.batch(0).tolist()


def test_which_pieces_are_left_out_changes_and_every_piece_meets_every_other_recording():
  recordings = np.repeat(np.arange(5), 3)
  arrangement = Arrangement(recordings, 4, seed=0)
  left_out, met = collections.Counter(), set()
  for number in range(60):
    batches = epoch_of(arrangement, number, 3)
    left_out.update(set(range(15)) - set(batches.ravel().tolist()))
    met |= {(piece, recordings[other]) for batch in batches for piece in batch for other in batch}
  assert len(left_out) == 15
  assert len(met) == 15 * 5


class PieceStore:
  """Pieces of four recordings whose samples name their piece."""

  num_clips = 24
  num_samples = np.full(24, 30)
  recordings = np.repeat(np.arange(4), 6)

  def read_ahead(self, clip_ids, starts, num_samples):
    pass

  def copy_excerpt(self, clip_id, start, out):
    out[:] = clip_id


def test_excerpts_come_from_such_batches_and_hosts_share_them():
  pairs = ExcerptPairs(PieceStore(), 4, ClipLayout(8, 8), seed=5)
  batches = [batch.numpy() for batch in pairs.dataset(0, 12)]
  for step, batch in enumerate(batches):
    pieces = batch[:, 0, 0].astype(int)
    assert sorted(pieces // 6) == [0, 1, 2, 3]
    assert pairs.clip_ids(step).numpy().tolist() == pieces.tolist()
    assert (batch == batch[:, :1, :1]).all()  # both excerpts are of one piece
  assert sorted(np.concatenate(batches[:6])[:, 0, 0]) == list(range(24))
  shares = [[batch.numpy() for batch in pairs.dataset(0, 3, share=(n, 2))] for n in range(2)]
  for step in range(3):
    np.testing.assert_array_equal(np.concatenate([s[step] for s in shares]), batches[step])
