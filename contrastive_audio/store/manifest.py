"""The manifest of a store, written last: what belongs to it, and how it is recognised as whole."""

import dataclasses
import json
import os
from typing import Any

from contrastive_audio.errors import UserError
from contrastive_audio.store.disk_format import INDEX, MANIFEST, UNVERIFIED_VERSION, VERSION
from contrastive_audio.utils import checksums

_CURE = (
  "the next command that has the data set, and may write there, makes it again (a training with "
  "the same --dataset, or python -m contrastive_audio.prepare)"
)


class NoStore(UserError):
  """A folder that holds no finished store.

  Example:
    >>> raise NoStore("'stores' holds no finished store")
    Traceback (most recent call last):
    contrastive_audio.store.manifest.NoStore: 'stores' holds no finished store
  """


class DamagedStore(UserError):
  """A file of a store that is not what was written.

  Attributes:
    what: the file, and how it is damaged.

  Example:
    >>> raise DamagedStore("stores/mine/index.arrow is missing")
    Traceback (most recent call last):
    contrastive_audio.store.manifest.DamagedStore: damaged store: stores/mine/index.arrow is ...
  """

  def __init__(self, what: str):
    super().__init__(f"damaged store: {what}; {_CURE}")
    self.what = what


@dataclasses.dataclass(frozen=True)
class Manifest:
  """What a store consists of.

  Attributes:
    version: of the format.
    name: of the data set.
    summary: of the data set, one line.
    fingerprint: of the data set.
    digest: of the clips.
    sample_rate_hz: of all clips.
    num_skipped: number of clips that could not be used.
    shards: (name, size in bytes) of each file with PCM; their checksums are in chunk files.
    num_missing: number of clips that the data set lists but does not hold.
    classes: of the data set, in the official order.
    rows: (name, size in bytes) of the files that the index was merged from.
    checksums: file -> checksum of the index, the chunk files and the lists.

  Example:
    >>> manifest = Manifest(3, "mine", "2 clips", "9f86", "d081", 16_000, 0, [("shard", 100)])
    >>> write(manifest, ".")
    >>> read(".") == manifest
    True
  """

  version: int
  name: str
  summary: str
  fingerprint: str
  digest: str
  sample_rate_hz: int
  num_skipped: int
  shards: list[tuple[str, int]]
  num_missing: int = 0
  classes: list[str] = dataclasses.field(default_factory=list)
  rows: list[tuple[str, int]] = dataclasses.field(default_factory=list)
  checksums: dict[str, str] = dataclasses.field(default_factory=dict)

  @property
  def is_verified(self) -> bool:
    """Whether the files have checksums."""
    return self.version != UNVERIFIED_VERSION


def write(manifest: Manifest, folder: str) -> None:
  """Writes the manifest, which completes a store.

  Args:
    manifest: of the store.
    folder: of the store.

  Example:
    >>> write(Manifest(3, "mine", "no clips", "9f86", "d081", 16_000, 0, []), ".")
    >>> os.listdir()
    ['store.json']
  """
  checksums.write_sealed_json(os.path.join(folder, MANIFEST), dataclasses.asdict(manifest))


def read(folder: str) -> Manifest:
  """Returns the manifest of a store.

  Args:
    folder: of the store.

  Raises:
    NoStore: there is none.
    DamagedStore: it is not what was written.
    UserError: it cannot be read, or a newer version wrote it.

  Example:
    >>> read("no/such/folder")
    Traceback (most recent call last):
    contrastive_audio.store.manifest.NoStore: 'no/such/folder' holds no finished store ...
  """
  path = os.path.join(folder, MANIFEST)
  try:
    content = checksums.read_sealed_json(path) or _read_unverified(path)
    content["shards"] = [(str(name), int(size)) for name, size in content["shards"]]
    content["rows"] = [(str(name), int(size)) for name, size in content.get("rows", ())]
    content.pop("several_labels", None)  # of earlier versions
    manifest = Manifest(**content)
  except (FileNotFoundError, NotADirectoryError) as error:
    raise NoStore(f"{folder!r} holds no finished store (there is no {MANIFEST} in it)") from error
  except OSError as error:
    raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
  except (ValueError, TypeError, KeyError, AttributeError) as error:
    raise DamagedStore(f"{path} is not what was written") from error
  if manifest.version > VERSION:
    raise UserError(f"{path} was written by a newer version of contrastive_audio: update this one")
  return manifest


def require_whole(manifest: Manifest, folder: str) -> None:
  """Checks the sizes of large files, and the checksums of small ones.

  The checksum of the index is left to whoever reads it, and so are those of shards and rows.

  Args:
    manifest: of the store.
    folder: of the store.

  Raises:
    DamagedStore: a file is not what was written; names the first one.

  Example:
    >>> manifest = Manifest(3, "mine", "1 clip", "9f86", "d081", 16_000, 0, [("shard", 100)])
    >>> require_whole(manifest, ".")
    Traceback (most recent call last):
    contrastive_audio.store.manifest.DamagedStore: damaged store: ./shard is missing; ...
  """
  for name, num_bytes in manifest.shards + manifest.rows:
    path = os.path.join(folder, name)
    found = _size_of(path)
    if found != num_bytes:
      raise DamagedStore(f"{path} has {found} of {num_bytes} bytes")
  for name, checksum in manifest.checksums.items():
    path = os.path.join(folder, name)
    _size_of(path)
    if name != INDEX and checksums.of_file(path) != checksum:
      raise DamagedStore(f"{path} is not what was written")


def _size_of(path: str) -> int:
  try:
    return os.path.getsize(path)
  except OSError as error:
    raise DamagedStore(f"{path} is missing") from error


def _read_unverified(path: str) -> dict[str, Any]:
  """Returns a manifest of the version that had no checksums."""
  with open(path, encoding="utf-8") as file:
    content = json.load(file)
  if content.get("version") != UNVERIFIED_VERSION or "checksum" in content:
    raise ValueError(f"no manifest of version {VERSION} or {UNVERIFIED_VERSION}")
  return content
