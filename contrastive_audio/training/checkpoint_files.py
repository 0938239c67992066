"""The files of checkpoints in a folder: which there are, and whether each is as it was written.

NAME-5.index, NAME-5.data-...   what TensorFlow writes
NAME-5.seal                     their seal: sizes and checksums, and notes; itself with a checksum
checkpoint                      names the newest for tf.train.latest_checkpoint; never read here

A checkpoint gets its index last. So one that has an index is complete, or has been damaged since.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from contrastive_audio.utils.files import (
  UNFINISHED,
  digest_of_file,
  make_folder,
  write_text,
)

_POINTER = "checkpoint"
_INDEX, _SEAL = "index", "seal"


class CheckpointFiles:
  """The checkpoints `NAME-NUMBER` of a folder.

  Example:
    >>> files = CheckpointFiles("checkpoints", "step")
    >>> files.numbers()
    []
  """

  def __init__(self, folder: str | os.PathLike, name: str):
    """Looks at nothing yet.

    Args:
      folder: where they are; created by the first of them.
      name: of all of them, before the number.
    """
    self.folder, self.name = os.fspath(folder), name
    self._pattern = re.compile(
      rf"{re.escape(name)}-(0|[1-9]\d*)\.({_INDEX}|data-\d{{5}}-of-\d{{5}}|{_SEAL})"
    )

  def prefix(self, number: int) -> str:
    """Returns the path of a checkpoint as TensorFlow takes it, without extensions."""
    return os.path.join(self.folder, f"{self.name}-{number}")

  def numbers(self) -> list[int]:
    """Returns the numbers of all checkpoints of which there is a file, the newest first."""
    return sorted(self._endings(), reverse=True)

  def ever_had_one(self) -> bool:
    """Whether the folder has ever had a complete checkpoint, as far as can be seen."""
    is_complete = any(_INDEX in endings for endings in self._endings().values())
    return is_complete or os.path.exists(os.path.join(self.folder, _POINTER))

  def is_sealed(self, number: int) -> bool:
    """Whether a checkpoint has a seal, which those of version 0.1 lack."""
    return os.path.exists(f"{self.prefix(number)}.{_SEAL}")

  def problem(self, number: int) -> str | None:
    """Returns what is wrong with the files of a checkpoint; None: they are as they were written.

    Args:
      number: of a checkpoint. If it has no seal, only its index is looked for.
    """
    endings = self._endings().get(number, set())
    if _INDEX not in endings:
      return f"{self.name}-{number}.{_INDEX} is missing"
    if _SEAL not in endings:
      return None
    seal = self._read_seal(number)
    if seal is None:
      return f"{self.name}-{number}.{_SEAL} is damaged"
    for ending, recorded in seal["files"].items():
      path = f"{self.prefix(number)}.{ending}"
      if ending not in endings:
        return f"{os.path.basename(path)} is missing"
      if _describe(path) != recorded:
        return f"{os.path.basename(path)} is damaged"
    return None

  def notes(self, number: int) -> dict[str, Any]:
    """Returns what was noted with a checkpoint; nothing if it has no seal."""
    seal = self._read_seal(number) if self.is_sealed(number) else None
    return seal["notes"] if seal else {}

  def unfinished_prefix(self, number: int) -> str:
    """Returns a prefix to write a checkpoint to, before it is published; clears up others.

    Args:
      number: of the checkpoint.
    """
    make_folder(self.folder)
    self.clear_up()
    return os.path.join(self.folder, f".{self.name}-{number}.{secrets.token_hex(4)}{UNFINISHED}")

  def clear_up(self) -> None:
    """Removes what a write that did not end has left behind."""
    for name in os.listdir(self.folder) if os.path.isdir(self.folder) else []:
      if name.startswith((f".{self.name}-", f".{_POINTER}.")) and UNFINISHED in name:
        path = os.path.join(self.folder, name)
        if os.path.isdir(path):  # in which TensorFlow collects the parts of a checkpoint
          shutil.rmtree(path, ignore_errors=True)
        else:
          os.remove(path)

  def publish(self, unfinished: str, number: int, notes: Mapping[str, Any]) -> None:
    """Gives a checkpoint its name and its seal.

    Args:
      unfinished: prefix that it was written to.
      number: the number to give it; an older checkpoint of that number is replaced.
      notes: in JSON types, see `notes`.
    """
    start = f"{os.path.basename(unfinished)}."
    names = [name for name in os.listdir(self.folder) if name.startswith(start)]
    endings = sorted((name.removeprefix(start) for name in names), key=lambda end: end == _INDEX)
    files = {}
    for ending in endings:
      _flush(f"{unfinished}.{ending}", os.O_RDWR)
      files[ending] = _describe(f"{unfinished}.{ending}")
    for ending in endings:
      if ending == _INDEX:
        _write_seal(f"{self.prefix(number)}.{_SEAL}", files, notes)
      os.replace(f"{unfinished}.{ending}", f"{self.prefix(number)}.{ending}")
    with contextlib.suppress(OSError):  # some systems flush no folders
      _flush(self.folder, os.O_RDONLY)

  def keep(self, numbers: Sequence[int]) -> None:
    """Removes the checkpoints before the last of some, except those.

    Args:
      numbers: of whole checkpoints, ascending.
    """
    names = "".join(
      f'{key}: "{self.name}-{number}"\n'
      for key, number in [
        ("model_checkpoint_path", numbers[-1]),
        *(("all_model_checkpoint_paths", number) for number in numbers),
      ]
    )
    write_text(os.path.join(self.folder, _POINTER), names)
    for number, endings in self._endings().items():
      if number < numbers[-1] and number not in numbers:
        # The index first: what is left of it is then no checkpoint any more.
        for ending in sorted(endings, key=lambda end: end != _INDEX):
          with contextlib.suppress(FileNotFoundError):
            os.remove(f"{self.prefix(number)}.{ending}")

  def _endings(self) -> dict[int, set[str]]:
    """Returns, for each number, the endings of its files."""
    endings: dict[int, set[str]] = {}
    names = os.listdir(self.folder) if os.path.isdir(self.folder) else []
    for match in filter(None, map(self._pattern.fullmatch, names)):
      endings.setdefault(int(match[1]), set()).add(match[2])
    return endings

  def _read_seal(self, number: int) -> dict[str, Any] | None:
    """Returns the seal of a checkpoint; None if it is damaged."""
    try:
      with open(f"{self.prefix(number)}.{_SEAL}", "rb") as file:
        digest, _, text = file.read().partition(b"\n")
      return json.loads(text) if hashlib.sha256(text).hexdigest().encode() == digest else None
    except (OSError, ValueError):
      return None


def _write_seal(path: str, files: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
  text = json.dumps({"files": dict(files), "notes": dict(notes)}, indent=1) + "\n"
  write_text(path, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def _describe(path: str) -> dict[str, Any]:
  return {"bytes": os.path.getsize(path), "sha256": digest_of_file(path)}


def _flush(path: str, flags: int) -> None:
  """Makes the content of a file, or the names in a folder, survive a power cut."""
  descriptor = os.open(path, flags)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
