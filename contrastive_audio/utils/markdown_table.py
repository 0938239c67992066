"""Rows as a Markdown table that also reads well in a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any


def show(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
  """Prints a table; see `lines`.

  Args:
    headings: names of the columns.
    rows: rows of cells, each as long as `headings`.

  Example:
    >>> show(["encoder", "accuracy (%)"], [["cola", 81.2], ["random", 75]])
    | encoder | accuracy (%) |
    | ------- | ------------ |
    | cola    | 81.2         |
    | random  | 75           |
  """
  print("\n".join(lines(headings, rows)), flush=True)


def lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
  """Returns the lines of a table, with columns padded to equal widths.

  Args:
    headings: names of the columns.
    rows: rows of cells, each as long as `headings`; a `|` in a cell is escaped.

  Example:
    >>> lines(["a", "b"], [[1, 22]])
    ['| a | b  |', '| - | -- |', '| 1 | 22 |']
  """
  cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (headings, *rows)]
  widths = [max(map(len, column)) for column in zip(*cells)]
  return [
    "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    for row in (cells[0], ["-" * width for width in widths], *cells[1:])
  ]
