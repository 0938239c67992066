"""A JSON file per measurement: its settings and its result."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from contrastive_audio.cli.console import line
from contrastive_audio.utils.files import read_json


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


def read_score(path: str, settings: Mapping[str, Any]) -> float | None:
  """Returns the score in a file of results; None if there is none, or it is damaged.

  Args:
    path: the file.
    settings: what it has to be a result of.

  Example:
    >>> read_score("no/such/file.json", {}) is None
    True
  """
  if not os.path.exists(path):
    return None
  try:
    content = read_json(path)
    if {name: content.get(name) for name in settings} == json.loads(json.dumps(settings)):
      return float(content["result"]["score"])
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    pass
  line("damaged", f"{path}: measured again")
  return None
