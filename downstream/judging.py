"""What knn, linear and finetune share: a model, a task and a method -> scores of test clips.

A method is a callable `(Problem) -> float [m, C]`, a score for each test clip and class.
"""

import csv
import dataclasses
import json
import os
import time

import numpy as np
import tqdm
from absl import flags

from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder
from downstream import plots, tasks
from downstream.cards import split_rules
from downstream.classifiers import scores
from downstream.encoders import models
from downstream.encoders.embedding_parts import Embeddings


@dataclasses.dataclass(frozen=True)
class Problem:
  """One split of a task, as a method gets it.

  Attributes:
    data: tasks.TaskData.
    model: models.Model.
    train: int `[n]`, clips to fit on.
    validation: int `[v]`, clips to choose by; may be empty.
    test: int `[m]`, clips to score.
    targets: float32 `[clips of the data set, C]`; training labels may be flipped, test labels not.
    seed: int.
    folder: where the method may keep its state, or None.
    refit: whether the validation clips train, too, once something has been chosen by them.
  """

  data: tasks.TaskData
  model: models.Model
  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray
  targets: np.ndarray
  seed: int
  folder: str | None
  refit: bool = True

  @property
  def fitted_and_chosen(self):
    """What trains once all is chosen: the validation part, too, unless it is for nothing else."""
    if not self.refit:
      return self.train
    return np.sort(np.concatenate([self.train, self.validation]))


@dataclasses.dataclass(frozen=True)
class Condition:
  """How much of the training labels a method gets to see.

  Attributes:
    labels_per_class: how many training clips of each class; None: all.
    label_noise: share of training labels that are flipped to another class.
  """

  labels_per_class: int | None = None
  label_noise: float = 0.0

  @property
  def name(self):
    """For people and file names."""
    few = f"{self.labels_per_class} per class" if self.labels_per_class else "all labels"
    return few + (f", {100 * self.label_noise:g} % flipped" if self.label_noise else "")


def judge(method, data, model, condition, seed, folder=None):
  """Runs a method on all splits of a task.

  Args:
    method: see above.
    data: tasks.TaskData.
    model: models.Model.
    condition: a Condition.
    seed: int.
    folder: where the method may keep its state, or None.

  Returns:
    A dictionary: `score` (in %, the mean over the splits), `scores` (of each split), counts,
    `seconds`, and `predictions`: (clip number, scores `[C]`) of every tested clip.
  """
  started_s = time.perf_counter()
  by_split, predictions = {}, []
  true = data.targets()
  problems = [_problem(data, model, split, condition, seed, folder) for split in data.splits(seed)]
  for split, problem in zip(data.splits(seed), problems):
    predicted = method(problem)
    by_split[split.name] = 100 * scores.score(data.task.metric, true[problem.test], predicted)
    predictions += zip(problem.test.tolist(), predicted)
  return {
    "score": float(np.mean(list(by_split.values()))),
    "scores": by_split,
    "num_train": len(problems[0].fitted_and_chosen),
    "num_test": len(problems[0].test),
    "seconds": time.perf_counter() - started_s,
    "predictions": predictions,
  }


def _problem(data, model, split, condition, seed, folder):
  labels, train, validation = data.clips.labels, split.train, split.validation
  refit = split.refit or bool(condition.labels_per_class)  # then it is cut from the few
  if condition.labels_per_class:
    _require_single_label(data, "--labels_per_class")
    train, validation = (
      split_rules.few_labels(train, labels, condition.labels_per_class, seed),
      None,
    )
  if condition.label_noise:
    _require_single_label(data, "--label_noise")
    everything = train if validation is None else np.concatenate([train, validation])
    labels = split_rules.flip_labels(everything, labels, condition.label_noise, seed)
  if validation is None:
    train, validation = split_rules.validation_part(split, train, data.strata(), seed)
  folder = folder and os.path.join(folder, "".join(c if c.isalnum() else "_" for c in split.name))
  targets = data.targets(labels)
  return Problem(data, model, train, validation, split.test, targets, seed, folder, refit)


def _require_single_label(data, flag):
  if data.multi_label:
    raise UserError(f"{flag}: the clips of {data.task.name} have several labels; it needs one each")


def define_flags():
  """Defines the flags that knn, linear and finetune have in common."""
  flags.DEFINE_string("model", None, "Run folder, SavedModel, or baseline.", required=True)
  flags.DEFINE_string("task", None, "Card, folder:PATH, or data set.", required=True)
  flags.DEFINE_integer("seed", 0, "Seed of splits, labels and weights.", lower_bound=0)
  flags.DEFINE_list("labels_per_class", None, "Training clips of each class, as 1,5,10.")
  flags.DEFINE_float("label_noise", 0.0, "Share of training labels to be flipped.", 0.0, 1.0)
  flags.DEFINE_string("output", None, "Folder for results, predictions and plots.")
  tasks.define_flags()


