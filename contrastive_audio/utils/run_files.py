"""What stands in a run folder, whole or half made; without TensorFlow, which runs.Run needs."""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.utils.files import UNFINISHED
from contrastive_audio.utils.locks import HOLDER, LOCK

CONFIG = "config.json"
CLASSIFIER = "classifier.npz"  # in the --output of downstream.linear and downstream.finetune
FINE_TUNING = "fine_tuning"  # part of the config.json of a fine-tuned model: from what, and how
_UNFINISHED = re.escape(UNFINISHED)
# What a process may leave that was ended before there was a config.json; version 0.1 left more.
_HALF_MADE = re.compile(
  rf"{LOCK}|{re.escape(HOLDER)}|\.(config|lock)\..*{_UNFINISHED}.*|plots|tmp[a-z0-9_]{{8}}"
)
_LEFTOVER = re.compile(rf"\.(config|lock|metrics|encoder|head|skipped|missing)\..*{_UNFINISHED}.*")
# Parts of a config.json that everything relies on.
_PARTS: Mapping[str, type] = {"system": str, "config": dict, "data": dict, "input": dict}


def has_config(folder: str) -> bool:
  """Whether a folder is a run, damaged or not.

  Example:
    >>> has_config("no/such/run")
    False
  """
  return os.path.lexists(os.path.join(folder, CONFIG))


def read_config(folder: str) -> dict[str, Any]:
  """Returns the content of a run's config.json.

  Args:
    folder: of the run.

  Raises:
    UserError: there is none, or it is damaged.

  Example:
    >>> read_config("no/such/run")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'no/such/run' is not a run folder: cannot read ...
  """
  path = os.path.join(folder, CONFIG)
  try:
    with open(path, encoding="utf-8") as file:
      content = json.load(file)
  except OSError as error:
    reason = (error.strerror or reason_of(error)).lower()
    raise UserError(f"{folder!r} is not a run folder: cannot read {path}: {reason}") from error
  except (ValueError, RecursionError) as error:
    raise UserError(_damaged(path, reason_of(error))) from error
  if not isinstance(content, dict):
    raise UserError(_damaged(path, f"it holds no object, but {_kind(content)}"))
  for name, kind in _PARTS.items():
    if not isinstance(content.get(name), kind):
      wanted = "a text" if kind is str else "an object"
      raise UserError(_damaged(path, f"its {name!r} is {_kind(content.get(name))}, not {wanted}"))
  return content


def own_classifier(folder: str, config: Mapping[str, Any]) -> str | None:
  """Returns the folder of the classifier that a run was fine-tuned with; None: it was not.

  Args:
    folder: of the run.
    config: the content of its config.json.

  Example:
    >>> own_classifier("results/mine", {"fine_tuning": {"task": "esc50"}})
    'results/mine'
  """
  return folder if config.get(FINE_TUNING) else None


def require_free(folder: str) -> None:
  """Raises a UserError unless a run may be made in a folder: it holds nothing, or half a run.

  Args:
    folder: existing or not; without a config.json.

  Raises:
    UserError: it holds something else.

  Example:
    >>> require_free("new")
    >>> open("thesis.txt", "w").close()
    >>> require_free(".")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: '.' holds files but not a run: choose another folder ...
  """
  if os.path.isdir(folder) and not all(map(_HALF_MADE.fullmatch, os.listdir(folder))):
    raise UserError(f"{folder!r} holds files but not a run: choose another folder with --run")


def require_run_or_free(folder: str) -> None:
  """Raises a UserError unless a folder holds a run, or one may be made there.

  Args:
    folder: existing or not.

  Raises:
    UserError: it holds something else.

  Example:
    >>> require_run_or_free("new")
  """
  if not has_config(folder):
    require_free(folder)


def clear_up(folder: str) -> None:
  """Removes what killed processes left of files of a run; whoever holds its lock may do that.

  Args:
    folder: of the run.

  Example:
    >>> open(".config.host-12.part.json", "w").close()
    >>> clear_up(".")
    >>> os.listdir()
    []
  """
  for name in filter(_LEFTOVER.fullmatch, os.listdir(folder)):
    with contextlib.suppress(OSError):
      os.remove(os.path.join(folder, name))


def _damaged(path: str, what: str) -> str:
  return f"{path} is damaged ({what}): bring it back from a copy, or train again in another folder"


def _kind(value: Any) -> str:
  names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
  return "missing or null" if value is None else names.get(type(value), "a number")
