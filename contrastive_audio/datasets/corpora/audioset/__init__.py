"""AudioSet, from any of the layouts in which people have it, with or without its lists.

names       the name of a file            -> YouTube id, times
lists       *_segments.csv, class file    -> parts, times and labels by id
recordings  a folder                      -> files and members of archives by id
joining     both                          -> clips

Ids are arrays of bytes, joined by sorting, so that two million segments stay small.
"""

import os

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora.audioset import joining, lists, recordings
from contrastive_audio.datasets.corpora.corpus import Corpus
from contrastive_audio.errors import UserError

LAYOUT = (
  "recordings named by their YouTube ids (Y{id}.wav, {id}_{start}_{end}.flac, id_{id}.m4a, ..., "
  "also inside .tar, .zip, .gz or .parquet) and, for parts and labels, the official "
  "*_segments.csv and class_labels_indices.csv"
)


def find(folder):
  """Returns the folder if a recording or a list of AudioSet lies in it, at any depth, or None."""
  for _, _, found in os.walk(folder, followlinks=True):
    if any(lists.part_of_list(name) or recordings.may_hold_ids(name) for name in found):
      return folder
  return None


def read(root):
  """Reads a folder in any of the known layouts."""
  tables, _ = file_source.walk(root, (".csv",))
  found = recordings.of_paths(root, recordings.paths_below(root))
  if not len(found.ids):
    raise UserError(f"no recording of AudioSet in {root!r}: expected {LAYOUT}")
  classes = lists.read_classes(root, tables)
  return joining.join(found, lists.read_segments(root, tables, classes), tuple(classes.values()))


CORPORA = {
  "audioset": Corpus(
    "audioset",
    "AudioSet: 2.1 million segments of 10 s from YouTube, 527 classes, several for each",
    "https://research.google.com/audioset/download.html",
    LAYOUT,
    find,
    read,
    sample_rate_hz=16_000,
    split_names=("balanced", "unbalanced", "eval", "train"),
    unions={"train": ("balanced", "unbalanced", joining.UNLISTED)},
  )
}
