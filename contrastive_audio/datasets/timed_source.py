"""A table with times -> recordings, each decoded once, and the stretches of them that it lists."""

import hashlib
import os
from collections.abc import Collection, Mapping

import pyarrow as pa

from contrastive_audio.datasets.clip_table import SCHEMA, Row, iterate_rows, to_table
from contrastive_audio.datasets.file_source import FileSource
from contrastive_audio.datasets.file_tree import printable
from contrastive_audio.datasets.stretches import Stretches, require_inside
from contrastive_audio.datasets.timed_rows import WHERE
from contrastive_audio.sound import reading


def divided_recordings(rows: pa.Table) -> set[bytes]:
  """Returns the paths of recordings whose rows are of several splits.

  Of what no row covers in them, nobody can say of which split it is.

  Args:
    rows: all rows of a table, whatever is chosen of it.

  Example:
    >>> rows = to_table([Row("a.wav", split="train"), Row("a.wav", split="test"), Row("b.wav")])
    >>> divided_recordings(rows)
    {b'a.wav'}
  """
  splits: dict[bytes, set[str | None]] = {}
  for path, split in zip(rows["path"].to_pylist(), rows["split"].to_pylist()):
    splits.setdefault(path, set()).add(split)
  return {path for path, names in splits.items() if len(names) > 1}


class TimedSource(FileSource):
  """Recordings, of which a table lists stretches.

  The recordings are the clips of this source: what is decoded, and kept, does not depend on times
  and labels. So a table may change, and nothing is decoded again.

  Example:
    >>> import numpy as np, soundfile
    >>> from contrastive_audio.datasets.timed_rows import TimedRows
    >>> soundfile.write("a.wav", np.zeros(32_000), 16_000)
    >>> rows = TimedRows()
    >>> for second, label in ((0.0, "dog"), (1.0, "cat")):
    ...   rows.add("", "a", Row("a.wav", label=label, start_s=second, stop_s=second + 0.5))
    >>> source = TimedSource(".", rows.table(), "two rows")
    >>> source.num_clips, source.num_listed
    (1, 2)
  """

  def __init__(
    self,
    root: str,
    rows: pa.Table,
    summary: str,
    background: str | None = None,
    divided: Collection[bytes] = (),
  ):
    """Lists the recordings, and compares the times with what their headers say.

    Args:
      root: folder to which the paths are relative.
      rows: the chosen stretches, with the column timed_rows.WHERE.
      summary: one human-readable line.
      background: class of what no row covers; None: that is not used.
      divided: recordings of which nothing is background, see `divided_recordings`.

    Raises:
      UserError: a stretch lies outside its recording.
    """
    paths = sorted(set(rows["path"].to_pylist()))
    files = to_table(Row(os.fsdecode(path)) for path in paths)
    name = f"recordings:{os.path.basename(os.path.realpath(root))}"
    super().__init__(name, root, files, summary)
    where = rows[WHERE].to_pylist()
    self._used = Stretches(rows.select(SCHEMA.names), where, background, frozenset(divided))
    self.stretches = self._used
    self._require_inside(root)

  @property
  def num_listed(self) -> int:
    return self._used.rows.num_rows

  def listing(self) -> str:
    stretches = self._used
    digest = hashlib.sha256(self.fingerprint().encode())
    for row in iterate_rows(stretches.rows):
      digest.update(repr(row).encode())
    digest.update(repr((stretches.background, sorted(stretches.divided))).encode())
    return digest.hexdigest()

  def labels(self) -> Mapping[str, str | None]:
    if self._used.background is not None:
      return {}
    return {row["key"]: row["label"] for row in iterate_rows(self._used.rows)}

  def splits(self) -> dict[str, str | None]:
    splits: dict[str, str | None] = {}
    of_file: dict[str, set[str]] = {}
    for row in iterate_rows(self._used.rows):
      splits[row["key"]] = row["split"]
      if row["split"] is not None:
        of_file.setdefault(printable(os.fsdecode(row["path"])), set()).add(row["split"])
    # What no row covers is of the split of its recording; a row without a split is of none.
    alike = {file: names.pop() for file, names in of_file.items() if len(names) == 1}
    return alike | splits

  def _require_inside(self, root: str) -> None:
    """Raises an error if a header says that its recording ends before a stretch does."""
    lengths_s: dict[bytes, float | None] = {}
    for where, row in zip(self._used.where, iterate_rows(self._used.rows)):
      path = row["path"]
      if row["stop_s"] is None:
        continue
      if path not in lengths_s:
        lengths_s[path] = reading.stated_duration_s(os.path.join(root, os.fsdecode(path)))
      if (length_s := lengths_s[path]) is not None:
        file = printable(os.fsdecode(path))
        require_inside(where, file, row["start_s"], row["stop_s"], length_s)
