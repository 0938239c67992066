"""The classifier that downstream.linear keeps: its numbers are those that were judged."""

import types

import numpy as np
import pytest

from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from downstream import linear
from downstream.classifiers import logistic
from tests.downstream.test_linear import arrays, problem
from tests.support import assert_close, command, write_clips

NAMES = ["a", "b", "c", "d"]


class Model:
  """Embeds a clip as its first samples."""

  name = "runs/x"
  sample_rate_hz = 16_000
  embedder = types.SimpleNamespace(embed=lambda waves: (wave[:12] for wave in waves))


def scores(fitted, rows):
  """What an export makes of the parameters, in float32."""
  weights, bias = (array.astype("f") for array in fitted.parameters())
  parts = {"class_names": tuple(NAMES), "model": "", "fingerprint": np.zeros(1)}
  classifier = LinearClassifier(weights, bias, multi_label=fitted.several, **parts)
  return classifier.scores(rows.astype("f")).numpy()


@pytest.mark.parametrize("classes", [(0, 1, 2, 3), (0, 1, 3), (1, 2)])
def test_the_standardisation_is_folded_into_the_weights(classes):
  rows, targets = arrays()
  known = targets[:, list(classes)].any(axis=1)
  fitted = logistic.fit(5 + rows[known], targets[known], 0.1)
  assert_close(scores(fitted, 5 + rows), fitted(5 + rows), atol=1e-5)


def test_several_labels_and_one_that_all_clips_have():
  rows, targets = arrays()
  targets[:, 0] = targets[:, 1:3].max(axis=1)
  targets[:, 3] = 1
  with pytest.warns(UserWarning, match="is present in all training examples"):
    fitted = logistic.fit(rows, targets, 0.1)
  assert fitted.several
  assert_close(scores(fitted, rows), fitted(rows), atol=1e-5)


def choices(rows, targets, splits):
  """Runs the protocol on splits, each a dictionary of parts; returns what it keeps."""
  kept = []
  for parts in splits:
    linear._fit_and_score(problem(targets, **parts), np.arange(len(rows)), rows, kept.append)
  data = types.SimpleNamespace(class_names=NAMES, store=None, targets=lambda: targets)
  for number, (given, strength, fitted) in enumerate(kept):
    given = types.SimpleNamespace(**(vars(given) | {"data": data, "model": Model}))
    kept[number] = (given, strength, fitted)
  return kept


def test_of_one_split_it_is_what_was_judged(tmp_path):
  rows, targets = arrays()
  kept = choices(rows, targets, [{}])
  linear.write_classifier(str(tmp_path), kept)
  classifier = LinearClassifier.open(str(tmp_path))
  assert classifier.class_names == tuple(NAMES)
  assert (classifier.multi_label, classifier.model) == (False, "runs/x")
  assert_close(classifier.fingerprint, fingerprint(Model.embedder, 16_000))
  fitted = logistic.fit(rows[:130], targets[:130], kept[0][1])
  assert_close(classifier.scores(rows), fitted(rows), atol=1e-5)
  assert [path.name for path in tmp_path.iterdir()] == ["classifier.npz"]


def test_of_several_splits_it_is_fitted_on_all_clips_with_their_median(tmp_path, monkeypatch):
  rows, targets = arrays()
  folds = [{"train": range(0, 100)}, {"train": range(20, 100)}, {"train": range(50, 100)}]
  kept = choices(rows, targets, folds)
  kept = [(one, c, fitted) for (one, _, fitted), c in zip(kept, (1.0, 0.001, 0.01))]
  embeddings = types.SimpleNamespace(of_clips=lambda: rows)
  maker = types.SimpleNamespace(make=lambda: embeddings)
  monkeypatch.setattr(linear, "Embeddings", lambda model, store: maker)
  linear.write_classifier(str(tmp_path), kept)
  desired = logistic.fit(rows, targets, 0.01)(rows)
  assert_close(LinearClassifier.open(str(tmp_path)).scores(rows), desired, atol=1e-5)


def test_from_labels_to_a_model_that_names_sounds(tiny_run, tmp_path):
  write_clips(tmp_path / "clips", clips=10, seconds=1)
  linear_options = [f"--model={tiny_run}", "--task=folder:clips", "--store_dir=stores"]
  done = command("downstream.linear", *linear_options, "--output=mine", cwd=tmp_path)
  assert done.stdout.endswith("classifier mine/classifier.npz\n")
  found = LinearClassifier.open(str(tmp_path / "mine"))
  assert found.class_names == ("high", "low")
  options = [f"--run={tiny_run}", "--format=tflite", "--output=mine.tflite", "--classifier=mine"]
  done = command("contrastive_audio.export", *options, cwd=tmp_path)
  assert "class names: mine.labels.txt" in done.stdout
  assert (tmp_path / "mine.labels.txt").read_text() == "high\nlow\n"


@pytest.mark.parametrize(
  ("changes", "reason"),
  [
    ({"train_on": "windows"}, "only the protocol cached on clips"),
    ({"protocol": "paper"}, "only the protocol cached on clips"),
    ({"labels_per_class": ["2"]}, "few or flipped"),
    ({"label_noise": 0.1}, "few or flipped"),
    ({}, None),
  ],
)
def test_which_protocols_keep_none(changes, reason):
  values = {"protocol": "cached", "train_on": "clips", "labels_per_class": None, "label_noise": 0}
  found = linear._why_no_classifier(values | changes)
  assert found == reason or reason in found
