"""Logistic regression: scikit-learn's numbers, and parameters that hold the standardisation."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier

from contrastive_audio.exporting.classifier import LinearClassifier
from downstream import protocols
from downstream.classifiers import logistic
from tests.downstream.classifiers.rows import draw_rows
from tests.support import assert_close

CLASS_NAMES = ("a", "b", "c", "d")


def test_the_classifier_is_scikit_learns_on_rows_standardised_by_the_training_rows():
  rows, targets = draw_rows()
  mean, std = rows[:100].mean(0), rows[:100].std(0)
  reference = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8)
  reference.fit((rows[:100] - mean) / std, targets[:100].argmax(1))
  desired = reference.predict_proba((rows[100:] - mean) / std)
  assert_close(logistic.fit(rows[:100], targets[:100], 0.1)(rows[100:]), desired, atol=1e-2)


@pytest.mark.parametrize("several", [False, True])
def test_fewer_rows_than_columns_are_fitted_as_scikit_learn_fits_them(several):
  rows, targets = draw_rows(count=60, size=300)
  rows[:, 7] = 3  # what is equal in all rows
  if several:
    targets[:, 0] = targets[:, 1:3].max(axis=1)
  mean, std = rows[:40].mean(0), rows[:40].std(0)
  standard = (rows - mean) / np.where(std > 0, std, 1)
  regression = LogisticRegression(C=1.0, max_iter=5000, tol=1e-8)
  reference = OneVsRestClassifier(regression) if several else regression
  reference.fit(standard[:40], targets[:40] if several else targets[:40].argmax(1))
  fitted = logistic.fit(rows[:40], targets[:40], 1.0)
  assert_close(fitted(rows), reference.predict_proba(standard), atol=1e-2)
  assert_close(exported_scores(fitted, rows), fitted(rows), atol=1e-5)


def test_the_likelihood_is_that_of_scikit_learn():
  rows, targets = draw_rows()
  predicted = logistic.fit(rows[:100], targets[:100], 0.1)(rows[100:])
  desired = -log_loss(targets[100:], predicted)
  assert_close(logistic.log_likelihood(predicted, targets[100:]), desired, atol=1e-6)


def test_the_likelihood_of_several_labels_sums_yes_and_no_of_each_class():
  targets, predicted = np.array([[1, 1, 0], [0, 0, 0]]), np.array([[0.9, 0.5, 0.2], [0.1, 0, 1]])
  by_class = [log_loss(targets[:, k], predicted[:, k], labels=[0, 1]) for k in range(2)]
  by_class.append(-(np.log(0.8) + np.log(1e-12)) / 2)  # certain and wrong
  assert_close(logistic.log_likelihood(predicted, targets), -sum(by_class), atol=1e-6)


def test_several_labels_have_a_classifier_each():
  rows, targets = draw_rows()
  targets[:, 0] = targets[:, 1:3].max(axis=1)  # always together with another
  standard = (rows - rows[:100].mean(0)) / rows[:100].std(0)
  reference = OneVsRestClassifier(LogisticRegression(C=0.1)).fit(standard[:100], targets[:100])
  desired = reference.predict_proba(standard[100:])
  assert_close(logistic.fit(rows[:100], targets[:100], 0.1)(rows[100:]), desired, atol=1e-2)


def test_a_task_of_several_labels_is_one_also_where_each_clip_has_a_single_label():
  rows, targets = draw_rows()
  standard = (rows - rows.mean(0)) / rows.std(0)
  reference = OneVsRestClassifier(LogisticRegression(C=0.1)).fit(standard, targets)
  classifier = logistic.fit(rows, targets, 0.1, multi_label=True)
  predicted = np.stack([each.predict_proba(standard)[:, 1] for each in reference.estimators_], 1)
  assert_close(classifier(rows), predicted, atol=1e-2)
  by_class = [log_loss(targets[:, k], predicted[:, k]) for k in range(4)]
  assert_close(logistic.log_likelihood(predicted, targets, True), -sum(by_class), atol=1e-6)


@pytest.mark.parametrize("num_columns", [3, 30])
def test_equal_rows_tell_nothing_apart(num_columns):
  rows = np.full([4, num_columns], 3.7)
  classifier = logistic.fit(rows, np.eye(2)[[0, 0, 1, 1]], inverse_strength=1.0)
  assert_close(classifier(rows), np.full([4, 2], 0.5), atol=1e-6)


@pytest.mark.parametrize("num_columns", [3, 80])
def test_a_label_that_all_clips_have_is_certain_without_a_warning(num_columns):
  rows, targets = draw_rows(count=40, size=num_columns)
  targets[:, 3] = 1
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert logistic.fit(rows, targets, inverse_strength=1.0)(rows)[:, 3].tolist() == [1] * 40


@pytest.mark.parametrize("num_columns", [3, 80])
@pytest.mark.parametrize("several", [False, True])
def test_clips_of_one_class_make_it_certain_without_a_warning(num_columns, several):
  rows, _ = draw_rows(count=40, size=num_columns)
  targets = np.eye(4)[np.full(40, 2)]
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    fitted = logistic.fit(rows, targets, 1.0, multi_label=several)
  np.testing.assert_array_equal(fitted(rows), targets)
  assert_close(exported_scores(fitted, rows), targets, atol=1e-6)


def test_one_class_that_some_clips_have_is_told_from_none():
  rows, _ = draw_rows(count=40, size=80)
  targets = np.zeros([40, 4])
  targets[:20, 2] = 1
  rows[:20] += 3
  fitted = logistic.fit(rows, targets, 1.0, multi_label=True)
  assert ((fitted(rows) > 0.5) == targets).all()
  assert_close(exported_scores(fitted, rows), fitted(rows), atol=1e-5)


def test_a_class_without_training_clips_gets_nothing():
  rows, targets = draw_rows()
  has_row = targets[:, 3] == 0
  predicted = logistic.fit(rows[has_row], targets[has_row], 0.1)(rows)
  assert not predicted[:, 3].any()
  assert_close(predicted.sum(axis=1), np.ones(len(rows)), atol=1e-6)


def exported_scores(fitted, rows):
  """The scores that an export computes from the parameters, in float32."""
  weights, bias = (array.astype("f") for array in fitted.parameters())
  classifier = LinearClassifier(
    weights=weights,
    bias=bias,
    class_names=CLASS_NAMES,
    multi_label=fitted.multi_label,
    model="",
    fingerprint=np.zeros(1),
  )
  return classifier.scores(rows.astype("f")).numpy()


@pytest.mark.parametrize("classes", [(0, 1, 2, 3), (0, 1, 3), (1, 2)])
def test_the_standardisation_is_folded_into_the_weights(classes):
  rows, targets = draw_rows()
  has_row = targets[:, list(classes)].any(axis=1)
  fitted = logistic.fit(5 + rows[has_row], targets[has_row], 0.1)
  assert_close(exported_scores(fitted, 5 + rows), fitted(5 + rows), atol=1e-5)


def test_several_labels_and_one_that_all_clips_have():
  rows, targets = draw_rows()
  targets[:, 0] = targets[:, 1:3].max(axis=1)
  targets[:, 3] = 1
  fitted = logistic.fit(rows, targets, 0.1)
  assert fitted.multi_label
  assert_close(exported_scores(fitted, rows), fitted(rows), atol=1e-5)


def test_one_clip_of_each_of_many_classes_is_fitted_without_a_warning():
  embeddings = np.random.default_rng(0).standard_normal([40, 3])
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert logistic.fit(embeddings, np.eye(40), inverse_strength=1.0)(embeddings).shape == (40, 40)


def test_other_numbers_than_those_of_this_version_ask_for_another_version():
  rng = np.random.default_rng(0)
  labels = np.arange(24) % 3
  rows, others = (rng.normal(size=(count, 2000)).astype(np.float32) for count in (24, 2))
  rows[np.arange(24), labels] += 3
  others[[0, 1], [0, 1]] += 8
  scores = logistic.fit(rows, np.eye(3)[labels], 1.0)(others)
  # Before version 3 they were up to 5e-4 away: enough for two of 33 clips of a task.
  assert protocols.EVALUATION_VERSIONS["logistic"] == 3
  assert_close(scores, [[0.18489, 0.29275, 0.52235], [0.09509, 0.53753, 0.36738]], atol=5e-5)
