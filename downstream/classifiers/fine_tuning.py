"""Fine-tuning as a method: encoder and classifier are trained together on the labels of a task."""

import dataclasses
import math

import numpy as np

from contrastive_audio.distributed.hosts import Hosts
from downstream.cards.task_data import TaskData
from downstream.classifiers import excerpt_training
from downstream.classifiers.classifier import Options
from downstream.classifiers.problem import MakeMethod, Method, Problem
from downstream.encoders.models import Model

PATIENCE_STEPS = 100  # the least number of steps to wait for a better validation score


def fine_tuning_method(options: Options, hosts: Hosts | None = None) -> MakeMethod:
  """Returns a function that prepares the method, see `problem.MakeMethod`.

  Training stops early by the validation clips, after at least PATIENCE_STEPS without a better
  score: with few clips an epoch is a single step, which says nothing.

  Args:
    options: how the classifier is trained.
    hosts: hosts that share the training; None: this device alone.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.choices import Condition
    >>> from downstream.encoders.models import open_model
    >>> from downstream.evaluation import evaluate
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> method = fine_tuning_method(Options(frozen=False, patience=10))(data, model)
    >>> evaluate(method, data, model, Condition(), seed=0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'logmel_stats' cannot be trained on random excerpts: ...
  """

  def make_method(data: TaskData, model: Model) -> Method:
    task_options = dataclasses.replace(options, multi_label=data.multi_label)
    return lambda problem: _fit_and_score(problem, task_options, hosts)

  return make_method


def _fit_and_score(problem: Problem, options: Options, hosts: Hosts | None = None) -> np.ndarray:
  validation = problem.validation if len(problem.validation) else None
  # One label per class leaves no clips for validation.
  patience = None if validation is None else _patience(options, len(problem.train))
  classifier = excerpt_training.train(
    problem.model,
    problem.data.store,
    problem.train,
    problem.targets,
    dataclasses.replace(options, patience=patience),
    validation,
    problem.folder,
    hosts=hosts,
  )
  return classifier.scores(problem.data.store, problem.test)


def _patience(options: Options, num_train: int) -> int | None:
  """Returns for how many epochs to wait for a better score."""
  if options.patience is None:
    return None
  steps_per_epoch = num_train // min(options.batch_size, num_train)
  return max(options.patience, math.ceil(PATIENCE_STEPS / steps_per_epoch))