def run(name, make_method, flag_values, show_embeddings=True, writes=True):
  """What `main` of a judging command does.

  Args:
    name: of the method.
    make_method: a callable `(data, model) -> method`.
    flag_values: dictionary of the flags of `define_flags`.
    show_embeddings: whether the method judges the embeddings as they are, so that a map of them
      belongs to its plots.
    writes: whether this process writes results; of several hosts one does.
  """
  conditions = _conditions(flag_values)
  model = models.open_model(flag_values["model"], flag_values["seed"])
  data = tasks.open_task(flag_values["task"], model.sample_rate_hz, flag_values)
  describe(data, flag_values["seed"])
  started_s, results = time.perf_counter(), []
  method = make_method(data, model)
  embedding_s = time.perf_counter() - started_s
  for condition in conditions:
    folder = flag_values["output"] and os.path.join(flag_values["output"], "state", condition.name)
    result = judge(method, data, model, condition, flag_values["seed"], folder)
    tqdm.tqdm.write(_line(name, data, condition, result))
    results.append((condition, result))
  if flag_values["output"] and writes:
    content = {"task": data.task.name, "metric": data.task.metric, "method": name}
    content |= {"model": model.name, "identity": model.identity, "seed": flag_values["seed"]}
    write(flag_values["output"], content | {"embedding_s": embedding_s}, data, results)
    if show_embeddings and not data.multi_label:
      _draw_map(flag_values["output"], data, model, flag_values["seed"])
    print(f"results    {flag_values['output']} (result.json, predictions.csv, plots)")


def describe(data, seed):
  """Prints what the task is."""
  split = data.splits(seed)[0]
  count = len(data.splits(seed))
  print(
    f"task       {data.task.name}: {data.store.num_clips} clips, {len(data.class_names)} classes, "
    f"{len(split.train)} train and {len(split.test)} test"
    + ("" if split.validation is None else f", {len(split.validation)} validation")
    + (f", the first of {count} splits" if count > 1 else ""),
    flush=True,
  )


def write(folder, content, data, results):
  """Writes result.json and, of the first condition, predictions.csv and plots.

  Args:
    folder: where to.
    content: dictionary, how it was judged.
    data: tasks.TaskData.
    results: list of (Condition, result of `judge`).
  """
  make_folder(os.path.join(folder, "plots"))
  numbers = [
    dataclasses.asdict(condition) | {k: v for k, v in result.items() if k != "predictions"}
    for condition, result in results
  ]
  with open(os.path.join(folder, "result.json"), "w", encoding="utf-8") as file:
    json.dump(content | {"results": numbers}, file, indent=2)
  clip_ids, predicted = zip(*results[0][1]["predictions"])
  _write_predictions(os.path.join(folder, "predictions.csv"), data, clip_ids, np.stack(predicted))
  if not data.multi_label:
    _draw(os.path.join(folder, "plots"), content["method"], data, clip_ids, np.stack(predicted))


def _draw_map(folder, data, model, seed):
  """Draws the test clips of the first split by their embeddings, which are there already."""
  test = data.splits(seed)[0].test
  if len(test) < plots.FEWEST_MAP_CLIPS:
    print(f"no map     of {len(test)} test clips: it needs {plots.FEWEST_MAP_CLIPS}")
    return
  rows = Embeddings(model, data.store).make().of_clips()[test]
  labels = [data.clips.labels[i] for i in test]
  path = os.path.join(folder, "plots", "embedding_map.png")
  plots.embedding_map(path, rows, labels, f"{data.task.name}, test clips", seed)


def _write_predictions(path, data, clip_ids, predicted):
  with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["file", "label", "predicted", *data.class_names])
    for clip_id, row in zip(clip_ids, predicted):
      best = data.class_names[int(row.argmax())]
      numbers = [f"{value:.5g}" for value in row]
      writer.writerow([data.clips.keys[clip_id], data.clips.labels[clip_id], best, *numbers])


def _draw(folder, name, data, clip_ids, predicted):
  labels = [data.clips.labels[i] for i in clip_ids]
  best = [data.class_names[c] for c in predicted.argmax(axis=1)]
  title = f"{data.task.name}, {name}"
  plots.confusion_matrix(os.path.join(folder, "confusion_matrix.png"), labels, best, title)
  plots.per_class_accuracy(os.path.join(folder, "per_class.png"), labels, best, title)


def _conditions(flag_values):
  noise = flag_values["label_noise"]
  counts = flag_values["labels_per_class"] or [None]
  try:
    counts = [None if count in (None, "all") else int(count) for count in counts]
  except ValueError:
    counts = [0]
  if any(count is not None and count < 1 for count in counts):
    given = ",".join(flag_values["labels_per_class"])
    raise UserError(f"--labels_per_class={given}: write numbers from 1 on, or all: 1,5,10,all")
  return [Condition(count, noise) for count in counts]


def _line(name, data, condition, result):
  spread = ""
  if len(result["scores"]) > 1:
    spread = f" (mean of {len(result['scores'])} splits, {min(result['scores'].values()):.1f} to "
    spread += f"{max(result['scores'].values()):.1f})"
  return (
    f"{name:<10} {data.task.name}, {condition.name}: {data.task.metric} {result['score']:.1f} %"
    f"{spread}, {result['seconds']:.1f} s"
  )
