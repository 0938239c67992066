"""Clips in files as rows of an Arrow table, so that millions of them stay small."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from contrastive_audio.datasets.file_tree import printable

SCHEMA = pa.schema(
  [
    pa.field("key", pa.large_string()),
    pa.field("path", pa.large_binary()),  # relative to the root; see also KEY
    pa.field("member", pa.large_string()),  # where in the file, see archive_members.py
    pa.field("label", pa.large_string()),
    pa.field("group", pa.large_string()),
    pa.field("split", pa.large_string()),
    pa.field("start_s", pa.float64()),
    pa.field("stop_s", pa.float64()),
    pa.field("slack_s", pa.float64()),
  ]
)
# Stands for the key in a path, so that paths can be dictionary-encoded by their folders.
KEY = b"\0"
MISSING_SCHEMA = pa.schema([pa.field(name, pa.large_string()) for name in ("key", "split")])
_BATCH_ROWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class Row:
  """One clip in a file.

  Attributes:
    path: of its file, relative to the root of the data set, str as `os.fsdecode` returns it.
    label: see source.Clip.
    group: see source.Clip.
    split: name of its split, or None.
    key: see source.Clip; None: the path.
    member: where in the file, see archive_members.py; None: the whole file.
    start_s: start of the clip in the recording, see reading.read; None: the whole recording.
    stop_s: end of the clip in the recording.
    slack_s: how much longer than the clip a file may be that holds the clip alone.

  Example:
    >>> Row(path="dog/1.wav", label="dog").key is None  # the path is the key
    True
  """

  path: str
  label: str | None = None
  group: str | None = None
  split: str | None = None
  key: str | None = None
  member: str | None = None
  start_s: float | None = None
  stop_s: float | None = None
  slack_s: float | None = None


def to_table(rows: Iterable[Row]) -> pa.Table:
  """Returns the table (SCHEMA) of clips, in their order.

  Args:
    rows: the clips.

  Example:
    >>> to_table([Row("dog/1.wav", label="dog"), Row("cat/1.wav")])["key"].to_pylist()
    ['dog/1.wav', 'cat/1.wav']
  """
  batches, remaining = [], iter(rows)
  while batch := list(itertools.islice(remaining, _BATCH_ROWS)):
    columns = {name: [getattr(row, name) for row in batch] for name in SCHEMA.names}
    columns["path"] = [os.fsencode(row.path) for row in batch]
    columns["key"] = [printable(row.path) if row.key is None else row.key for row in batch]
    batches.append(pa.record_batch(columns, SCHEMA))
  return pa.Table.from_batches(batches, SCHEMA)


def to_missing_table(pairs: Sequence[tuple[str, str | None]]) -> pa.Table:
  """Returns the table (MISSING_SCHEMA) of clips that are listed but not there.

  Args:
    pairs: (key, split) of each clip.

  Example:
    >>> to_missing_table([("a.wav", "train")]).to_pylist()
    [{'key': 'a.wav', 'split': 'train'}]
  """
  columns = zip(*pairs) if pairs else ((), ())
  return pa.table([pa.array(cells, pa.large_string()) for cells in columns], MISSING_SCHEMA)


def iterate_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
  """Yields the rows of a table (SCHEMA) as dictionaries with complete paths, a few at a time.

  Args:
    table: the clips.

  Example:
    >>> next(iterate_rows(to_table([Row("dog/1.wav", start_s=2.5)])))["start_s"]
    2.5
  """
  for batch in table.to_batches(max_chunksize=4096):
    for row in batch.to_pylist():
      yield row | {"path": row["path"].replace(KEY, row["key"].encode())}
