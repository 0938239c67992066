"""Model, task and method -> scores of the test clips; what knn, linear and finetune share."""

import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import tqdm

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.stopping import StopRequest
from contrastive_audio.utils.words import counted, one_line
from downstream.cards.opening import open_task
from downstream.cards.splits import Split, cut_validation, validation_folds
from downstream.cards.task_data import TaskData
from downstream.cards.training_labels import draw_few_labels, flip_labels
from downstream.choices import Condition, EvaluationRequest
from downstream.classifiers.intervals import Predictions, draw_scores, score_interval, units_of
from downstream.classifiers.problem import MakeMethod, Method, Problem, file_name
from downstream.classifiers.scores import score
from downstream.encoders.models import Model, open_model
from downstream.evaluation_files import Result, Setup, draw_map, require_own_results, write_results
from downstream.task_report import print_task

# Above this, a fifth of the clips chooses as well as five fifths do, five times as fast.
_FOLDED_CLIPS_MAX = 1000


def evaluate(
  method: Method,
  data: TaskData,
  model: Model,
  condition: Condition,
  seed: int,
  folder: str | None = None,
) -> Result:
  """Runs a method on all splits of a task.

  Args:
    method: `(Problem) -> float [m, C]`, a score for each test clip and class.
    data: the task with its clips.
    model: what embeds them.
    condition: how many training labels are seen.
    seed: of splits, labels and weights.
    folder: where the method may keep its state, or None.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.classifiers.nearest_neighbours import knn_method
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> result = evaluate(knn_method()(data, model), data, model, Condition(), seed=0)
    >>> result.num_train, result.num_test
    (40, 10)
  """
  started_s = time.perf_counter()
  problems = pose(data, model, condition, seed, folder)
  tested = predict(method, data, problems)
  metric = data.task.metric
  scores = {
    problem.split: 100 * score(metric, split.targets, split.scores)
    for problem, split in zip(problems, tested)
  }
  seconds, mean = time.perf_counter() - started_s, float(np.mean(list(scores.values())))
  units = units_of(data, seed)
  samples, num_units = draw_scores(metric, [[tested]], units)
  return Result(
    score=mean,
    scores=scores,
    num_train=len(problems[0].final_train),
    num_test=len(problems[0].test),
    seconds=seconds,
    interval=score_interval(samples[:, 0], mean, num_units),
    drawn=counted(num_units, units.kind),
    predictions=tested,
  )


def predict(method: Method, data: TaskData, problems: Sequence[Problem]) -> list[Predictions]:
  """Returns how a method scores the test clips of each split.

  Args:
    method: see `evaluate`.
    data: the task.
    problems: its splits, see `pose`.

  Example:
    >>> predict(lambda problem: None, None, problems=[])
    []
  """
  return [
    Predictions(problem.test, data.targets()[problem.test], np.asarray(method(problem)))
    for problem in problems
  ]


def pose(
  data: TaskData,
  model: Model,
  condition: Condition,
  seed: int,
  folder: str | None = None,
) -> list[Problem]:
  """Returns a problem for each split of a task; quick, embeds nothing.

  Args:
    data: see `evaluate`.
    model: see `evaluate`.
    condition: see `evaluate`.
    seed: see `evaluate`.
    folder: see `evaluate`.

  Raises:
    UserError: the task does not have the labels that the condition needs.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> pose(data, model, Condition(labels_per_class=9), seed=0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --labels_per_class=9: the class 'bell' has 4 training clips
  """
  return [_problem(data, model, split, condition, seed, folder) for split in data.splits(seed)]


def _problem(
  data: TaskData, model: Model, split: Split, condition: Condition, seed: int, folder: str | None
) -> Problem:
  """Applies the condition to a split, and cuts the validation clips unless the split has some."""
  labels, train, validation = data.clips.labels, split.train, split.validation
  # Few clips always need their own validation clips, which then belong to the few.
  refit = split.refit or bool(condition.labels_per_class)
  if condition.labels_per_class:
    train = draw_few_labels(train, data.classes(), condition.labels_per_class, seed)
    validation = None
  if condition.label_noise:
    if data.multi_label:
      raise UserError(
        f"--label_noise: the clips of {data.task.name} have several labels; it needs one each"
      )
    labelled = train if validation is None else np.concatenate([train, validation])
    labels = flip_labels(labelled, labels, condition.label_noise, seed)
  if validation is None:
    folds = _folds(data, split, train, seed)
    train, validation = cut_validation(split, train, data.strata(), seed)
  else:
    folds = [(train, validation)]
  return Problem(
    data=data,
    model=model,
    train=train,
    validation=validation,
    test=split.test,
    targets=data.targets(labels),
    seed=seed,
    folder=folder and os.path.join(folder, file_name(split.name)),
    refit=refit,
    folds=folds,
    condition=condition,
    split=split.name,
  )


