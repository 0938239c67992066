"""Linear evaluation as a method: a linear classifier on a frozen encoder."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from contrastive_audio.exporting.classifier import LinearClassifier, fingerprint
from downstream.cards.task_data import TaskData
from downstream.classifiers import logistic
from downstream.classifiers.nearest_neighbours import Cache
from downstream.classifiers.problem import MakeMethod, Method, Problem
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model

# Numbers of clips `[v]`, and scores `[v, C]` of each by a classifier that was not fitted on it.
HeldOut = tuple[np.ndarray, np.ndarray]


class Choice(NamedTuple):
  """What was selected and fitted on one split.

  Attributes:
    problem: the split.
    inverse_strength: the selected regularisation, C of scikit-learn.
    classifier: the final classifier.
    held_out: the clips of the folds, and how classifiers of the others score them, in the same
      order; None: there were no folds.

  Example:
    >>> Choice(None, 0.1, None).inverse_strength
    0.1
  """

  problem: Problem
  inverse_strength: float
  classifier: logistic.LogisticClassifier
  held_out: HeldOut | None = None


@dataclasses.dataclass(frozen=True)
class ClipRows:
  """Embeddings of clips: one row per clip, or one row per window of each clip.

  Attributes:
    clips: int `[n]`, the clip of each row.
    embeddings: float `[n, D]`.

  Example:
    >>> ClipRows(np.array([0, 0, 1]), np.eye(3)).select(np.array([1])).embeddings
    array([[0., 0., 1.]])
  """

  clips: np.ndarray
  embeddings: np.ndarray

  def select(self, clip_ids: np.ndarray) -> "ClipRows":
    """Returns the rows of some clips."""
    is_selected = np.isin(self.clips, clip_ids)
    return ClipRows(self.clips[is_selected], self.embeddings[is_selected])


def cached_linear_method(
  train_on: str = "clips",
  cache: Cache | None = None,
  keep: Callable[[Choice], None] | None = None,
) -> MakeMethod:
  """Returns a function that prepares the protocol `cached`, see `problem.MakeMethod`.

  Every clip is embedded once. Logistic regression is fitted on standardised embeddings; its
  regularisation is selected by the likelihood of five folds of the training clips, or of the
  validation clips if the data set has some.

  Args:
    train_on: "clips", by their embeddings, or "windows", whose predictions are averaged.
    cache: `(model, store) -> folder` of the embeddings; None: the user's cache.
    keep: called with the Choice of each split.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.choices import Condition
    >>> from downstream.encoders.models import open_model
    >>> from downstream.evaluation import evaluate
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> method = cached_linear_method()(data, model)
    >>> evaluate(method, data, model, Condition(), seed=0).score > 10  # chance
    True
  """

  def make_method(data: TaskData, model: Model) -> Method:
    windows = "covering" if train_on == "windows" else None
    embedded = Embeddings(model, data.store, cache and cache(model, data.store), windows).make()
    if train_on == "windows":
      clips, embeddings = embedded.of_windows()
    else:
      clips, embeddings = np.arange(data.store.num_clips), embedded.of_clips()
    rows = ClipRows(clips, embeddings)
    return lambda problem: _fit_and_score(problem, rows, keep)

  return make_method


def _fit_and_score(
  problem: Problem, rows: ClipRows, keep: Callable[[Choice], None] | None = None
) -> np.ndarray:
  """Selects C on folds of the training clips, fits on all of them, and scores the test clips."""
  targets, multi_label = problem.targets, problem.data.multi_label
  inverse_strength, held_out = choose_inverse_strength(rows, targets, problem.folds, multi_label)
  classifier = _fit(rows.select(problem.final_train), targets, inverse_strength, multi_label)
  if keep:
    keep(Choice(problem, inverse_strength, classifier, held_out))
  return _score_clips(classifier, problem.test, rows)


def choose_inverse_strength(
  rows: ClipRows,
  targets: np.ndarray,
  folds: Sequence[tuple[np.ndarray, np.ndarray]],
  multi_label: bool,
) -> tuple[float, HeldOut | None]:
  """Chooses the regularisation under which the folds are most likely; without folds the default.

  Likelihood tells regularisations apart where accuracy does not: with ten labels of each class, a
  fold holds two clips of a class. Clips whose class is not trained in their fold are left out.

  Args:
    rows: embeddings of clips.
    targets: `[clips, C]`.
    folds: (clips to fit on, clips to score) of each fold; empty: there is none.
    multi_label: whether clips may have several labels.

  Returns:
    (the inverse strength; how it scores the clips of the folds, see `Choice`, or None: all were
    left out).

  Example:
    >>> rows = ClipRows(np.arange(2), np.eye(2))
    >>> choose_inverse_strength(rows, np.eye(2), folds=[], multi_label=False)
    (0.1, None)
  """
  usable = [(train, _known(targets, train, held_out)) for train, held_out in folds]
  usable = [(train, held_out) for train, held_out in usable if len(held_out)]
  if not usable:
    return logistic.DEFAULT_INVERSE_STRENGTH, None
  clips = np.concatenate([held_out for _, held_out in usable])
  scores: dict[float, np.ndarray] = {}

  def likelihood(value: float) -> float:
    scores[value] = np.concatenate(
      [
        _score_clips(_fit(rows.select(train), targets, value, multi_label), held_out, rows)
        for train, held_out in usable
      ]
    )
    return logistic.log_likelihood(scores[value], targets[clips], multi_label)

  chosen = logistic.most_likely_inverse_strength(likelihood)
  return chosen, (clips, scores[chosen])


def _known(targets: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
  """Returns the held-out clips whose classes the others all have: no other score can be right."""
  unknown = targets[held_out].astype(bool) & ~targets[train].any(axis=0)
  return held_out[~unknown.any(axis=1)]


def _fit(
  rows: ClipRows, targets: np.ndarray, inverse_strength: float, multi_label: bool
) -> logistic.LogisticClassifier:
  return logistic.fit(rows.embeddings, targets[rows.clips], inverse_strength, multi_label)


def _score_clips(
  classifier: logistic.LogisticClassifier, clip_ids: np.ndarray, rows: ClipRows
) -> np.ndarray:
  """Returns probabilities `[m, C]`, averaged over the rows of each clip."""
  scored = rows.select(clip_ids)
  probabilities = classifier(scored.embeddings)
  ids, clip_of_row = np.unique(scored.clips, return_inverse=True)
  sums = np.zeros([len(ids), probabilities.shape[1]])
  np.add.at(sums, clip_of_row, probabilities)
  means = sums / np.bincount(clip_of_row)[:, None]
  return means[np.searchsorted(ids, clip_ids)]


def write_classifier(folder: str, choices: Sequence[Choice]) -> str:
  """Writes the classifier that belongs to the results of all splits, for contrastive_audio.export.

  For a task with one split, it is the classifier that was evaluated. If there are several splits,
  each of their classifiers has left out some clips: a new one is fitted on all clips, with the
  median of the regularisations that the splits selected.

  Args:
    folder: where to write it.
    choices: what was selected and fitted on each split.

  Returns:
    The path of the file.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.choices import Condition
    >>> from downstream.encoders.models import open_model
    >>> from downstream.evaluation import evaluate
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> choices = []
    >>> method = cached_linear_method(keep=choices.append)(data, model)
    >>> _ = evaluate(method, data, model, Condition(), seed=0)
    >>> write_classifier("results", choices)
    'results/classifier.npz'
  """
  problem, classifier = choices[0].problem, choices[0].classifier
  data, model = problem.data, problem.model
  if len(choices) > 1:
    candidates = sorted(choice.inverse_strength for choice in choices)
    embeddings = Embeddings(model, data.store).make().of_clips()
    median = candidates[(len(candidates) - 1) // 2]
    classifier = logistic.fit(embeddings, data.targets(), median, data.multi_label)
  weights, bias = (array.astype(np.float32) for array in classifier.parameters())
  exported = LinearClassifier(
    weights=weights,
    bias=bias,
    class_names=tuple(data.class_names),
    multi_label=classifier.multi_label,
    model=model.name,
    fingerprint=fingerprint(model.embedder, model.sample_rate_hz),
    clip_pooling=model.embedder.clip_pooling,
    **_validation(choices),
  )
  return exported.save(folder)


def num_fitted(choices: Sequence[Choice]) -> int:
  """Returns how many clips the classifier of write_classifier is fitted on.

  Args:
    choices: what was selected and fitted on each split.

  Example:
    >>> from downstream.classifiers.problem import Problem
    >>> clips = {"train": np.array([0, 3]), "validation": np.array([1]), "test": np.array([2])}
    >>> problem = Problem(None, None, **clips, targets=np.eye(4), seed=0)
    >>> num_fitted([Choice(problem, None, 1.0)])
    3
  """
  problem = choices[0].problem
  return problem.data.store.num_clips if len(choices) > 1 else len(problem.final_train)


def _validation(choices: Sequence[Choice]) -> dict[str, np.ndarray]:
  """Returns scores and targets of all clips that were held out, by the names of LinearClassifier.

  If there are several splits, the final classifier is fitted on the clips of all of them.
  """
  known = [(choice.problem.targets, choice.held_out) for choice in choices if choice.held_out]
  if not known:
    return {}
  return {
    "validation_scores": np.concatenate([scores for _, (_, scores) in known]).astype(np.float32),
    "validation_targets": np.concatenate([targets[clips] > 0 for targets, (clips, _) in known]),
  }
