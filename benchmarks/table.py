"""Prints rows as a table that is Markdown and reads well in a terminal."""


def show(headings, rows):
  """Prints a table.

  Args:
    headings: names of the columns.
    rows: lists of strings, as long as `headings`.
  """
  rows = [list(map(str, row)) for row in rows]
  widths = [max(map(len, column)) for column in zip(headings, *rows)]
  for row in (headings, ["-" * width for width in widths], *rows):
    print(
      "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |", flush=True
    )