def _folds(
  data: TaskData, split: Split, train: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Returns the folds that choose a regularisation; of many clips one fold is enough."""
  folds = validation_folds(split, train, data.strata(), seed)
  return folds[:1] if len(train) > _FOLDED_CLIPS_MAX else folds


def run_evaluation(
  request: EvaluationRequest,
  method_name: str,
  make_method: MakeMethod,
  show_embeddings: bool = True,
  writes: bool = True,
  options: Mapping[str, Any] = MappingProxyType({}),
) -> None:
  """Does the work of an evaluating command: opens model and task, evaluates, prints and writes.

  Args:
    request: what is evaluated, and under which conditions.
    method_name: human-readable.
    make_method: `(data, model) -> method`.
    show_embeddings: whether to draw a map of the embeddings; of no use if the method changes them.
    writes: whether this process writes results; if there are several hosts, only one does.
    options: of the method, for its results; without a seed, which `request` has.

  Raises:
    UserError: the model or the task cannot be opened.

  Example:
    >>> from downstream.choices import TaskChoice
    >>> request = EvaluationRequest("no/such/run", TaskChoice("esc50"))
    >>> run_evaluation(request, "kNN", lambda data, model: None)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=no/such/run: there is no such folder; ...
  """
  with StopRequest(in_set_up=True):  # a training keeps its finished epochs
    _run(request, method_name, make_method, show_embeddings, writes, options)


def _run(
  request: EvaluationRequest,
  method_name: str,
  make_method: MakeMethod,
  show_embeddings: bool,
  writes: bool,
  options: Mapping[str, Any],
) -> None:
  model = open_model(request.model, request.seed, request.clip_pooling)
  data = open_task(request.task, request.location, model.sample_rate_hz)
  print_task(data, request.seed)
  # Methods that train on excerpts score clips by averages over windows, whatever the model has.
  clip_pooling = model.embedder.clip_pooling if show_embeddings else "windows"
  setup = Setup(method_name, model.name, model.identity, request.seed, 0.0, clip_pooling)
  setup = dataclasses.replace(setup, options=json.loads(json.dumps(dict(options))))  # has lists
  if request.output:
    require_own_results(request.output, setup, data.task.name)
  for condition in request.conditions:  # what is asked for in vain is said before all work
    pose(data, model, condition, request.seed)
  if request.output:
    make_folder(request.output)
  started_s = time.perf_counter()
  method = make_method(data, model)
  setup = dataclasses.replace(setup, embedding_s=time.perf_counter() - started_s)
  results = []
  for condition in request.conditions:
    folder = request.output and os.path.join(request.output, "state", condition.name)
    result = evaluate(method, data, model, condition, request.seed, folder)
    tqdm.tqdm.write(one_line(_result_line(method_name, data, condition, result)))
    results.append((condition, result))
    if request.output and writes:  # at once: the next condition may be interrupted
      write_results(request.output, setup, data, results)
  if request.output and writes:
    if show_embeddings and not data.multi_label:
      draw_map(request.output, data, model, request.seed)
    line("results", f"{request.output} (result.json, predictions.csv, plots)")


def _result_line(name: str, data: TaskData, condition: Condition, result: Result) -> str:
  low, high = result.interval
  spread = f"95 % interval {low:.1f} to {high:.1f}, by {result.drawn}"
  if len(result.scores) > 1:
    spread += f"; {len(result.scores)} splits, {min(result.scores.values()):.1f} to "
    spread += f"{max(result.scores.values()):.1f}"
  return (
    f"{name:<10} {data.task.name}, {condition.name}: {data.task.metric} {result.score:.1f} % "
    f"({spread}), {result.seconds:.1f} s"
  )
