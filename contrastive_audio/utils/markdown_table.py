"""Rows as a table that is Markdown and reads well in a terminal."""


def show(headings, rows):
  """Prints a table; see `lines`."""
  print("\n".join(lines(headings, rows)), flush=True)


def lines(headings, rows):
  """Returns the lines of a table.

  Args:
    headings: names of the columns.
    rows: lists of cells, as long as `headings`.
  """
  rows = [list(map(str, row)) for row in rows]
  widths = [max(map(len, column)) for column in zip(headings, *rows)]
  return [
    "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    for row in (headings, ["-" * width for width in widths], *rows)
  ]
