"""Training on excerpts as a method: linear evaluation by the papers, and fine-tuning."""

import contextlib
import dataclasses
import math
import os

import numpy as np

from contrastive_audio.distributed.hosts import Hosts
from downstream.cards.task_data import TaskData
from downstream.classifiers import excerpt_training
from downstream.classifiers.classifier import Classifier
from downstream.classifiers.fine_tuned_runs import FineTunedRuns
from downstream.classifiers.linear_evaluation import ClipRows, choose_inverse_strength
from downstream.classifiers.problem import MakeMethod, Method, Problem
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model
from downstream.protocols import Options

PATIENCE_STEPS = 100  # the least number of steps to wait for a better validation score


def excerpt_method(
  options: Options, hosts: Hosts | None = None, runs: FineTunedRuns | None = None
) -> MakeMethod:
  """Returns a function that prepares the method, see `problem.MakeMethod`.

  Early stopping waits for at least PATIENCE_STEPS without a better score: with few clips an epoch
  is a single step, which says nothing.

  Args:
    options: how the classifier is trained; the metric is that of the task.
    hosts: hosts that share the training; None: this device alone.
    runs: where each trained model is kept; None: nowhere.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.choices import Condition
    >>> from downstream.encoders.models import open_model
    >>> from downstream.evaluation import evaluate
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> method = excerpt_method(Options(frozen=False))(data, model)
    >>> evaluate(method, data, model, Condition(), seed=0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'logmel_stats' cannot be trained on random excerpts: ...
  """

  def make_method(data: TaskData, model: Model) -> Method:
    task_options = dataclasses.replace(options, metric=data.task.metric)
    return lambda problem: _fit_and_score(problem, task_options, hosts or Hosts(), runs)

  return make_method


def _fit_and_score(
  problem: Problem, options: Options, hosts: Hosts, runs: FineTunedRuns | None
) -> np.ndarray:
  store = problem.data.store
  with contextlib.ExitStack() as stack:
    write = stack.enter_context(runs.claimed(problem, options)) if runs and hosts.is_chief else None
    classifier, selecting = _train(problem, options, hosts)
    if write:
      clips = problem.validation
      write(classifier, (clips, selecting.scores(store, clips)) if selecting else None)
    return classifier.scores(store, problem.test)


def _train(
  problem: Problem, options: Options, hosts: Hosts
) -> tuple[Classifier, Classifier | None]:
  """Returns the classifier, and one that has not trained on the validation clips, if there is."""
  if options.start == "linear":
    # All hosts start from the same weights, even if their processors round differently.
    chosen = _choose_inverse_strength(problem) if hosts.is_chief else 0.0
    options = dataclasses.replace(options, inverse_strength=hosts.broadcast_from_chief(chosen))
  if options.selection == "last" or not len(problem.validation):
    # One label per class leaves no clips for validation.
    return _train_on_all(problem, options, options.epochs, problem.folder, hosts), None
  return _train_and_select(problem, options, hosts)


def _train_and_select(
  problem: Problem, options: Options, hosts: Hosts
) -> tuple[Classifier, Classifier]:
  """Lets the validation clips choose the epoch, and with "refit" trains again on all clips."""
  refits = options.selection == "refit" and problem.refit
  selecting = dataclasses.replace(
    options, selection="best", patience=_patience(options, len(problem.train))
  )
  classifier = excerpt_training.train(
    problem.model,
    problem.data.store,
    problem.train,
    problem.targets,
    selecting,
    problem.validation,
    _folder(problem, "selection") if refits else problem.folder,
    hosts=hosts,
  )
  if not refits:
    return classifier, classifier
  folder = _folder(problem, "all clips")
  return _train_on_all(problem, options, classifier.best_epoch, folder, hosts), classifier


def _train_on_all(
  problem: Problem, options: Options, epochs: int, folder: str | None, hosts: Hosts
) -> Classifier:
  """Trains on all training clips for some epochs; keeps the last weights."""
  return excerpt_training.train(
    problem.model,
    problem.data.store,
    problem.final_train,
    problem.targets,
    dataclasses.replace(options, selection="last", patience=None, epochs=epochs),
    folder=folder,
    hosts=hosts,
  )


def _folder(problem: Problem, stage: str) -> str | None:
  return problem.folder and os.path.join(problem.folder, stage)


def _choose_inverse_strength(problem: Problem) -> float:
  """Lets the validation clips choose the regularisation of the start, on the given encoder."""
  store = problem.data.store
  embeddings = Embeddings(problem.model, store, windows="covering").make().of_clips()
  rows, targets = ClipRows(np.arange(store.num_clips), embeddings), problem.targets
  return choose_inverse_strength(rows, targets, problem.folds, problem.data.multi_label)[0]


def _patience(options: Options, num_train: int) -> int | None:
  """Returns for how many epochs to wait for a better score."""
  if options.patience is None:
    return None
  steps_per_epoch = num_train // min(options.batch_size, num_train)
  return max(options.patience, math.ceil(PATIENCE_STEPS / steps_per_epoch))
