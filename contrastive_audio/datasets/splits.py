"""Splits of a data set: which there are, and the clips of some of them."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.errors import UserError


class Splits:
  """The splits that the clips of a data set name, and unions of them.

  Args:
    table: the clips, with a column `split`.
    unions: see source.ClipSource.

  Example:
    >>> table = pa.table({"split": ["train", "test", None]})
    >>> Splits(table).choose("test", "my clips")
    ['test']
    >>> Splits(table, unions={"both": ("train", "test")}).choose("both", "my clips")
    ['test', 'train']
  """

  def __init__(self, table: pa.Table, unions: Mapping[str, Sequence[str]] | None = None):
    present = set(pc.unique(table["split"]).to_pylist()) - {None}
    self._members = {name: {name} for name in present}
    self._members |= {name: present & set(members) for name, members in (unions or {}).items()}

  def choose(self, split: str | None, dataset: str) -> list[str] | None:
    """Returns the names in the column `split` that a choice stands for, sorted; None: all clips.

    Args:
      split: a name, several joined by "+", "all", or None: "train" if there is one, else all.
      dataset: human-readable name of the data set, for messages.

    Raises:
      UserError: there is no such split.
    """
    if split is None:
      split = "train" if self._members.get("train") else "all"
    if split == "all":
      return None
    names = split.split("+")
    for name in names:
      if not self._members.get(name):
        available = ", ".join(sorted(filter(self._members.get, self._members))) or "none"
        raise UserError(f"{dataset}: no clip with split {name!r}; it has {available}")
    return sorted(set().union(*map(self._members.__getitem__, names)))


def filter_splits(table: pa.Table, names: Sequence[str] | None) -> pa.Table:
  """Returns the rows of a table whose `split` is among the names; all rows, if None.

  Args:
    table: the clips.
    names: as `Splits.choose` returns them.

  Example:
    >>> filter_splits(pa.table({"split": ["train", "test", None]}), ["test"]).num_rows
    1
  """
  if names is None:
    return table
  return table.filter(pc.is_in(table["split"], pa.array(names, pa.large_string())))
