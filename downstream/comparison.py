"""Is a model worth it? Linear classifiers on it and on others, by the same clips and labels."""

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Sequence

import numpy as np
import sklearn

from contrastive_audio.cli.console import line
from contrastive_audio.datasets.stretches import are_same
from contrastive_audio.errors import UserError
from contrastive_audio.utils import progress_bar
from contrastive_audio.utils.cache import cache_folder
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.kept_arrays import kept_arrays
from contrastive_audio.utils.stopping import StopRequest
from downstream import protocols
from downstream.cards.opening import open_task
from downstream.cards.task_data import TaskData
from downstream.choices import Condition
from downstream.classifiers.intervals import (
  Predictions,
  difference_interval,
  draw_scores,
  score_interval,
  units_of,
)
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.classifiers.problem import Method, Problem
from downstream.classifiers.scores import score
from downstream.comparison_files import Row, print_comparison, require_own, write_comparison
from downstream.comparison_request import ComparisonRequest
from downstream.encoders.models import Model, open_model
from downstream.evaluation import pose, predict
from downstream.task_report import print_task

Seeds = list[list[Predictions]]  # of each seed, the splits


def run_comparison(request: ComparisonRequest) -> None:
  """Does the work of downstream.worth: measures, prints, and writes.

  Args:
    request: what is compared.

  Raises:
    UserError: a model or the task cannot be opened.

  Example:
    >>> from downstream.choices import TaskChoice
    >>> run_comparison(ComparisonRequest(("no/such/run",), TaskChoice("esc50")))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=no/such/run: there is no such folder; ...
  """
  with StopRequest(in_set_up=True):
    if request.output:
      require_own(request.output, request)
    models = [open_model(name, request.seeds[0]) for name in request.models]
    data = _open_for_each_rate(request, models)
    task = data[models[0].sample_rate_hz]
    print_task(task, request.seeds[0])
    conditions = _possible(request, task, models[0])
    if request.output:
      make_folder(request.output)
    by_model = [
      _predict(model, data[model.sample_rate_hz], conditions, request.seeds) for model in models
    ]
    rows = []
    for condition, predictions in zip(conditions, zip(*by_model)):
      rows += compare(task, request.models, condition, predictions, request.seeds[0])
    print_comparison(request, task.task.metric, rows)
    if request.output:
      write_comparison(request, task.task.metric, rows)


def compare(
  data: TaskData,
  names: Sequence[str],
  condition: Condition,
  predictions: Sequence[Seeds],
  seed: int = 0,
) -> list[Row]:
  """Returns score and interval of each model, and how much better the first one is.

  Args:
    data: the task.
    names: of the models; the first is judged.
    condition: under which they were fitted.
    predictions: of each model, of each seed, the splits.
    seed: of the splits that say what is drawn.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> data = TaskData(Task("synthetic", "synthetic"), store)
    >>> right = Predictions(np.arange(20), data.targets(), data.targets())
    >>> wrong = Predictions(np.arange(20), data.targets(), 1 - data.targets())
    >>> rows = compare(data, ["mine", "other"], Condition(), [[[right]], [[wrong]]])
    >>> [(row.score, row.gain) for row in rows]
    [(100.0, None), (0.0, 100.0)]
  """
  metric = data.task.metric
  samples, num_units = draw_scores(metric, predictions, units_of(data, seed))
  means = [_mean_score(metric, seeds) for seeds in predictions]
  rows = []
  for number, (name, mean) in enumerate(zip(names, means)):
    row = Row(name, condition, mean, score_interval(samples[:, number], mean, num_units))
    if number:
      gain, differences = means[0] - mean, samples[:, 0] - samples[:, number]
      interval = difference_interval(differences, gain, num_units)
      row = dataclasses.replace(row, gain=gain, gain_interval=interval)
    rows.append(row)
  return rows


def _mean_score(metric: str, seeds: Seeds) -> float:
  """Returns the mean over seeds of the mean over splits, in %."""
  return 100 * float(
    np.mean([[score(metric, each.targets, each.scores) for each in splits] for splits in seeds])
  )


def _open_for_each_rate(request: ComparisonRequest, models: Sequence[Model]) -> dict[int, TaskData]:
  """Returns the task at the sample rate of each model; the clips have to be the same."""
  data: dict[int, TaskData] = {}
  for model in models:
    rate = model.sample_rate_hz
    if rate not in data:
      data[rate] = open_task(request.task, request.location, rate)
  first, *others = data.values()
  for other in others:
    keys = first.clips.keys, other.clips.keys
    if len(keys[0]) == len(keys[1]) and all(map(are_same, *keys)):
      continue
    if missing := set(first.clips.keys) ^ set(other.clips.keys):
      raise UserError(
        f"{first.task.name}: the clip {min(missing)!r} can be decoded at one of the sample rates "
        f"{', '.join(map(str, data))} Hz only: leave it out"
      )
    raise UserError(f"{first.task.name}: its clips have another order at another sample rate")
  return data


def _possible(request: ComparisonRequest, data: TaskData, model: Model) -> list[Condition]:
  """Returns the conditions that the task has labels for; says which it has not."""
  possible = []
  for condition in request.conditions:
    try:
      for seed in request.seeds:
        pose(data, model, condition, seed)
    except UserError as error:
      if not request.may_leave_out or condition.labels_per_class is None:
        raise
      line("left out", str(error).removeprefix("--"))
    else:
      possible.append(condition)
  return possible


def _predict(
  model: Model, data: TaskData, conditions: Sequence[Condition], seeds: Sequence[int]
) -> list[Seeds]:
  """Embeds all clips once; returns the predictions under each condition."""
  method = _kept(cached_linear_method()(data, model))
  by_condition: list[Seeds] = [[] for _ in conditions]
  with progress_bar.make(len(conditions) * len(seeds), f"fitting {model.name}", "fit") as bar:
    for (number, condition), seed in itertools.product(enumerate(conditions), seeds):
      problems = pose(data, model, condition, seed)
      by_condition[number].append(predict(method, data, problems))
      bar.update()
  return by_condition


def _kept(method: Method) -> Method:
  """Returns a method that keeps its scores in the user's cache: a call that was killed goes on."""
  folder = os.path.join(cache_folder(), "scores")
  make_folder(folder)

  def score_once(problem: Problem) -> np.ndarray:
    parts = [problem.train, problem.validation, problem.test, problem.targets]
    parts += itertools.chain.from_iterable(problem.folds)
    version = protocols.EVALUATION_VERSIONS["logistic"]
    versions = f"{version} {sklearn.__version__} {problem.data.multi_label}"
    identity = f"{problem.model.embeddings_identity} {problem.data.store.digest}"
    digest = hashlib.sha256(identity.encode())
    for part in (versions.encode(), *(np.ascontiguousarray(part).tobytes() for part in parts)):
      digest.update(hashlib.sha256(part).digest())
    name = digest.hexdigest()
    return kept_arrays(folder, "linear", name, lambda: {"scores": method(problem)})["scores"]

  return score_once
