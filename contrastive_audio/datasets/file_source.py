"""Audio in files -> clips. A clip is a file, a member of an archive, or a piece of either."""

import functools
import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.datasets import archive_members
from contrastive_audio.datasets.clip_table import iterate_rows
from contrastive_audio.datasets.source import Clip, ClipSource
from contrastive_audio.sound import reading


class FileSource(ClipSource):
  """Clips in files below one folder.

  Args:
    name: of the data set, as `--dataset` takes it; for a path only its last component.
    root: folder to which the paths are relative.
    table: the clips in their final order (clip_table.SCHEMA); columns may be dictionary-encoded or
      null throughout.
    summary: one human-readable line.

  Example:
    >>> import soundfile
    >>> from contrastive_audio.datasets.clip_table import Row, to_table
    >>> soundfile.write("a.wav", np.zeros(800), 8_000)
    >>> source = FileSource("mine", ".", to_table([Row("a.wav", label="silence")]), "one clip")
    >>> [(clip.label, len(clip.load(16_000))) for clip in source.clips(0, 1)]
    [('silence', 1600)]
  """

  def __init__(self, name: str, root: str, table: pa.Table, summary: str):
    self.name = name
    self.num_clips = table.num_rows
    self.summary = summary
    self._root = root
    self._table = table

  def clips(self, start: int, stop: int) -> Iterator[Clip]:
    for row in iterate_rows(self._table.slice(start, stop - start)):
      path = os.path.join(self._root, os.fsdecode(row["path"]))
      piece = {name: row[name] for name in ("start_s", "stop_s", "slack_s")}
      blocks = functools.partial(_blocks, path, row["member"], piece)
      yield Clip(row["key"], blocks, row["label"], row["group"])

  def fingerprint(self) -> str:
    digest = hashlib.sha256(os.fsencode(os.path.realpath(self._root)))
    size_and_time = functools.lru_cache(maxsize=1)(_size_and_time)  # one archive, many members
    for row in iterate_rows(self._table):
      path = os.path.join(self._root, os.fsdecode(row["path"]))
      digest.update(repr((row, size_and_time(path))).encode())
    digest.update(repr(list(self.missing)).encode())
    return digest.hexdigest()

  def places(self) -> Iterator[tuple[str, str | None, float | None]]:
    """Yields where each clip is: its path without links, member of an archive, start in s."""
    for row in iterate_rows(self._table):
      path = os.path.realpath(os.path.join(self._root, os.fsdecode(row["path"])))
      yield path, row["member"], row["start_s"]

  def labels(self) -> Mapping[str, str | None]:
    """Returns key -> label of all clips, or stretches, that are listed; none if more are used."""
    return dict(zip(self._table["key"].to_pylist(), self._table["label"].to_pylist()))

  def splits(self) -> dict[str, str | None]:
    named = self._table.filter(pc.is_valid(self._table["split"]))
    return dict(zip(named["key"].to_pylist(), named["split"].to_pylist()))


def _blocks(
  path: str, member: str | None, piece: Mapping[str, Any], sample_rate_hz: int
) -> Iterator[np.ndarray]:
  if member is None:
    yield from reading.blocks(path, sample_rate_hz, **piece)
    return
  with archive_members.open_member(path, member) as source:
    yield from reading.blocks(source, sample_rate_hz, **piece)


def _size_and_time(path: str) -> tuple[int, int] | None:
  try:
    status = os.stat(path)
  except OSError:
    return None
  return status.st_size, status.st_mtime_ns
