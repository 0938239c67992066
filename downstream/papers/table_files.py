"""A measured table, printed, and written as Markdown, CSV and a figure."""

from collections.abc import Sequence

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.files import write_text
from contrastive_audio.utils.spreadsheets import write_csv
from contrastive_audio.utils.words import counted
from downstream.cards.all_cards import CARDS
from downstream.papers.bar_chart import bars
from downstream.papers.cells import Column
from downstream.papers.intervals import LEVEL
from downstream.papers.results import MARK, Results
from downstream.papers.table import Table

_INTERVAL = f"[{100 * LEVEL:.0f} % interval of the mean]"


def print_and_write(table: Table, results: Results, path: str, draw_published: bool) -> None:
  """Prints a table as Markdown, and writes it as .md, .csv and, if anything was measured, .png.

  Args:
    table: what was compared.
    results: what was measured.
    path: path of the files, without their extensions.
    draw_published: whether the published numbers are of the same tasks, and belong in the figure.

  Example:
    >>> from downstream.papers.table import Variant
    >>> variants = [Variant("random", None), Variant("COLA", None)]
    >>> table = Table("one task", variants, ("musan",), tasks_are_rows=False)
    >>> scores, published = np.array([[[90.0, 92]], [[97, 98]]]), np.full([2, 2], np.nan)
    >>> results = Results(["random", "COLA"], ["musan"], [0, 1], scores, published)
    >>> print_and_write(table, results, path="table", draw_published=True)
    <BLANKLINE>
    one task; accuracy (%), mean ± standard deviation of 2 seeds
    <BLANKLINE>
    |        | musan      | average    |
    | ------ | ---------- | ---------- |
    | random | 91.0 ± 1.4 | 91.0 ± 1.4 |
    | COLA   | 97.5 ± 0.7 | 97.5 ± 0.7 |
    <BLANKLINE>
    difference from "random" within each seed; mean ± standard deviation of 2 seeds [95 % ...
    <BLANKLINE>
    |      | musan                    | average                  |
    | ---- | ------------------------ | ------------------------ |
    | COLA | +6.5 ± 0.7 [+0.1, +12.9] | +6.5 ± 0.7 [+0.1, +12.9] |
    <BLANKLINE>
    files      table.md, .csv, .png
  """
  text = "\n".join(_paragraphs(table, results))
  print(f"\n{text}", flush=True)
  write_text(f"{path}.md", f"{text}\n")
  _write_csv(f"{path}.csv", table, results)
  if results.is_measured:
    _draw(f"{path}.png", table, results, draw_published)
  print()
  line("files", f"{path}.md, .csv{', .png' if results.is_measured else ''}")


def print_comparable(columns: Sequence[Column], results: Results) -> None:
  """Prints, for each measured task, what can be compared with the published numbers.

  Args:
    columns: columns of the table.
    results: what was measured.

  Example:
    >>> published = np.array([[99.1, np.nan]])
    >>> results = Results(["COLA"], ["musan"], [0], np.array([[[98.0]]]), published)
    >>> print_comparable([Column("musan")], results)
    comparable musan: no: it is unknown how the paper cut and divided the recordings
  """
  is_measured = np.isfinite(results.scores).any(axis=(0, 2))
  for task in dict.fromkeys(c.task for c, measured in zip(columns, is_measured) if measured):
    line("comparable", f"{task}: {CARDS[task].comparable}")


def _paragraphs(table: Table, results: Results) -> list[str]:
  """Returns the lines of the table, of the remarks on its runs, and of the differences."""
  spread = _spread(results)
  title = f"{table.title}; {table.measure} (%), {spread}"
  lines = [title, "", *_as_lines(table, results, results.names(), results.texts())]
  remarks = [f"- {MARK} {name}, seed {seed}: {text}" for name, seed, text in results.remarks]
  lines += ["", *remarks] if remarks else []
  reference = table.reference_variant
  mean, _, _ = results.differences(reference)
  if np.isfinite(mean).any() and len(results.variants) > 1:
    texts = results.difference_texts(reference)
    others = [row for row, name in enumerate(results.variants) if name != reference]
    names, texts = [results.names()[row] for row in others], [texts[row] for row in others]
    lines += ["", f'difference from "{reference}" within each seed; {spread} {_INTERVAL}', ""]
    lines += _as_lines(table, results, names, texts)
  return lines


def _spread(results: Results) -> str:
  """Returns what the numbers of a table are over the seeds."""
  num_seeds = counted(len(results.seeds), "seed")
  if len(results.seeds) > 1:
    return f"mean ± standard deviation of {num_seeds}"
  return f"{num_seeds}, no spread"


def _as_lines(
  table: Table, results: Results, names: list[str], texts: list[list[str]]
) -> list[str]:
  """Returns a Markdown table with the texts `[len(names)][columns]`."""
  if table.tasks_are_rows:
    rows = [[name, *column] for name, column in zip(results.columns, zip(*texts))]
    return markdown_table.lines(["task", *names], rows)
  return markdown_table.lines(["", *results.columns], [[n, *row] for n, row in zip(names, texts)])


def _write_csv(path: str, table: Table, results: Results) -> None:
  """Writes a row for each variant and column."""
  reference = table.reference_variant
  by_seed = [f"seed_{seed}" for seed in results.seeds]
  difference, difference_std, width = results.differences(reference)
  numbers = [results.mean(), results.spread(), results.published, difference, difference_std]
  numbers += [difference - width, difference + width]
  names = ["mean", "std", "published", "difference", "difference_std"]
  names += ["interval_low", "interval_high"]
  header: list[object] = [
    "variant",
    "task",
    *names,
    *by_seed,
    "reference",
    "flagged",
  ]
  rows = [header]
  for row, variant in enumerate(results.variants):
    flagged = " ".join(f"seed_{r.seed}" for r in results.remarks if r.variant == variant)
    for column, task in enumerate(results.columns):
      values = [each[row, column] for each in numbers] + results.scores[row, column].tolist()
      shown = ["" if np.isnan(value) else f"{value:.2f}" for value in values]
      rows.append([variant, task, *shown, reference, flagged])
  write_csv(path, rows)


def _draw(path: str, table: Table, results: Results, draw_published: bool) -> None:
  """Draws a group of bars per task, with a bar per variant."""
  bars(
    path,
    results.columns,
    results.variants,
    means=results.mean().T,
    spreads=results.spread().T,
    published=results.published.T if draw_published else None,
    ylabel=f"{table.measure} (%)",
    title=f"{table.title}\n{_spread(results)}",
  )
