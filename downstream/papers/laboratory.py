"""Pre-trainings and measurements, each done once and kept in a folder.

runs/           a run folder per pre-training and seed
results/        a JSON file per measurement
training/       the state of an unfinished fine-tuning
embeddings/     see embedding_parts.Embeddings
keys-*.txt      the clips of pre-training
"""

import dataclasses
import math
import os
import shutil
from collections.abc import Callable
from typing import Any

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import digest_of_file, make_folder, write_json
from downstream.cards.opening import open_task, require_data
from downstream.cards.task_data import TaskData
from downstream.choices import TaskChoice
from downstream.classifiers.classifier import Options
from downstream.classifiers.fine_tuning import fine_tuning_method
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.classifiers.nearest_neighbours import knn_method
from downstream.classifiers.problem import MakeMethod
from downstream.encoders.models import Model, open_model
from downstream.evaluation import evaluate
from downstream.evaluation_files import Result
from downstream.papers import result_files
from downstream.papers.measurement import LaboratoryRequest, Measurement, Pretraining
from downstream.papers.obstacles import Obstacles, TaskUnusable
from downstream.papers.pretrainings import Pretrainings

# Name of a method -> `(laboratory, seed) -> MakeMethod`.
METHODS: dict[str, Callable[["Laboratory", int], MakeMethod]] = {
  "linear": lambda laboratory, _: cached_linear_method(cache=laboratory.embeddings_folder),
  "knn": lambda laboratory, _: knn_method(cache=laboratory.embeddings_folder),
  "knn_patches": lambda laboratory, _: knn_method("patches", cache=laboratory.embeddings_folder),
  "finetune": lambda laboratory, seed: laboratory.fine_tuning(seed),
  # A tenth of the learning rate, as mix-back's released configuration fine-tunes.
  "finetune_slowly": lambda laboratory, seed: laboratory.fine_tuning(seed, learning_rate=1e-4),
  "finetune_from_linear": lambda laboratory, seed: laboratory.fine_tuning(
    seed, learning_rate=1e-4, start="linear", batchnorm="fixed"
  ),
}


class Laboratory:
  """A folder of pre-trainings and results.

  Attributes:
    folder: where everything is kept.

  Example:
    >>> laboratory = Laboratory(LaboratoryRequest("tables"))
    >>> sorted(os.listdir(laboratory.folder))
    ['embeddings', 'results', 'runs']
  """

  def __init__(self, request: LaboratoryRequest):
    """Creates the folder unless it exists.

    Args:
      request: where it works, on which data, with which budget.
    """
    self.folder, self._request = request.folder, request
    self._pretrainings = Pretrainings(request, self._open_task)
    self._opened: dict[tuple, Any] = {}  # models and tasks are used several times in a row
    self._obstacles = Obstacles()
    for name in ("runs", "results", "embeddings"):
      make_folder(os.path.join(self.folder, name))

  def measure(self, measurement: Measurement, seed: int) -> float:
    """Returns a score, measured now or earlier.

    Args:
      measurement: what is measured.
      seed: of the pre-training, the split and the classifier.

    Returns:
      The score in %. In the suite "papers", NaN if data is missing, which is reported once.

    Raises:
      UserError: something cannot be measured.
    """
    path, settings = self._result_file(measurement, seed)
    if (score := result_files.read_score(path, settings)) is not None:
      return score
    if self._request.suite != "papers":
      return self._measure(measurement, seed)
    if self._is_blocked(measurement, seed):
      return math.nan
    try:
      return self._measure(measurement, seed)
    except TaskUnusable as error:
      self._obstacles.add(measurement.task, str(error))
      return math.nan

  def model(self, model: Pretraining | str, seed: int) -> str:
    """Returns a model as `--model` takes it, and pre-trains it if necessary."""
    return self._pretrainings.make(model, seed)

  def embeddings_folder(self, model: Model, store: Store) -> str:
    """Returns where the embeddings of a model on a store are kept."""
    name = f"{model.identity[:16]}-{store.digest[:16]}"
    return os.path.join(self.folder, "embeddings", name)

  def fine_tuning(self, seed: int, **options: Any) -> MakeMethod:
    """Returns the method of fine-tuning, within the budget of the laboratory.

    Args:
      seed: of the classifier.
      **options: fields of classifier.Options.
    """
    defaults = {"epochs": self._request.epochs, "patience": 10, "seed": seed}
    return fine_tuning_method(Options(frozen=False, **(defaults | options)))

  def _measure(self, measurement: Measurement, seed: int) -> float:
    model = self.model(measurement.model, seed)
    path, settings = self._result_file(measurement, seed)
    state = os.path.join(self.folder, "training", os.path.basename(path).removesuffix(".json"))
    result = self._evaluate(measurement, model, seed, state)
    write_json(path, settings | {"result": result.numbers()})
    shutil.rmtree(state, ignore_errors=True)
    line("measured", f"{measurement.method} {measurement.task} {model}: {result.score:.1f} %")
    return result.score

  def _result_file(self, measurement: Measurement, seed: int) -> tuple[str, dict[str, Any]]:
    """Returns the path of the result file and everything that the result depends on."""
    model = self._pretrainings.name_of(measurement.model, seed)
    settings = dataclasses.asdict(measurement) | {"model": model, "seed": seed}
    if measurement.method.startswith("finetune"):
      settings["epochs"] = self._request.epochs
    settings["weights"] = _digest_of_weights(model)
    return os.path.join(self.folder, "results", result_files.file_name(settings)), settings

  def _is_blocked(self, measurement: Measurement, seed: int) -> bool:
    """Whether data is missing: that of the task, or that of a pre-training still to be done."""
    task, model = self._task_choice(measurement.task), measurement.model
    if self._obstacles.blocks(task.name, lambda: require_data(task, self._request.location)):
      return True
    if isinstance(model, str) or self._pretrainings.is_trained(model, seed):
      return False
    name = f"pre-training of {model.system}"
    return self._obstacles.blocks(name, lambda: self._pretrainings.require_data(model))

  def _evaluate(self, measurement: Measurement, name: str, seed: int, state: str) -> Result:
    model = self._open(("model", name, seed), lambda: open_model(name, seed))
    data = self._usable_task(measurement.task, model.sample_rate_hz, seed)
    method = METHODS[measurement.method](self, seed)(data, model)
    return evaluate(method, data, model, measurement.condition, seed, state)

  def _usable_task(self, task: str, sample_rate_hz: int, seed: int) -> TaskData:
    try:
      data = self._open_task(task, sample_rate_hz)
      data.splits(seed)
    except UserError as error:
      raise TaskUnusable(str(error)) from error
    return data

  def _open_task(self, task: str, sample_rate_hz: int) -> TaskData:
    choice, location = self._task_choice(task), self._request.location
    key = ("task", task, sample_rate_hz)
    return self._open(key, lambda: open_task(choice, location, sample_rate_hz))

  def _task_choice(self, task: str) -> TaskChoice:
    return TaskChoice(task, audio_root=self._request.audio_root)

  def _open(self, key: tuple, make: Callable[[], Any]) -> Any:
    """Returns what `make` returns, from memory if possible; keeps the last model and all tasks."""
    if key not in self._opened:
      if key[0] == "model":
        self._opened = {k: v for k, v in self._opened.items() if k[0] != "model"}
      self._opened[key] = make()
    return self._opened[key]


def _digest_of_weights(model: str) -> str | None:
  """Returns a digest that changes when a run is trained again; None without weights."""
  path = os.path.join(model.removeprefix("random:"), "encoder.keras")
  return digest_of_file(path)[:16] if os.path.exists(path) else None
