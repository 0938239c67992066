"""The result of an evaluation, and its files: result.json, predictions.csv and plots."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from contrastive_audio.cli.console import line
from contrastive_audio.datasets.stretches import recording_of, span_of
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring.confusion import confusion_matrix
from contrastive_audio.utils.files import make_folder, read_json, remove_file, write_json
from contrastive_audio.utils.spreadsheets import write_csv
from downstream import embedding_map, plots
from downstream.cards.task_data import TaskData
from downstream.choices import Condition
from downstream.classifiers.intervals import Predictions
from downstream.classifiers.problem import file_name
from downstream.classifiers.scores import predicted_label
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model


@dataclasses.dataclass(frozen=True)
class Result:
  """The result of one method under one condition.

  Attributes:
    score: in %, the mean over the splits.
    scores: in %, of each split by its name.
    num_train: number of training clips of the first split, with those held out to choose by.
    num_test: number of test clips of the first split.
    seconds: how long it took.
    interval: in %, the limits of the 95 % interval of the score, see classifiers.intervals.
    drawn: how many of what was drawn for it, human-readable.
    predictions: the scores of every test clip, split by split.

  Example:
    >>> result = Result(
    ...   50.0, {"given": 50.0}, num_train=8, num_test=2, seconds=0.1, interval=(9.5, 90.5),
    ...   drawn="2 clips",
    ... )
    >>> result.numbers()["interval"]
    (9.5, 90.5)
  """

  score: float
  scores: dict[str, float]
  num_train: int
  num_test: int
  seconds: float
  interval: tuple[float, float]
  drawn: str
  predictions: list[Predictions] = dataclasses.field(default_factory=list, repr=False)

  def numbers(self) -> dict[str, Any]:
    """Returns everything except the predictions, in JSON types."""
    fields = (field.name for field in dataclasses.fields(self) if field.name != "predictions")
    return {name: getattr(self, name) for name in fields}


@dataclasses.dataclass(frozen=True)
class Setup:
  """How something was evaluated.

  Attributes:
    method: name of the method.
    model: name of the model.
    identity: hex digest of everything that its embeddings depend on.
    seed: of splits, labels and weights.
    embedding_s: how long it took to prepare the method, in seconds.
    clip_pooling: one of configuration.CLIP_POOLINGS, how the embedding of a clip is made.
    options: of the method, in JSON types.

  Example:
    >>> Setup("kNN", "runs/mine", identity="3f2a", seed=0).method
    'kNN'
  """

  method: str
  model: str
  identity: str
  seed: int
  embedding_s: float = 0.0
  clip_pooling: str = "windows"
  options: dict[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def choices(self) -> dict[str, Any]:
    """What may differ between evaluations by one method, by its name."""
    return {"clip_pooling": self.clip_pooling} | self.options


def write_results(
  folder: str, setup: Setup, data: TaskData, results: Sequence[tuple[Condition, Result]]
) -> None:
  """Writes result.json, and predictions.csv and plots of the last result.

  Call it after each result, with all that there are. After the first one, the names of predictions
  and plots end in the condition.

  Args:
    folder: created unless it exists.
    setup: how the task was evaluated.
    data: the task.
    results: the result under each condition.

  Example:
    >>> import numpy as np
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> data = TaskData(
    ...   Task("synthetic", "synthetic"), prepare(open_synthetic(clips_per_class=5), 16_000)
    ... )
    >>> tested = Predictions(np.array([0]), np.eye(10)[:1], np.eye(10)[:1])
    >>> result = Result(100.0, {"given": 100.0}, 8, 1, 0.1, (20.7, 100.0), "1 clips", [tested])
    >>> setup = Setup("kNN", "runs/mine", identity="3f2a", seed=0)
    >>> write_results("results", setup, data, [(Condition(), result)])
    >>> sorted(os.listdir("results"))
    ['plots', 'predictions.csv', 'result.json']
  """
  plots_folder = os.path.join(folder, "plots")
  make_folder(plots_folder)
  content: dict[str, Any] = {"task": data.task.name, "metric": data.task.metric}
  store = data.store
  content |= {"clips": store.num_clips, "skipped": store.num_skipped, "missing": store.num_missing}
  content["untested"] = data.untested(setup.seed)
  content["divided_groups"], _ = data.divided_groups(setup.seed)
  content["overlapping"], _ = data.num_shared(setup.seed)
  content |= dataclasses.asdict(setup)
  content["results"] = [
    dataclasses.asdict(condition) | result.numbers() for condition, result in results
  ]
  if len(results) == 1:
    _remove_earlier(folder)
  write_json(os.path.join(folder, "result.json"), content)
  condition, last = results[-1]
  ending = f"-{file_name(condition.name)}" if len(results) > 1 else ""
  _write_predictions(os.path.join(folder, f"predictions{ending}.csv"), data, last)
  _draw(plots_folder, ending, setup, data, condition, last)


def _remove_earlier(folder: str) -> None:
  """Removes what an earlier call has written about its conditions, which this one may not have."""
  remove_file(os.path.join(folder, "plots", "embedding_map.png"))
  for ending in ("", *_earlier_endings(folder)):
    remove_file(os.path.join(folder, f"predictions{ending}.csv"))
    for name in ("confusion_matrix", "per_class"):
      remove_file(os.path.join(folder, "plots", f"{name}{ending}.png"))


def _earlier_endings(folder: str) -> list[str]:
  """Returns what names of files in a folder end in, one for each of its conditions."""
  names = [field.name for field in dataclasses.fields(Condition)]
  with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none yet, or damaged
    earlier = read_json(os.path.join(folder, "result.json"))["results"]
    conditions = [Condition(**{name: row[name] for name in names}) for row in earlier]
    return [f"-{file_name(condition.name)}" for condition in conditions]
  return []


def require_own_results(folder: str, setup: Setup, task: str) -> None:
  """Raises an error if a folder holds the results of another method, model, task or option.

  Args:
    folder: value of --output.
    setup: what is about to be evaluated.
    task: name of the task.

  Raises:
    UserError: what the folder holds.

  Example:
    >>> write_json("result.json", {"task": "esc50", "method": "kNN", "model": "runs/mine"})
    >>> require_own_results(".", Setup("kNN", "runs/other", identity="3f2a", seed=0), "esc50")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --output=. holds the results of kNN with runs/mine on ...
  """
  path = os.path.join(folder, "result.json")
  if not os.path.exists(path):
    return
  content: Any = None
  with contextlib.suppress(OSError, ValueError):
    content = read_json(path)
  if not isinstance(content, dict):
    line("damaged", f"{path}: written again")
    return
  method, model, old_task = (content.get(name) for name in ("method", "model", "task"))
  if (method, model, old_task) != (setup.method, setup.model, task):
    raise UserError(
      f"--output={folder} holds the results of {method} with {model} on {old_task}: choose another "
      "folder, or delete it"
    )
  old_choices = {"clip_pooling": content.get("clip_pooling", "windows")}
  old_choices |= content.get("options") or {}  # results of early versions do not have them
  for name, new in setup.choices.items():
    if (old := old_choices.get(name, new)) != new:
      raise UserError(
        f"--output={folder} holds results with {name}={old}, and these would have {new}: choose "
        "another folder, or delete it"
      )


def draw_map(folder: str, data: TaskData, model: Model, seed: int) -> None:
  """Draws a map of the embeddings of the test clips of the first split.

  Args:
    folder: of the results; the map goes into its folder `plots`.
    data: the task.
    model: what embeds the clips; embeddings that are in the user's cache are not computed again.
    seed: of the split, and of the map.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.encoders.models import open_model
    >>> data = TaskData(
    ...   Task("synthetic", "synthetic"), prepare(open_synthetic(clips_per_class=2), 16_000)
    ... )
    >>> os.makedirs("results/plots")
    >>> draw_map("results", data, open_model("logmel_stats"), seed=0)
    >>> os.listdir("results/plots")
    ['embedding_map.png']
  """
  test = data.splits(seed)[0].test
  if len(test) < embedding_map.FEWEST_MAP_CLIPS:
    line("no map", f"of {len(test)} test clips: it needs {embedding_map.FEWEST_MAP_CLIPS}")
    return
  embeddings = Embeddings(model, data.store).make().of_clips()[test]
  labels = [data.clips.labels[clip_id] for clip_id in test]
  path = os.path.join(folder, "plots", "embedding_map.png")
  title = plots.heading(data.task.name, model.name, seed, score=f"{len(test):,} test clips")
  embedding_map.embedding_map(path, embeddings, labels, title, seed)


def _write_predictions(path: str, data: TaskData, result: Result) -> None:
  names = list(result.scores) if len(result.scores) > 1 else []
  tested = [data.clips.keys[clip_id] for part in result.predictions for clip_id in part.clips]
  has_times = any(map(span_of, tested))
  head = ["file", *(["start_s", "end_s"] if has_times else []), *(["split"] if names else [])]
  rows: list[list[object]] = [[*head, "label", "predicted", *data.class_names]]
  for number, part in enumerate(result.predictions):
    for clip_id, scores in zip(part.clips, part.scores):
      key, label = data.clips.keys[clip_id], data.clips.labels[clip_id]
      place = [recording_of(key), *(span_of(key) or ("", ""))] if has_times else [key]
      predicted = predicted_label(scores, data.class_names, data.multi_label)
      texts = [f"{value:.5g}" for value in scores]
      rows.append([*place, *names[number : number + 1], label, predicted, *texts])
  write_csv(path, rows)


def _draw(
  folder: str, ending: str, setup: Setup, data: TaskData, condition: Condition, result: Result
) -> None:
  """Draws the classes of one result; `ending` is that of the names of its files."""
  metric, parts = data.task.metric, result.predictions
  found, how = f"{metric} {result.score:.1f} %", f"{setup.method}, {condition.name}"
  title = plots.heading(data.task.name, setup.model, setup.seed, how, found, result.interval)
  by_class = os.path.join(folder, f"per_class{ending}.png")
  # Of the mean over classes, which is not the accuracy, nor a score that is a mean over splits.
  of_mean = None if metric == "accuracy" or len(parts) > 1 else result.interval
  if data.multi_label:
    scored = [(part.targets, part.scores) for part in parts]
    plots.per_class_average_precision(by_class, data.class_names, scored, title, of_mean)
    return
  labels = [data.clips.labels[clip_id] for part in parts for clip_id in part.clips]
  predicted = [data.class_names[n] for part in parts for n in part.scores.argmax(axis=1)]
  confusion_matrix(os.path.join(folder, f"confusion_matrix{ending}.png"), labels, predicted, title)
  plots.per_class_accuracy(by_class, labels, predicted, title, of_mean)
