"""Files with a JSON object per line, each of which belongs to a step."""

import json
import os
from typing import Any, NamedTuple

import tqdm

from contrastive_audio.utils.files import write_text
from contrastive_audio.utils.words import counted


class Rows(NamedTuple):
  """What a file of rows holds.

  Attributes:
    rows: those that can be read, each with a whole number "step".
    num_damaged: lines that cannot be read; not the last, which a killed process may have cut.

  Example:
    >>> Rows([{"step": 10, "loss": 0.5}], num_damaged=0).rows[0]["loss"]
    0.5
  """

  rows: list[dict[str, Any]]
  num_damaged: int


def read_rows(path: str | os.PathLike) -> Rows:
  """Reads a file of rows, whatever it holds; nothing, if there is none.

  Args:
    path: such as a metrics.jsonl.

  Example:
    >>> with open("rows", "wb") as file:
    ...   _ = file.write(b'{"step": 1, "loss": 2.5}\\n\\xff\\x00\\n[]\\n{"step": 2, "lo')
    >>> read_rows("rows")
    Rows(rows=[{'step': 1, 'loss': 2.5}], num_damaged=2)
  """
  if not os.path.exists(path):
    return Rows([], 0)
  with open(path, "rb") as file:
    *lines, last = file.read().split(b"\n")
  rows = [_parse(line) for line in lines if line.strip()]
  num_damaged = rows.count(None)
  if (row := _parse(last)) is not None:
    rows.append(row)
  return Rows([row for row in rows if row is not None], num_damaged)


def drop_rows_after(path: str | os.PathLike, step: int, unfinished: str | None = None) -> None:
  """Drops the rows of later steps from a file; says whether it was damaged.

  Args:
    path: the file.
    step: the last step whose rows are kept.
    unfinished: rows of that very step that hold this name are dropped, too.

  Example:
    >>> with open("rows", "w") as file:
    ...   _ = file.write('{"step": 1, "loss": 2.5}\\n{"step": 2, "loss": 1.5}\\n')
    >>> drop_rows_after("rows", 1)
    >>> read_rows("rows").rows
    [{'step': 1, 'loss': 2.5}]
  """
  rows, num_damaged = read_rows(path)
  if num_damaged:
    tqdm.tqdm.write(f"damaged    {os.fspath(path)}: {counted(num_damaged, 'line')} left out")
  kept = [row for row in rows if row["step"] < step + (unfinished not in row)]
  write_text(path, "".join(json.dumps(row) + "\n" for row in kept))


def _parse(line: bytes) -> dict[str, Any] | None:
  try:
    row = json.loads(line)
  except (ValueError, RecursionError):
    return None
  if not isinstance(row, dict) or type(row.get("step")) is not int:
    return None
  is_number = (isinstance(value, (int, float)) for value in row.values())
  return row if all(is_number) else None
