"""Checksums that notice damage to a file: XXH3, which costs no more than reading the bytes.

They do not protect against a person who changes a file and its checksum.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import xxhash

from contrastive_audio.utils.files import write_json

_SEAL = "checksum"  # key of a sealed JSON file


def of_file(path: str | os.PathLike) -> str:
  """Returns the checksum of a file's content, 16 hex digits.

  Args:
    path: the file.

  Example:
    >>> open("empty", "w").close()
    >>> of_file("empty")
    '2d06800538d394c2'
  """
  checksum = xxhash.xxh3_64()
  with open(path, "rb") as file:
    while block := file.read(1 << 20):
      checksum.update(block)
  return checksum.hexdigest()


def write_sealed_json(path: str | os.PathLike, content: Mapping[str, Any]) -> None:
  """Writes a JSON file atomically, with a checksum of its name and content inside.

  Args:
    path: the file.
    content: of the file; without the key "checksum".

  Example:
    >>> write_sealed_json("levels.json", {"mean": -1.5})
    >>> read_sealed_json("levels.json")
    {'mean': -1.5}
  """
  write_json(path, {_SEAL: _seal_of(path, content), **content})


def read_sealed_json(path: str | os.PathLike) -> dict[str, Any] | None:
  """Returns the content of a sealed JSON file; None if it is not what was written.

  Args:
    path: the file.

  Raises:
    FileNotFoundError: there is no such file.

  Example:
    >>> write_sealed_json("levels.json", {"mean": -1.5})
    >>> with open("levels.json") as file:
    ...   text = file.read()
    >>> with open("levels.json", "w") as file:
    ...   _ = file.write(text.replace("1", "7"))
    >>> read_sealed_json("levels.json") is None
    True
  """
  try:
    with open(path, encoding="utf-8") as file:
      content = json.load(file)
  except (ValueError, RecursionError):
    return None
  if not isinstance(content, dict) or content.pop(_SEAL, None) != _seal_of(path, content):
    return None
  return content


def _seal_of(path: str | os.PathLike, content: Mapping[str, Any]) -> str:
  text = json.dumps([os.path.basename(path), content], sort_keys=True, separators=(",", ":"))
  return xxhash.xxh3_64_hexdigest(text.encode())
