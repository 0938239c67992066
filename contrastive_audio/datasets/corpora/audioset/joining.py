"""Recordings and lists -> clips."""

import numpy as np
import pyarrow as pa

from contrastive_audio.datasets import file_source
from contrastive_audio.datasets.corpora.audioset import lists
from contrastive_audio.datasets.corpora.audioset.recordings import NO_PART
from contrastive_audio.datasets.corpora.corpus import Contents
from contrastive_audio.errors import UserError

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
  segment_of = lists.find(segments.ids, recordings.ids)  # -1: no list names it
  chosen = _one_of_each(recordings, segment_of, segments)
  segment_of = _taken(segment_of, chosen)
  num_copies = len(recordings.ids) - len(segment_of)
  num_unlisted = 0
  if segments.files:
    known = (segment_of >= 0) | (_taken(recordings.parts, chosen) != NO_PART)
    num_unlisted = int((~known).sum())
    if num_unlisted:
      chosen = np.flatnonzero(known) if chosen is None else chosen[known]
      segment_of = segment_of[known]
  if not len(segment_of):
    raise UserError(
      f"none of {len(recordings.ids)} recordings is named by {', '.join(segments.files)}: are "
      "these the lists that belong to them?"
    )
  table = _table(recordings, segments, chosen, segment_of)
  remarks = _remarks(recordings, segments, classes, num_copies, num_unlisted)
  return Contents(table, classes, True, _missing(segments, segment_of), remarks)


def _one_of_each(recordings, segment_of, segments):
  """Returns the numbers of recordings, one for each id, in the order of paths; None: all.

  Of several the one that begins where the segment does, then sound before film, then the first.
  """
  listed = segment_of >= 0
  if _found(segments, segment_of).sum() == len(segment_of):  # the usual case, in little memory
    return None
  wanted_s = np.full(len(segment_of), np.nan)
  wanted_s[listed] = segments.starts_s[segment_of[listed]]
  begins_elsewhere = ~(np.abs(recordings.starts_s - wanted_s) < 0.01)
  order = np.lexsort([recordings.is_film, begins_elsewhere, recordings.ids])  # the last is first
  return np.sort(lists.firsts(recordings.ids, order))


def _found(segments, segment_of):
  """Returns bool `[n]`: of which segments there is a recording."""
  found = np.zeros(len(segments.ids), bool)
  for start in range(0, len(segment_of), lists.PIECE):  # no copy of it all
    some = segment_of[start : start + lists.PIECE]
    found[some[some >= 0]] = True
  return found


def _missing(segments, segment_of):
  """Returns the segments without a recording, and those whose ids were destroyed."""
  absent = ~_found(segments, segment_of)
  keys = _strings(segments.ids[absent]).cast(pa.large_string())
  parts = _part_names(segments.parts[absent]).cast(pa.large_string())
  destroyed = file_source.missing_table(segments.destroyed)
  return pa.concat_tables([pa.table([keys, parts], schema=destroyed.schema), destroyed])


def _part_names(parts):
  names = pa.array([*lists.PARTS, UNLISTED], pa.large_string())
  codes = np.minimum(parts, len(lists.PARTS)).astype(np.int8)
  return pa.DictionaryArray.from_arrays(pa.array(codes), names)


def _strings(ids):
  """Returns ids, bytes of one length, as string, sharing their memory."""
  offsets = np.arange(0, (len(ids) + 1) * ids.itemsize, ids.itemsize, np.int32)
  buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(ids))]
  return pa.Array.from_buffers(pa.string(), len(ids), buffers)


def _table(recordings, segments, chosen, segment_of):
  """Returns the clips as files.SCHEMA has them."""
  listed = segment_of >= 0
  parts = _taken(recordings.parts, chosen).copy()
  parts[listed] = segments.parts[segment_of[listed]]
  # Times are those of the video; a file whose name says so begins later than that.
  begins_s, none = _taken(recordings.starts_s, chosen), pa.nulls(len(segment_of))
  labels = segments.labels.take(pa.array(segment_of, mask=~listed)) if listed.any() else none
  slack_s = pa.array(np.zeros(len(segment_of), np.int8), mask=~listed)
  columns = {
    "key": _strings(_taken(recordings.ids, chosen)),
    "path": _taken(recordings.paths, chosen),
    "member": _taken(recordings.members, chosen),
    "label": labels,
    "group": none,
    "split": _part_names(parts),
    "start_s": _times(segments.starts_s, segment_of, begins_s),
    "stop_s": _times(segments.stops_s, segment_of, begins_s),
    "slack_s": pa.DictionaryArray.from_arrays(slack_s, [SLACK_S]),
  }
  return pa.table(columns)  # the columns of files.SCHEMA, in types that need less memory


def _times(times_s, segment_of, begins_s):
  """Returns times in the file, float64 with nulls where there is no segment."""
  values_s = np.zeros(len(segment_of))
  if len(times_s):
    np.take(times_s, segment_of, out=values_s, mode="clip")
  np.subtract(values_s, begins_s, out=values_s, where=~np.isnan(begins_s))
  return pa.array(values_s, mask=segment_of < 0)


def _taken(column, chosen):
  """Returns the chosen rows of an array of NumPy or pyarrow; None: all, without a copy."""
  if chosen is None:
    return column
  return column[chosen] if isinstance(column, np.ndarray) else column.take(pa.array(chosen))


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
