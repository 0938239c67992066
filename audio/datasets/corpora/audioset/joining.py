"""Recordings and lists -> clips."""

import numpy as np
import pyarrow as pa

from audio.datasets import files
from audio.datasets.corpora.audioset import lists
from audio.datasets.corpora.audioset.recordings import NO_PART
from audio.datasets.corpora.corpus import Contents
from audio.errors import UserError

UNLISTED = "unlisted"  # part of recordings of which neither a list nor a folder says more
SLACK_S = 1.0  # a download is rarely cut to the sample


def join(recordings, segments, classes):
  """Joins recordings and segments by their ids.

  Without any list all recordings are clips, whole, without labels, of the part that their folder
  names. With lists a recording that no list names is a clip only if its folder names its part:
  otherwise nobody knows whether it is kept for evaluation.

  Args:
    recordings: recordings.Recordings.
    segments: lists.Segments.
    classes: names of the classes, in order; empty if there is no file of them.

  Returns:
    Contents; clips are in the order of their paths.

  Raises:
    UserError: the lists name none of the recordings.
  """
  chosen = _one_of_each(recordings, lists.find(segments.ids, recordings.ids), segments)
  num_copies = len(recordings.ids) - len(chosen)
  segment_of = lists.find(segments.ids, recordings.ids[chosen])  # -1: no list names it
  num_unlisted = 0
  if segments.files:
    known = (segment_of >= 0) | (recordings.parts[chosen] != NO_PART)
    num_unlisted = int((~known).sum())
    chosen, segment_of = chosen[known], segment_of[known]
  if not len(chosen):
    raise UserError(
      f"none of {len(recordings.ids)} recordings is named by {', '.join(segments.files)}: are "
      "these the lists that belong to them?"
    )
  table = _table(recordings, segments, chosen, segment_of)
  remarks = _remarks(recordings, segments, classes, num_copies, num_unlisted)
  return Contents(table, classes, True, _missing(segments, segment_of), remarks)


def _one_of_each(recordings, segment_of, segments):
  """Returns the numbers of recordings, one for each id, in the order of paths.

  Of several the one that begins where the segment does, then sound before film, then the first.
  """
  wanted_s = np.full(len(segment_of), np.nan)
  listed = segment_of >= 0
  wanted_s[listed] = segments.starts_s[segment_of[listed]]
  begins_elsewhere = ~(np.abs(recordings.starts_s - wanted_s) < 0.01)
  order = np.lexsort([recordings.is_film, begins_elsewhere, recordings.ids])  # the last is first
  ids = recordings.ids[order]
  is_first = np.ones(len(order), bool)
  is_first[1:] = ids[1:] != ids[:-1]
  return np.sort(order[is_first])


def _missing(segments, segment_of):
  """Returns the segments without a recording, and those whose ids were destroyed."""
  there = np.zeros(len(segments.ids), bool)
  there[segment_of[segment_of >= 0]] = True
  keys = pa.array(segments.ids[~there]).cast(pa.large_string())
  parts = _part_names(segments.parts[~there])
  destroyed = files.missing_table(segments.destroyed)
  return pa.concat_tables([pa.table([keys, parts], schema=destroyed.schema), destroyed])


def _part_names(parts):
  names = pa.array([*lists.PARTS, UNLISTED], pa.large_string())
  return names.take(pa.array(np.minimum(parts, len(lists.PARTS))))


def _table(recordings, segments, chosen, segment_of):
  """Returns the clips as files.SCHEMA has them."""
  listed = segment_of >= 0
  parts = recordings.parts[chosen].copy()
  parts[listed] = segments.parts[segment_of[listed]]
  # Times are those of the video; a file whose name says so begins later than that.
  begins_s = np.nan_to_num(recordings.starts_s[chosen])
  row_of = np.maximum(segment_of, 0)
  starts_s, stops_s = segments.starts_s, segments.stops_s
  if not len(starts_s):
    starts_s = stops_s = np.zeros(1)
  none = pa.nulls(len(chosen), pa.large_string())
  labels = segments.labels.take(pa.array(segment_of, mask=~listed)) if listed.any() else none
  columns = {
    "key": pa.array(recordings.ids[chosen]).cast(pa.large_string()),
    "path": _taken(recordings.paths, chosen),
    "member": _taken(recordings.members, chosen),
    "label": labels,
    "group": none,
    "split": _part_names(parts),
    "start_s": pa.array(starts_s[row_of] - begins_s, mask=~listed),
    "stop_s": pa.array(stops_s[row_of] - begins_s, mask=~listed),
    "slack_s": pa.array(np.full(len(chosen), SLACK_S), mask=~listed),
  }
  return pa.table(columns)  # as files.SCHEMA, but for the labels, which are dictionary-encoded


def _taken(column, chosen):
  """Returns the chosen rows; all of them without a copy."""
  return column if len(chosen) == len(column) else column.take(pa.array(chosen))


def _remarks(recordings, segments, classes, num_copies, num_unlisted):
  remarks = []
  if not segments.files:
    remarks.append("no *_segments.csv: whole recordings, no labels")
  elif not classes:
    remarks.append(f"no {lists.CLASS_FILE}: no labels")
  if segments.destroyed:
    remarks.append(f"{len(segments.destroyed)} ids of the lists were destroyed by a spreadsheet")
  if segments.num_repeated:
    remarks.append(f"{segments.num_repeated} rows of the lists repeat an id")
  if num_copies:
    remarks.append(f"{num_copies} copies of recordings left out")
  if num_unlisted:
    remarks.append(f"{num_unlisted} recordings that no list names left out")
  if recordings.num_foreign:
    examples = ", ".join(recordings.foreign)
    remarks.append(f"{recordings.num_foreign} files without an AudioSet id left out ({examples})")
  return tuple(remarks)
