"""What the parts of embeddings in a folder are of: plan.json, written before the first part."""

import contextlib
import os
import re
from collections.abc import Mapping
from typing import Any

import filelock

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.utils.files import read_json, write_json
from contrastive_audio.utils.words import counted

LOCK = "parts.lock"  # held while parts are made; who only reads them needs none
_PLAN, _PART = "plan.json", re.compile(r"part-\d+\.arrow")
_OWN = re.compile(r"plan\.json|lock|lock\.json|parts\.lock|\..*")  # and what is being written
_INDEX = re.compile(r"index-\d+\.faiss(\.xxh3)?")


def claim(folder: str, plan: Mapping[str, Any]) -> None:
  """Writes the plan of a folder, or refuses a folder that has parts of something else.

  Args:
    folder: of the parts.
    plan: everything that they depend on, in JSON types.

  Raises:
    UserError: what differs; or the plan cannot be written.

  Example:
    >>> claim(".", {"windows": "covering"})
    >>> open("part-00000.arrow", "w").close()
    >>> claim(".", {"windows": "frames"})
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: . holds embeddings of another kind (windows): ...
  """
  path = os.path.join(folder, _PLAN)
  saved = _read(path)
  if saved is None:
    with filelock.FileLock(os.path.join(folder, LOCK)):
      saved = _read(path)  # somebody else may have come first
      if saved is None:
        _begin(folder, path, plan)
        return
  if differing := [name for name in plan if saved.get(name) != plan[name]]:
    if not any(map(_PART.fullmatch, os.listdir(folder))):  # it was stopped before the first part
      with filelock.FileLock(os.path.join(folder, LOCK)):
        _begin(folder, path, plan)
        return
    raise UserError(
      f"{folder} holds embeddings of another kind ({', '.join(differing)}): choose another "
      "--output, or delete the folder"
    )


def require_own(folder: str) -> None:
  """Raises an error if a folder is there that is not one of parts: it will be removed at the end.

  Args:
    folder: of the parts.

  Raises:
    UserError: it holds something else.

  Example:
    >>> require_own("new")
    >>> os.makedirs("old.parts/notes")
    >>> require_own("old.parts")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: old.parts is for parts, and holds other files: notes. ...
  """
  names = os.listdir(folder) if os.path.isdir(folder) else []
  kinds = (_PART, _INDEX, _OWN)
  if others := [name for name in names if not any(kind.fullmatch(name) for kind in kinds)]:
    raise UserError(
      f"{folder} is for parts, and holds other files: {others[0]}. Move them, or choose "
      "another --output"
    )


def _begin(folder: str, path: str, plan: Mapping[str, Any]) -> None:
  """Writes the plan; removes parts and indices whose plan is lost: they may be of anything."""
  parts, indices = (list(filter(kind.fullmatch, os.listdir(folder))) for kind in (_PART, _INDEX))
  if parts:
    line("damaged", f"{path}: {counted(len(parts), 'part')} embedded again")
  try:
    for name in parts + indices:
      os.remove(os.path.join(folder, name))
    write_json(path, plan)
  except OSError as error:
    raise UserError(
      f"cannot write {path}: {disk_reason(error) or error}. Free some space and run the same "
      "command again"
    ) from error


def _read(path: str) -> dict[str, Any] | None:
  """Returns a plan; None if it is not there, or damaged."""
  with contextlib.suppress(OSError, ValueError):
    if isinstance(content := read_json(path), dict):
      return content
  return None
