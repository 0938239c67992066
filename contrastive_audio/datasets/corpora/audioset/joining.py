"""Recordings and lists -> clips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from contrastive_audio.datasets.clip_table import to_missing_table
from contrastive_audio.datasets.corpora.audioset.lists import CLASS_FILE, SPLITS, Segments
from contrastive_audio.datasets.corpora.audioset.recordings import NO_SPLIT, Recordings
from contrastive_audio.datasets.corpora.audioset.sorted_ids import (
  BLOCK_ROWS,
  find_positions,
  first_positions,
)
from contrastive_audio.datasets.corpora.corpus import Contents
from contrastive_audio.errors import UserError

UNLISTED = "unlisted"  # split of recordings for which neither a list nor a folder names one
SLACK_S = 1.0  # a download is rarely cut to the sample


def join(recordings: Recordings, segments: Segments, classes: Sequence[str]) -> Contents:
  """Joins recordings and segments by their ids.

  Without any list, all recordings are clips: whole, unlabelled, of the split that their folder
  names. With lists, an unlisted recording is a clip only if its folder names its split; otherwise
  it might belong to the evaluation set.

  Args:
    recordings: of a folder.
    segments: of all lists.
    classes: names of the classes, in order; empty if there is no class file.

  Returns:
    The clips, in the order of their paths.

  Raises:
    UserError: the lists name none of the recordings.

  Example:
    >>> from contrastive_audio.datasets.corpora.audioset import lists, recordings
    >>> found = recordings.identify(".", ["eval/Y--PJHxphWEs.wav"])
    >>> contents = join(found, lists.read_segments(".", paths=[], classes={}), classes=())
    >>> contents.table["split"].to_pylist(), contents.remarks
    (['eval'], ('no *_segments.csv: whole recordings, no labels',))
  """
  segment_of = find_positions(segments.ids, recordings.ids)  # -1: unlisted
  chosen = _choose_copies(recordings, segment_of, segments)
  segment_of = _take(segment_of, chosen)
  num_copies = len(recordings.ids) - len(segment_of)
  num_unlisted = 0
  if segments.files:
    is_clip = (segment_of >= 0) | (_take(recordings.splits, chosen) != NO_SPLIT)
    num_unlisted = int((~is_clip).sum())
    if num_unlisted:
      chosen = np.flatnonzero(is_clip) if chosen is None else chosen[is_clip]
      segment_of = segment_of[is_clip]
  if not len(segment_of):
    raise UserError(
      f"none of {len(recordings.ids)} recordings is named by {', '.join(segments.files)}: are "
      "these the lists that belong to them?"
    )
  return Contents(
    table=_table(recordings, segments, chosen, segment_of),
    classes=tuple(classes),
    missing=_missing(segments, segment_of),
    remarks=_remarks(recordings, segments, bool(classes), num_copies, num_unlisted),
  )


def _choose_copies(
  recordings: Recordings, segment_of: np.ndarray, segments: Segments
) -> np.ndarray | None:
  """Returns the numbers of recordings, one for each id, in the order of paths; None: all.

  Of several copies, one that begins where the segment does is preferred, then sound to film, then
  the first.
  """
  if _has_recording(segments, segment_of).sum() == len(segment_of):  # usual, and needs less memory
    return None
  listed = segment_of >= 0
  segment_starts_s = np.full(len(segment_of), np.nan)
  segment_starts_s[listed] = segments.starts_s[segment_of[listed]]
  begins_elsewhere = ~(np.abs(recordings.starts_s - segment_starts_s) < 0.01)
  # The last key of lexsort is the primary one.
  order = np.lexsort([recordings.is_film, begins_elsewhere, recordings.ids])
  return np.sort(first_positions(recordings.ids, order))


def _has_recording(segments: Segments, segment_of: np.ndarray) -> np.ndarray:
  """Returns bool `[n]`: whether there is a recording of each segment."""
  has_recording = np.zeros(len(segments.ids), bool)
  for start in range(0, len(segment_of), BLOCK_ROWS):  # no copy of all rows
    block = segment_of[start : start + BLOCK_ROWS]
    has_recording[block[block >= 0]] = True
  return has_recording


def _missing(segments: Segments, segment_of: np.ndarray) -> pa.Table:
  """Returns the segments without a recording, and those whose ids were destroyed."""
  is_missing = ~_has_recording(segments, segment_of)
  keys = _strings(segments.ids[is_missing]).cast(pa.large_string())
  splits = _split_names(segments.splits[is_missing]).cast(pa.large_string())
  destroyed = to_missing_table(segments.destroyed)
  return pa.concat_tables([pa.table([keys, splits], schema=destroyed.schema), destroyed])


def _split_names(splits: np.ndarray) -> pa.DictionaryArray:
  names = pa.array([*SPLITS, UNLISTED], pa.large_string())
  codes = np.minimum(splits, len(SPLITS)).astype(np.int8)
  return pa.DictionaryArray.from_arrays(pa.array(codes), names)


def _strings(ids: np.ndarray) -> pa.Array:
  """Returns ids, bytes of one length, as strings that share their memory."""
  num_bytes = ids.dtype.itemsize
  offsets = np.arange(0, (len(ids) + 1) * num_bytes, num_bytes, dtype=np.int32)
  buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(ids))]
  return pa.Array.from_buffers(pa.string(), len(ids), buffers)


def _table(
  recordings: Recordings, segments: Segments, chosen: np.ndarray | None, segment_of: np.ndarray
) -> pa.Table:
  """Returns the clips with the columns of clip_table.SCHEMA, in types that need less memory."""
  listed = segment_of >= 0
  splits = _take(recordings.splits, chosen).copy()
  splits[listed] = segments.splits[segment_of[listed]]
  # Times are those of the video; a file whose name gives a start time begins there.
  begins_s, nulls = _take(recordings.starts_s, chosen), pa.nulls(len(segment_of))
  slack = pa.array(np.zeros(len(segment_of), np.int8), mask=~listed)
  columns = {
    "key": _strings(_take(recordings.ids, chosen)),
    "path": _take(recordings.paths, chosen),
    "member": _take(recordings.members, chosen),
    "label": segments.labels.take(pa.array(segment_of, mask=~listed)) if listed.any() else nulls,
    "group": nulls,
    "split": _split_names(splits),
    "start_s": _times_in_file(segments.starts_s, segment_of, begins_s),
    "stop_s": _times_in_file(segments.stops_s, segment_of, begins_s),
    "slack_s": pa.DictionaryArray.from_arrays(slack, [SLACK_S]),
  }
  return pa.table(columns)


def _times_in_file(times_s: np.ndarray, segment_of: np.ndarray, begins_s: np.ndarray) -> pa.Array:
  """Returns times of segments as times in their files, float64; null without a segment."""
  values_s = np.zeros(len(segment_of))
  if len(times_s):
    np.take(times_s, segment_of, out=values_s, mode="clip")
  np.subtract(values_s, begins_s, out=values_s, where=~np.isnan(begins_s))
  return pa.array(values_s, mask=segment_of < 0)


def _take(column: Any, chosen: np.ndarray | None) -> Any:
  """Returns the chosen rows of an array of NumPy or pyarrow; None: all, without a copy."""
  if chosen is None:
    return column
  return column[chosen] if isinstance(column, np.ndarray) else column.take(pa.array(chosen))


def _remarks(
  recordings: Recordings,
  segments: Segments,
  has_classes: bool,
  num_copies: int,
  num_unlisted: int,
) -> tuple[str, ...]:
  remarks = []
  if not segments.files:
    remarks.append("no *_segments.csv: whole recordings, no labels")
  elif not has_classes:
    remarks.append(f"no {CLASS_FILE}: no labels")
  if segments.destroyed:
    remarks.append(f"{len(segments.destroyed)} ids of the lists were destroyed by a spreadsheet")
  if segments.num_repeated:
    remarks.append(f"{segments.num_repeated} rows of the lists repeat an id")
  if num_copies:
    remarks.append(f"{num_copies} copies of recordings are left out")
  if num_unlisted:
    remarks.append(f"{num_unlisted} unlisted recordings are left out")
  if recordings.num_foreign:
    examples = ", ".join(recordings.foreign)
    remarks.append(
      f"{recordings.num_foreign} files without an AudioSet id are left out ({examples})"
    )
  return tuple(remarks)
