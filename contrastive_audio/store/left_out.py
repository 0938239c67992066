"""Clips that are not in a store: unusable ones, with the reason, and those that are missing."""

import csv
import os

from contrastive_audio.store import chunks
from contrastive_audio.store.store import MISSING, SKIPPED
from contrastive_audio.utils.files import replacing


def write_skipped(folder):
  """Writes the clips of a store's finished chunks that could not be used."""
  rows = (row for chunk in chunks.all_finished(folder) for row in chunk["skipped"])
  _write(os.path.join(folder, SKIPPED), ["file", "reason"], rows)


def write_missing(folder, keys):
  """Writes the keys of clips that a data set lists and that are not there, if there are any."""
  if keys:
    _write(os.path.join(folder, MISSING), ["file"], ([key] for key in keys))


def copy(store, folder):
  """Copies the lists of a store, or of several as one, into a run folder."""
  for name, header in ((SKIPPED, ["file", "reason"]), (MISSING, ["file"])):
    rows = [row for source in store.folders for row in read(source, name)]
    if rows or name == SKIPPED:
      _write(os.path.join(folder, name), header, rows)


def read(store_folder, name):
  """Returns the rows of a list, without its header; none, if there is no such list."""
  path = os.path.join(store_folder, name)
  if not os.path.exists(path):
    return []
  with open(path, newline="", encoding="utf-8") as file:
    return list(csv.reader(file))[1:]


def _write(path, header, rows):
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
