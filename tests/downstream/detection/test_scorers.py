"""Scores of classes: those of the classifier, or of the nearest example."""

import numpy as np

from contrastive_audio.exporting.classifier import LinearClassifier
from downstream.detection.scorers import (
  classifier_scorer,
  example_scorer,
  labels_of_examples,
  scoring_model,
)
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import open_model
from downstream.encoders.window_store import cut_windows
from tests.support import assert_close


def cosine(a, b):
  return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_a_class_scores_as_its_most_similar_example_and_no_example_knows_itself():
  rng = np.random.default_rng(0)
  examples, rows = rng.normal(size=[6, 5]), rng.normal(size=[4, 5])
  labels = ["b", "a", "b", "c", "a", "a"]
  scorer = example_scorer(examples, labels)
  assert scorer.class_names == ("a", "b", "c")

  def desired(row, left_out=None):
    members = {name: [] for name in scorer.class_names}
    for number, (example, label) in enumerate(zip(examples, labels)):
      members[label] += [cosine(row, example)] if number != left_out else []
    return [max(similarities, default=-np.inf) for similarities in members.values()]

  assert_close(scorer.score(rows), [desired(row) for row in rows], atol=1e-6)
  known = np.array([desired(row, number) for number, row in enumerate(examples)])
  finite = np.isfinite(known)
  assert (np.isfinite(scorer.held_out.scores) == finite).all()
  assert_close(scorer.held_out.scores[finite], known[finite], atol=1e-6)
  assert scorer.held_out.targets.argmax(axis=1).tolist() == [1, 0, 1, 2, 0, 0]
  assert example_scorer(examples + 1, labels).identity != scorer.identity
  assert example_scorer(examples, labels[::-1]).identity != scorer.identity


def test_an_example_of_several_classes_is_one_of_each_in_any_order():
  examples = np.eye(4)
  scorer = example_scorer(examples, ["bell", "bell;loud", "loud;bell", "loud"])
  assert scorer.class_names == ("bell", "loud")
  assert scorer.score(examples).tolist() == [[1, 0], [1, 1], [1, 1], [0, 1]]
  assert scorer.held_out.targets.tolist() == [[1, 0], [1, 1], [1, 1], [0, 1]]
  alone = example_scorer(examples, ["bell", "bell", "bell", "loud"])
  assert scorer.identity != alone.identity


def test_of_windows_only_the_scores_of_their_embeddings_are_kept(clip_store, tmp_path):
  model = open_model("logmel_stats")
  rng = np.random.default_rng(0)
  classifier = LinearClassifier(
    weights=rng.normal(0, 0.1, [128, 3]).astype("f"),
    bias=np.zeros(3, "f"),
    class_names=("a", "b", "c"),
    multi_label=False,
    model="x",
    fingerprint=np.zeros(128, "f"),
  )
  scorer = classifier_scorer(classifier)
  windows = cut_windows(clip_store, model, hop_s=0.25)
  scores = Embeddings(scoring_model(model, scorer), windows, str(tmp_path / "s")).make().of_clips()
  embeddings = Embeddings(model, windows, str(tmp_path / "e")).make().of_clips()
  assert scores.shape == (windows.num_clips, 3)
  assert_close(scores, classifier.scores(embeddings), atol=1e-6)
  assert scorer.held_out is None
  assert scoring_model(model, scorer).identity != model.identity


def test_examples_are_named_by_their_folder_or_else_by_what_holds_them(clip_store):
  assert set(labels_of_examples(clip_store, "x")) == {"high", "low"}

  class Unlabelled:
    def labels(self):
      return [None, None]

  for name in ("/path/to/calls/", "folder:/path/to/calls", "folder:calls"):
    assert labels_of_examples(Unlabelled(), name) == ["calls", "calls"]
  assert labels_of_examples(Unlabelled(), "robin.song.wav") == ["robin.song"] * 2
