"""The linear classifier of the monitor."""

import numpy as np

from contrastive_audio.monitoring import linear_probe


def make(classes, per_class, distance, seed=0, size=8):
  rng = np.random.default_rng(seed)
  labels = np.repeat([f"class {number}" for number in range(classes)], per_class)
  centres = distance * rng.normal(size=[classes, size])
  return np.repeat(centres, per_class, axis=0) + rng.normal(size=[len(labels), size]), labels


def test_separable_classes_are_separated_and_noise_is_not():
  embeddings, labels = make(4, 30, 5)
  assert np.mean(linear_probe.predict(embeddings, labels) == labels) > 0.97
  embeddings, labels = make(4, 100, 0)
  assert 0.15 < np.mean(linear_probe.predict(embeddings, labels) == labels) < 0.35


def test_more_units_than_clips_do_no_harm():
  embeddings, labels = make(3, 12, 3, size=400)
  assert np.mean(linear_probe.predict(embeddings, labels) == labels) > 0.9


def test_a_unit_counts_whatever_its_scale_is():
  embeddings, labels = make(3, 40, 5, size=4)
  noise = np.random.default_rng(1).normal(size=[len(labels), 4])
  predicted = linear_probe.predict(np.concatenate([1e-4 * embeddings, 1e4 * noise], axis=1), labels)
  assert np.mean(predicted == labels) > 0.9


def test_a_group_never_helps_to_classify_itself():
  """What tells clips apart is their speaker only, and each speaker says one class only."""
  rng = np.random.default_rng(0)
  groups = np.repeat(np.arange(12), 10)
  labels = np.array(["low", "high"])[groups % 2]
  embeddings = rng.normal(size=[12, 16])[groups] + 0.01 * rng.normal(size=[120, 16])
  assert np.mean(linear_probe.predict(embeddings, labels) == labels) == 1
  assert np.mean(linear_probe.predict(embeddings, labels, groups.astype(str)) == labels) < 0.9


def test_clips_of_rare_classes_are_left_out():
  embeddings, labels = make(3, 5, 5)
  labels = np.concatenate([labels[:-5], ["rare"] * 2, ["unique"], labels[-2:]])
  predicted = linear_probe.predict(embeddings, labels)
  assert [value is None for value in predicted] == [False] * 10 + [True] * 5


def test_without_enough_classes_or_groups_there_is_nothing_to_predict():
  embeddings, labels = make(1, 20, 1)
  assert not linear_probe.predict(embeddings, labels).any()
  embeddings, labels = make(2, 10, 1)
  assert not linear_probe.predict(embeddings, labels, ["a"] * 10 + ["b"] * 10).any()


def test_a_collapsed_encoder_is_at_chance_without_a_warning():
  labels = np.repeat(["one", "other"], 9)
  predicted = linear_probe.predict(np.ones([18, 4]), labels)
  assert np.mean(predicted == labels) == 0.5


def test_nothing_is_predicted_if_only_one_class_would_be_left_to_train_on():
  embeddings, _ = make(1, 18, 0)
  labels = ["a"] * 12 + ["b"] * 6
  groups = ["r1"] * 4 + ["r2"] * 4 + ["r4"] * 4 + ["r3"] * 6
  assert linear_probe.predict(embeddings, labels, groups).tolist() == [None] * 18
