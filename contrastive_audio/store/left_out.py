"""Clips that are not in a store: unusable ones, with the reason, and missing ones."""

import os
from collections.abc import Iterable, Sequence

from contrastive_audio.errors import disk_reason
from contrastive_audio.store import chunks
from contrastive_audio.store.disk_format import MISSING, SKIPPED
from contrastive_audio.utils import spreadsheets

_HEADERS = {SKIPPED: ("file", "reason"), MISSING: ("file",)}


def write_skipped(folder: str) -> None:
  """Writes the list of clips in finished chunks that could not be used.

  Args:
    folder: of the store.

  Example:
    >>> rows = chunks.Rows("chunk-00000.arrow", 0, "")
    >>> chunks.save(chunks.Chunk([], rows, [("a.wav", "no samples")]), ".", number=0)
    >>> write_skipped(".")
    >>> read(".", SKIPPED)
    [['a.wav', 'no samples']]
  """
  finished = chunks.read_all_finished(folder)
  _write(folder, SKIPPED, (skipped for chunk in finished for skipped in chunk.skipped))


def write_missing(folder: str, keys: Sequence[str]) -> None:
  """Writes the keys of clips that a data set lists but does not hold; without any, writes nothing.

  Args:
    folder: of the store.
    keys: of the missing clips.

  Example:
    >>> write_missing(".", ["a.wav", "b.wav"])
    >>> read(".", MISSING)
    [['a.wav'], ['b.wav']]
  """
  if keys:
    _write(folder, MISSING, ([key] for key in keys))


def copy(store_folders: Sequence[str], folder: str) -> None:
  """Copies the lists of a store into a run folder; those of joined stores become one.

  Args:
    store_folders: `Store.folders`.
    folder: of the run.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> copy(prepare(open_synthetic(clips_per_class=1), 16_000).folders, ".")
    >>> os.listdir(".")  # an empty list of skipped clips; missing.csv only if clips are missing
    ['skipped.csv']
  """
  for name in _HEADERS:
    rows = [row for store_folder in store_folders for row in read(store_folder, name)]
    if rows or name == SKIPPED:
      _write(folder, name, rows)


def write_copy(store_folders: Sequence[str], path: str) -> None:
  """Writes the unusable clips of a store, or of joined ones, into a file.

  Args:
    store_folders: `Store.folders`.
    path: of the file.

  Example:
    >>> write_copy([], "out.csv.skipped.csv")
    >>> os.listdir()
    ['out.csv.skipped.csv']
  """
  rows = [row for folder in store_folders for row in read(folder, SKIPPED)]
  spreadsheets.write_csv(path, [_HEADERS[SKIPPED], *rows])


def read(folder: str, name: str) -> list[list[str]]:
  """Returns the rows of a list without its header; an empty list if there is no such file.

  Args:
    folder: of the store.
    name: disk_format.SKIPPED or disk_format.MISSING.

  Example:
    >>> read(".", SKIPPED)
    []
  """
  path = os.path.join(folder, name)
  return spreadsheets.read_csv(path)[1:] if os.path.exists(path) else []


def count_unread(folder: str) -> int:
  """Returns how many clips were left out because the disk refused to read them: that may pass.

  Args:
    folder: of the store.

  Example:
    >>> rows = chunks.Rows("chunk-00000.arrow", 0, "")
    >>> skipped = [("a.wav", "permission denied"), ("b.wav", "no samples")]
    >>> chunks.save(chunks.Chunk([], rows, skipped), ".", number=0)
    >>> write_skipped(".")
    >>> count_unread(".")
    1
  """
  return sum(bool(disk_reason(OSError(reason))) for _, reason in read(folder, SKIPPED))


def _write(folder: str, name: str, rows: Iterable[Iterable[str]]) -> None:
  spreadsheets.write_csv(os.path.join(folder, name), [_HEADERS[name], *rows])
