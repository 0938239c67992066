"""Embeddings -> a score of each class: by a linear classifier, or by similarity to examples.

Letters: n embeddings, D embedding, C classes.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable
from typing import cast

import numpy as np
import tensorflow as tf

from contrastive_audio.datasets import full_name
from contrastive_audio.datasets.source import LABEL_SEPARATOR
from contrastive_audio.exporting.classifier import LinearClassifier
from contrastive_audio.exporting.clip_embedder import Embedder
from contrastive_audio.monitoring.knn import normalise_rows
from contrastive_audio.store.store import Store
from downstream.encoders.models import Model


@dataclasses.dataclass(frozen=True)
class HeldOut:
  """How clips were scored by what does not know them: what thresholds are chosen by.

  Attributes:
    scores: float `[n, C]`; -inf where a class has nothing to compare with.
    targets: bool `[n, C]`.
    clips: what they are, in the plural.

  Example:
    >>> HeldOut(np.eye(2), np.eye(2) > 0, "held-out clips").clips
    'held-out clips'
  """

  scores: np.ndarray
  targets: np.ndarray
  clips: str


@dataclasses.dataclass(frozen=True)
class Scorer:
  """Scores the classes of embeddings.

  Attributes:
    class_names: C names.
    multi_label: whether each class has a score of its own; otherwise they share 1.
    score: embeddings `[n, D]` -> float32 `[n, C]`.
    identity: a text that changes whenever a score may have changed.
    held_out: scores of clips that it does not know; None: there are none.
    are_similarities: whether scores are cosine similarities, and not probabilities.

  Example:
    >>> scorer = Scorer(("cat",), True, lambda rows: rows[:, :1], identity="first")
    >>> scorer.score(np.array([[0.9, 0.2]])).tolist()
    [[0.9]]
  """

  class_names: tuple[str, ...]
  multi_label: bool
  score: Callable[[np.ndarray], np.ndarray]
  identity: str
  held_out: HeldOut | None = None
  are_similarities: bool = False


def classifier_scorer(classifier: LinearClassifier) -> Scorer:
  """Returns the probabilities of a linear classifier.

  Args:
    classifier: trained on the embeddings of the model.

  Example:
    >>> classifier = LinearClassifier(
    ...   weights=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32),
    ...   class_names=("cat", "dog"), multi_label=True, model="runs/mine",
    ...   fingerprint=np.zeros(2, np.float32),
    ... )
    >>> classifier_scorer(classifier).score(np.zeros([1, 2], np.float32)).tolist()
    [[0.5, 0.5]]
  """
  held_out = None
  if classifier.validation_scores is not None and classifier.validation_targets is not None:
    held_out = HeldOut(
      classifier.validation_scores, classifier.validation_targets > 0, "held-out clips"
    )
  return Scorer(
    class_names=classifier.class_names,
    multi_label=classifier.multi_label,
    score=lambda rows: classifier.scores(tf.constant(rows, tf.float32)).numpy(),
    identity=_digest(classifier.weights, classifier.bias),
    held_out=held_out,
  )


def example_scorer(examples: np.ndarray, labels: list[str]) -> Scorer:
  """Returns the cosine similarity to the most similar example of each class.

  Args:
    examples: embeddings of the examples, float `[n, D]`.
    labels: their classes; one that has several, joined by LABEL_SEPARATOR, is an example of each.

  Example:
    >>> scorer = example_scorer(np.array([[1.0, 0.0], [0.0, 2.0]]), ["cat", "dog"])
    >>> scorer.class_names, scorer.score(np.array([[3.0, 0.0]])).tolist()
    (('cat', 'dog'), [[1.0, 0.0]])
  """
  classes = [set(label.split(LABEL_SEPARATOR)) for label in labels]
  names = sorted(set().union(*classes))
  rows = normalise_rows(np.asarray(examples, np.float32))
  is_of_class = np.array([[name in some for some in classes] for name in names])  # [C, n]

  def nearest(similarities: np.ndarray) -> np.ndarray:
    return np.stack([similarities[:, members].max(axis=1) for members in is_of_class], axis=1)

  among_themselves = rows @ rows.T
  np.fill_diagonal(among_themselves, -np.inf)  # no example knows itself
  return Scorer(
    class_names=tuple(names),
    multi_label=True,
    score=lambda embeddings: nearest(normalise_rows(np.asarray(embeddings, np.float32)) @ rows.T),
    identity=_digest(rows, is_of_class),
    held_out=HeldOut(nearest(among_themselves), is_of_class.T, "examples"),
    are_similarities=True,
  )


def labels_of_examples(store: Store, folder: str) -> list[str]:
  """Returns the class of each example: its label, or else the name of what holds it.

  Args:
    store: the examples.
    folder: value of --queries.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> labels_of_examples(prepare(open_synthetic(clips_per_class=1), 16_000), "calls")[:2]
    ['bell', 'bird']
  """
  path = full_name(folder).partition(":")[2] or folder
  name = os.path.splitext(os.path.basename(os.path.normpath(path)))[0]
  return [label or name for label in store.labels()]


def scoring_model(model: Model, scorer: Scorer) -> Model:
  """Returns the model whose embeddings are the scores of the classes, so that only they are kept.

  Args:
    model: what embeds.
    scorer: of its embeddings.

  Example:
    >>> from downstream.encoders.models import open_model
    >>> scorer = Scorer(("loud",), True, lambda rows: rows[:, :1], identity="first")
    >>> model = scoring_model(open_model("logmel_stats"), scorer)
    >>> model.embedder.embed_batch(np.zeros([2, 16_000], np.float32)).shape
    (2, 1)
  """
  digest = hashlib.sha256(f"{model.identity} {scorer.identity}".encode()).hexdigest()
  return dataclasses.replace(
    model,
    identity=digest,
    embedding_size=len(scorer.class_names),
    embedder=cast(Embedder, _ScoringEmbedder(model, scorer)),
  )


class _ScoringEmbedder:
  """Embeds windows, and keeps their scores; as much of an Embedder as a WindowStore needs."""

  clip_pooling = "windows"

  def __init__(self, model: Model, scorer: Scorer):
    self._embedder, self._scorer = model.embedder, scorer
    self.excerpt_samples = model.embedder.excerpt_samples

  def embed_batch(self, waves: np.ndarray) -> np.ndarray:
    return self._scorer.score(self._embedder.embed_batch(waves)).astype(np.float32)


def _digest(*arrays: np.ndarray) -> str:
  digest = hashlib.sha256()
  for array in arrays:
    digest.update(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
  return digest.hexdigest()
