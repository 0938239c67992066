"""kNN against a naive loop."""

import collections

import numpy as np
import pytest

from contrastive_audio.monitoring import knn
from tests.support import GOLDEN, assert_close


def naive(embeddings, labels, groups, k):
  predicted = []
  for i, one in enumerate(embeddings):
    near = []
    for j, other in enumerate(embeddings):
      if i == j or (groups[i] is not None and groups[i] == groups[j]):
        continue
      near.append((one @ other / np.linalg.norm(one) / np.linalg.norm(other), labels[j]))
    near = sorted(near, key=lambda pair: -pair[0])[:k]
    votes, similarity = collections.Counter(), collections.Counter()
    for value, label in near:
      votes[label] += 1
      similarity[label] += value
    predicted.append(max(votes, key=lambda name: (votes[name], similarity[name]), default=None))
  return predicted


@pytest.mark.parametrize("k", [1, 4, 50])
@pytest.mark.parametrize("grouped", [False, True])
def test_predictions_equal_a_naive_loop(k, grouped):
  rng = np.random.default_rng(0)
  embeddings, labels = rng.normal(size=[40, 3]), list(rng.choice(list("abc"), 40))
  groups = list(rng.choice(["g", "h", "i", None], 40)) if grouped else [None] * 40
  predicted = knn.leave_one_out(embeddings, labels, groups if grouped else None, k)
  assert list(predicted) == naive(embeddings, labels, groups, k)


def test_separated_classes_are_perfect_and_a_clip_never_votes_for_itself():
  embeddings = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
  assert list(knn.leave_one_out(embeddings, list("aabb"), k=1)) == list("aabb")
  assert list(knn.leave_one_out(embeddings[[0, 2]], list("ab"), k=1)) == list("ba")


def test_without_a_neighbour_there_is_no_prediction():
  predicted = knn.leave_one_out(np.ones([2, 2]), list("ab"), groups=["g", "g"])
  assert list(predicted) == [None, None]
  assert knn.macro_accuracy(predicted, list("ab")) == 0


def test_silent_embeddings_do_not_break_it():
  assert len(knn.leave_one_out(np.zeros([3, 2]), list("aab"))) == 3


def test_macro_accuracy_weighs_classes_equally():
  assert_close(knn.macro_accuracy(list("aaaa"), list("aaab")), 0.5)


def test_votes_of_patches_meet_the_golden_array():
  golden = np.load(GOLDEN / "knn.npz")
  labels = [golden["label"][golden["clip_id"] == clip][0] for clip in range(60)]
  arguments = golden["features"], golden["clip_id"], labels
  predicted = knn.leave_one_clip_out(*arguments, int(golden["k"]))
  assert (predicted == golden["clip_prediction"]).all()
  assert_close(knn.macro_accuracy(predicted, labels), golden["macro_top1"], atol=1e-12)
  assert (knn.leave_one_clip_out(*arguments, 3) != golden["clip_prediction"]).any()


def test_blocks_of_patches_do_not_matter(monkeypatch):
  golden = np.load(GOLDEN / "knn.npz")
  labels = [golden["label"][golden["clip_id"] == clip][0] for clip in range(60)]
  monkeypatch.setattr(knn, "_PATCHES_AT_ONCE", 7)
  predicted = knn.leave_one_clip_out(golden["features"], golden["clip_id"], labels, 20)
  assert (predicted == golden["clip_prediction"]).all()


def test_patches_of_the_same_clip_never_vote():
  patches = np.array([[1, 0], [1, 0], [1, 0.1], [0, 1], [0.1, 1]])
  predicted = knn.leave_one_clip_out(patches, [0, 0, 1, 2, 3], ["a", "b", "b", "b"], k=1)
  assert predicted.tolist() == ["b", "a", "b", "b"]
