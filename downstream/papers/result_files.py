"""A JSON file per measurement: its settings and its result."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import digest_of_file, read_json
from downstream import protocols
from downstream.cards.opening import listing_of
from downstream.choices import TaskChoice
from downstream.model_names import LOGMEL_STATS, RANDOM, folder_of
from downstream.papers import methods
from downstream.papers.measurement import LaboratoryRequest, Measurement
from downstream.papers.pretrainings import Pretrainings

_LONGEST_NAME = 180  # characters; a task may be a long path, and a file name has at most 255


class ResultFiles:
  """What a laboratory has measured.

  Example:
    >>> request = LaboratoryRequest("tables")
    >>> files = ResultFiles(request, Pretrainings(request))
    >>> files.score(Measurement("logmel_stats", "linear", "esc50"), seed=0) is None
    True
  """

  def __init__(self, request: LaboratoryRequest, pretrainings: Pretrainings):
    """Opens nothing yet.

    Args:
      request: where the laboratory works, and with which budget.
      pretrainings: its run folders.
    """
    self._request, self._pretrainings = request, pretrainings
    self._damaged: set[str] = set()
    self._listings: dict[str, str | None] = {}

  def locate(self, measurement: Measurement, seed: int) -> tuple[str, dict[str, Any]]:
    """Returns the path of the file, and everything that the result depends on.

    Raises:
      UserError: see Pretrainings.name_of.
    """
    model = self._pretrainings.name_of(measurement.model, seed)
    settings = dataclasses.asdict(measurement) | {"model": model, "seed": seed}
    options = methods.excerpt_options(measurement, self._request, model, seed)
    if options:
      settings["options"] = dataclasses.asdict(options)
    settings["weights"] = _digest_of_weights(model)
    if measurement.method == "knn_patches":  # of projections
      settings["head"] = _digest_of_head(model)
    settings["evaluation"] = methods.evaluation_version(measurement.method, options)
    if protocols.EMBEDDINGS_VERSION > 1:  # results from before there was a version still stand
      settings["embeddings"] = protocols.EMBEDDINGS_VERSION
    return os.path.join(self._request.folder, "results", file_name(settings)), settings

  def listing(self, task: str) -> str | None:
    """Returns a digest of the clips, labels and splits of a task; None where they are not on disk.

    It is no part of the name of a file: earlier versions did not write it.

    Args:
      task: as `--task` takes it.
    """
    if task not in self._listings:
      choice = TaskChoice(task, audio_root=self._request.audio_root)
      try:
        self._listings[task] = listing_of(choice, self._request.location)
      except UserError:  # the data is not there: what was measured on it still stands
        self._listings[task] = None
    return self._listings[task]

  def score(self, measurement: Measurement, seed: int) -> float | None:
    """Returns the score in %.

    None: it has not been measured, or on other clips, labels or splits, or the file is damaged.

    Raises:
      UserError: see Pretrainings.name_of.
    """
    path, settings = self.locate(measurement, seed)
    if not os.path.exists(path):
      return None
    try:
      content = read_json(path)
      if {name: content.get(name) for name in settings} == json.loads(json.dumps(settings)):
        score = float(content["result"]["score"])
        if self._is_of_these_clips(content, measurement.task):
          return score
        self._report(path, "changed", f"{measurement.task} has other clips, labels or splits")
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
      pass
    self._report(path, "damaged", path)
    return None

  def _is_of_these_clips(self, content: Mapping[str, Any], task: str) -> bool:
    """Whether a result is of the clips that the task has now, as far as both are known."""
    measured, now = content.get("listing"), self.listing(task)
    return measured is None or now is None or measured == now

  def _report(self, path: str, name: str, text: str) -> None:
    if path not in self._damaged:
      line(name, f"{text}: measured again")
    self._damaged.add(path)


def file_name(settings: Mapping[str, Any]) -> str:
  """Returns the file name of a measurement: readable, and different for other settings.

  Args:
    settings: method, task, model, seed and everything else that the result depends on.

  Example:
    >>> file_name({"method": "linear", "task": "esc50", "model": "runs/mine", "seed": 0})
    'linear-esc50-mine-0-....json'
  """
  digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
  model = os.path.basename(settings["model"].rstrip("/"))
  text = f"{settings['method']}-{settings['task']}-{model}-{settings['seed']}"
  readable = "".join(c if (c.isascii() and c.isalnum()) or c in "-_." else "_" for c in text)
  return f"{readable[-_LONGEST_NAME:]}-{digest}.json"


def _digest_of_weights(model: str) -> str | None:
  """Returns a digest that changes when a model does; None without weights, or without the model."""
  if model in (LOGMEL_STATS, f"{RANDOM}efficientnet_b0"):
    return None
  folder = folder_of(model)
  path = os.path.join(folder, "encoder.keras")
  if os.path.exists(path):
    return digest_of_file(path)[:16]
  paths = [os.path.join(root, file) for root, _, files in os.walk(folder) for file in files]
  digests = "".join(map(digest_of_file, sorted(paths)))  # of a SavedModel
  return hashlib.sha256(digests.encode()).hexdigest()[:16] if paths else None


def _digest_of_head(model: str) -> str | None:
  """Returns a digest that changes when the head of a run does; None without one."""
  path = os.path.join(folder_of(model), "head.keras")
  return digest_of_file(path)[:16] if os.path.exists(path) else None
