"""Measurements, each done once and kept in a folder.

runs/           a run folder per pre-training and seed
results/        a JSON file per measurement
training/       the state of an unfinished fine-tuning
embeddings/     see embedding_parts.Embeddings
keys-*.txt      the clips of pre-training
"""

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

from contrastive_audio.cli.console import line
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from contrastive_audio.utils.files import make_folder, write_json
from downstream.cards.opening import open_task
from downstream.cards.task_data import TaskData
from downstream.choices import TaskChoice
from downstream.classifiers.excerpt_method import excerpt_method
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.classifiers.nearest_neighbours import knn_method
from downstream.classifiers.problem import MakeMethod
from downstream.encoders.models import Model, open_model
from downstream.evaluation import evaluate
from downstream.evaluation_files import Result
from downstream.papers import methods
from downstream.papers.measurement import LaboratoryRequest, Measurement
from downstream.papers.obstacles import TaskUnusable
from downstream.papers.result_files import ResultFiles


class Laboratory:
  """What measures, and keeps what it has measured.

  Attributes:
    folder: where everything is kept.

  Example:
    >>> from downstream.papers.pretrainings import Pretrainings
    >>> request = LaboratoryRequest("tables")
    >>> laboratory = Laboratory(request, ResultFiles(request, Pretrainings(request)))
    >>> sorted(os.listdir(laboratory.folder))
    ['embeddings', 'results']
  """

  def __init__(self, request: LaboratoryRequest, results: ResultFiles, hosts: Hosts | None = None):
    """Creates the folder unless it exists.

    Args:
      request: where it works, on which data, with which budget.
      results: what it has measured.
      hosts: whose devices share a fine-tuning; None: one device.
    """
    self.folder, self._request, self._results = request.folder, request, results
    self._hosts = hosts
    self._opened: dict[tuple, Any] = {}  # models and tasks are used several times in a row
    for name in ("results", "embeddings"):
      make_folder(os.path.join(self.folder, name))

  def measure(self, measurement: Measurement, seed: int) -> float:
    """Measures a number, and keeps it.

    Args:
      measurement: what is measured; its model is trained.
      seed: of the pre-training, the split and the classifier.

    Returns:
      The score in %.

    Raises:
      TaskUnusable: the data of the task is not what it needs.
      UserError: it cannot be measured for another reason.
    """
    started_s = time.perf_counter()
    path, settings = self._results.locate(measurement, seed)
    state = os.path.join(self.folder, "training", os.path.basename(path).removesuffix(".json"))
    goes_on = os.path.exists(state)
    result = self._evaluate(measurement, settings["model"], seed, state)
    content = settings | {"result": result.numbers()}
    content["listing"] = self._results.listing(measurement.task)
    if not goes_on:  # how long a part has taken says nothing about the next number
      content["measured_s"] = time.perf_counter() - started_s
    write_json(path, content)
    shutil.rmtree(state, ignore_errors=True)
    label = f"{measurement.method} {measurement.task} {settings['model']}"
    line("measured", f"{label}: {result.score:.1f} %")
    return result.score

  def embeddings_folder(self, model: Model, store: Store) -> str:
    """Returns where the embeddings of a model on a store are kept."""
    name = f"{model.embeddings_identity[:16]}-{store.digest[:16]}"
    return os.path.join(self.folder, "embeddings", name)

  def _evaluate(self, measurement: Measurement, name: str, seed: int, state: str) -> Result:
    model = self._open(("model", name, seed), lambda: open_model(name, seed))
    data = self._usable_task(measurement.task, model.sample_rate_hz, seed)
    make_method = self._make_method(measurement, name, seed)
    return evaluate(make_method(data, model), data, model, measurement.condition, seed, state)

  def _make_method(self, measurement: Measurement, name: str, seed: int) -> MakeMethod:
    """Returns what prepares the method of a measurement, see `problem.MakeMethod`."""
    cache = self.embeddings_folder
    if options := methods.excerpt_options(measurement, self._request, name, seed):
      shared_evenly = self._hosts is not None and options.batch_size % self._hosts.replicas == 0
      return excerpt_method(options, self._hosts if shared_evenly else None)
    if measurement.method == "knn_patches":
      return knn_method("patches", layer="projection", cache=cache)
    prepare = knn_method if measurement.method == "knn" else cached_linear_method
    return prepare(cache=cache)

  def _usable_task(self, task: str, sample_rate_hz: int, seed: int) -> TaskData:
    choice = TaskChoice(task, audio_root=self._request.audio_root)
    try:
      data = self._open(
        ("task", task, sample_rate_hz),
        lambda: open_task(choice, self._request.location, sample_rate_hz),
      )
      data.splits(seed)
    except UserError as error:
      raise TaskUnusable(str(error)) from error
    return data

  def _open(self, key: tuple, make: Callable[[], Any]) -> Any:
    """Returns what `make` returns, from memory if possible; keeps the last model and all tasks."""
    if key not in self._opened:
      if key[0] == "model":
        self._opened = {k: v for k, v in self._opened.items() if k[0] != "model"}
      self._opened[key] = make()
    return self._opened[key]
