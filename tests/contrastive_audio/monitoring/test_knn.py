"""kNN against a naive loop."""

import collections

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import normalize

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


def written_out(predicted, labels):
  predicted, labels = np.asarray(predicted, object), np.asarray(labels, object)
  return np.mean([np.mean(predicted[labels == name] == name) for name in set(labels)])


@pytest.mark.parametrize("answers", [list("abcd"), [*"abcd", None], [*"abcd", "unknown", None]])
def test_macro_accuracy_is_the_mean_over_classes_whatever_is_predicted(answers):
  rng = np.random.default_rng(0)
  labels = rng.choice(list("abcd"), 200, p=[0.6, 0.2, 0.1, 0.1])
  predicted = rng.choice(np.array(answers, object), 200)
  assert_close(knn.macro_accuracy(predicted, labels), written_out(predicted, labels), atol=1e-12)
  assert_close(knn.macro_accuracy(labels, labels), 1.0)


def test_macro_accuracy_of_numbers_is_that_of_scikit_learn():
  rng = np.random.default_rng(0)
  labels, predicted = rng.integers(4, size=[2, 200])
  assert_close(
    knn.macro_accuracy(predicted, labels), balanced_accuracy_score(labels, predicted), atol=1e-12
  )


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_are_normalised_as_by_scikit_learn_and_however_short_they_are(kind):
  rows = np.random.default_rng(0).normal(size=[20, 5]).astype(kind)
  assert knn.normalise_rows(rows).dtype == kind
  assert_close(knn.normalise_rows(rows), normalize(rows), atol=1e-6)
  short = kind(1e-9) * rows
  assert_close(knn.normalise_rows(short), normalize(rows), atol=1e-6)
  assert (knn.normalise_rows(np.zeros([2, 3], kind)) == 0).all()


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


def test_blocks_of_rows_do_not_matter(monkeypatch):
  rng = np.random.default_rng(0)
  rows, gallery = rng.normal(size=[50, 8]), rng.normal(size=[30, 8])
  targets = np.eye(4)[rng.integers(4, size=30)]
  desired = knn.votes_of_gallery(rows, gallery, targets, k=5)
  for pairs in (1, 90, 210):  # one, three and seven rows at once
    monkeypatch.setattr(knn, "_PAIRS_AT_ONCE", pairs)
    assert_close(knn.votes_of_gallery(rows, gallery, targets, k=5), desired, atol=1e-12)


def test_patches_of_the_same_clip_never_vote():
  patches = np.array([[1, 0], [1, 0], [1, 0.1], [0, 1], [0.1, 1]])
  predicted = knn.leave_one_clip_out(patches, [0, 0, 1, 2, 3], ["a", "b", "b", "b"], k=1)
  assert predicted.tolist() == ["b", "a", "b", "b"]


def test_patches_of_the_same_group_never_vote():
  patches = np.array([[1, 0], [1, 0.1], [1, 0.3], [0, 1], [0.1, 1]])
  labels, clips = ["a", "a", "b", "b", "b"], np.arange(5)
  alone = knn.leave_one_clip_out(patches, clips, labels, k=1)
  assert alone.tolist() == ["a", "a", "a", "b", "b"]
  named_once = knn.leave_one_clip_out(patches, clips, labels, 1, ["g", None, None, "h", None])
  assert named_once.tolist() == alone.tolist()
  grouped = knn.leave_one_clip_out(patches, clips, labels, 1, ["g", "g", None, None, None])
  assert grouped.tolist() == ["b", "b", "a", "b", "b"]


def test_no_patch_has_more_neighbours_than_there_are_in_other_groups():
  clips = np.repeat(np.arange(4), 3)
  assert knn.patch_neighbours(clips, 1) == 6
  assert knn.patch_neighbours(clips, 1, ["g", "g", "g", None]) == 3


def test_the_fewest_others_of_a_clip_are_those_of_the_largest_group():
  for groups, fewest in ((None, 3), (["a", "a", "b", None], 2), (["a"] * 4, 0)):
    assert knn.fewest_others(4, groups) == fewest
