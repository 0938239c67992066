"""A JSON file per measurement: its settings and its result."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from contrastive_audio.cli.console import line
from contrastive_audio.utils.files import digest_of_file, read_json
from downstream.papers import methods
from downstream.papers.measurement import LaboratoryRequest, Measurement
from downstream.papers.pretrainings import Pretrainings


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
    settings["evaluation"] = methods.evaluation_version(measurement.method, options)
    return os.path.join(self._request.folder, "results", file_name(settings)), settings

  def score(self, measurement: Measurement, seed: int) -> float | None:
    """Returns the score in %; None if it has not been measured, or the file is damaged.

    Raises:
      UserError: see Pretrainings.name_of.
    """
    path, settings = self.locate(measurement, seed)
    if not os.path.exists(path):
      return None
    try:
      content = read_json(path)
      if {name: content.get(name) for name in settings} == json.loads(json.dumps(settings)):
        return float(content["result"]["score"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
      pass
    if path not in self._damaged:
      line("damaged", f"{path}: measured again")
    self._damaged.add(path)
    return None


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
  return "".join(c if c.isalnum() or c in "-_." else "_" for c in text) + f"-{digest}.json"


def _digest_of_weights(model: str) -> str | None:
  """Returns a digest that changes when a run is trained again; None without weights."""
  path = os.path.join(model.removeprefix("random:"), "encoder.keras")
  return digest_of_file(path)[:16] if os.path.exists(path) else None
