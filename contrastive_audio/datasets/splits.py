"""Splits of a data set: which there are, and the clips of some of them."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from contrastive_audio.errors import UserError

# What people call a split -> its name.
_NAMES = {
  "training": "train",
  "testing": "test",
  "val": "validation",
  "valid": "validation",
}
# Names by which a folder is taken for a split.
FOLDER_NAMES = frozenset({"train", "test", "validation", "dev", "eval", "evaluation"})


def split_name(text: str) -> str:
  """Returns the name of a split, however it is written.

  Args:
    text: in a table, in the name of a folder, or in a flag.

  Example:
    >>> split_name("Train"), split_name("VAL"), split_name("fold 1")
    ('train', 'validation', 'fold 1')
  """
  lower = text.strip().lower()
  return _NAMES.get(lower, lower)


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
    names = [self._known(name) for name in split.split("+")]
    for name in names:
      if not self._members.get(name):
        available = ", ".join(sorted(filter(self._members.get, self._members))) or "none"
        raise UserError(f"{dataset}: no clip with split {name!r}; it has {available}")
    return sorted(set().union(*map(self._members.__getitem__, names)))

  def _known(self, name: str) -> str:
    """Returns a name as the data set has it, if it has it in another spelling."""
    return name if self._members.get(name) else split_name(name)


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


def describe(table: pa.Table, names: Sequence[str] | None) -> str:
  """Says which splits of a table were chosen, and what that leaves out; "" if it has no splits.

  Args:
    table: all clips.
    names: as `Splits.choose` returns them.

  Example:
    >>> table = pa.table({"split": ["train", "test", "test", None]})
    >>> describe(table, ["train"])
    ', split train (left out: 2 of test, 1 without a split)'
    >>> describe(table, None)
    ', all splits (2 of test, 1 of train, 1 without a split)'
  """
  counts = {row["values"]: row["counts"] for row in pc.value_counts(table["split"]).to_pylist()}
  if not set(counts) - {None}:
    return ""
  without = counts.pop(None, 0)
  others = sorted(set(counts) - set(names or ()))
  rest = [f"{counts[name]} of {name}" for name in others]
  rest += [f"{without} without a split"] if without else []
  if names is None:
    return f", all splits ({', '.join(rest)})"
  left_out = f" (left out: {', '.join(rest)})" if rest else ""
  return f", split {'+'.join(names)}{left_out}"
