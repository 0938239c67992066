"""AudioSet, from any of the layouts in which people have it, with or without its lists.

names       the name of a file            -> YouTube id, times
lists       *_segments.csv, class file    -> splits, times and labels by id
recordings  a folder                      -> files and members of archives by id
sorted_ids  looks up ids
joining     recordings and lists          -> clips

Ids are arrays of bytes that are joined by sorting, so that two million segments stay small.
"""

from contrastive_audio.datasets.corpora.audioset import joining, lists, recordings
from contrastive_audio.datasets.corpora.corpus import Contents, Corpus
from contrastive_audio.datasets.file_tree import find_files, iterate_folders
from contrastive_audio.errors import UserError

LAYOUT = (
  "recordings named by their YouTube ids (Y{id}.wav, {id}_{start}_{end}.flac, id_{id}.m4a, ..., "
  "also inside .tar, .zip, .gz or .parquet) and, for splits and labels, the official "
  "*_segments.csv and class_labels_indices.csv"
)


def _find(folder: str) -> str | None:
  """Returns the folder if a recording or a list of AudioSet lies in it, at any depth, or None."""
  for _, names in iterate_folders(folder):
    if any(lists.split_of_list(name) or recordings.may_hold_ids(name) for name in names):
      return folder
  return None


def _read(root: str) -> Contents:
  """Reads a folder in any of the known layouts."""
  tables = find_files(root, (".csv",)).paths
  identified = recordings.identify(root, recordings.paths_below(root))
  if not len(identified.ids):
    raise UserError(f"no recording of AudioSet in {root!r}: expected {LAYOUT}")
  classes = lists.read_classes(root, tables)
  segments = lists.read_segments(root, tables, classes)
  return joining.join(identified, segments, tuple(classes.values()))


CORPORA = {
  "audioset": Corpus(
    name="audioset",
    title="AudioSet: 2.1 million segments of 10 s from YouTube, 527 classes, several for each",
    homepage="https://research.google.com/audioset/download.html",
    layout=LAYOUT,
    find=_find,
    read=_read,
    sample_rate_hz=16_000,
    split_names=("balanced", "unbalanced", "eval", "train"),
    unions={"train": ("balanced", "unbalanced", joining.UNLISTED)},
  )
}
