"""A table that is measured, printed, and written as Markdown, CSV and a figure."""

import csv
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.files import replacing, write_text
from contrastive_audio.utils.words import counted
from downstream.cards import published_scores
from downstream.cards.all_cards import CARDS
from downstream.papers.bar_chart import bars
from downstream.papers.laboratory import Laboratory
from downstream.papers.measurement import Measurement
from downstream.papers.table import Table


class Column(NamedTuple):
  """A column of numbers: a task under a condition.

  Attributes:
    task: name of a card.
    condition: name of a condition of the table.

  Example:
    >>> Column("musan").title
    'Music, Speech and Noise'
  """

  task: str
  condition: str = ""

  @property
  def title(self) -> str:
    """The name of the task in the paper, and the condition."""
    task = published_scores.PAPER_TASKS.get(self.task, self.task)
    return f"{task}, {self.condition}" if self.condition else task


class Results:
  """A table that has been measured.

  Attributes:
    variants: names.
    columns: titles of the columns, the average last.
    scores: float `[variants, columns, seeds]` in %; NaN: not measured.
    published: float `[variants, columns]` in %; NaN: no published number.

  Example:
    >>> scores = np.array([[[50.0, 60.0], [70.0, 80.0]]])  # one variant, two tasks, two seeds
    >>> Results(["COLA"], ["esc50", "musan"], scores, np.full([1, 3], np.nan)).cells()
    [['55.0 ± 7.1', '75.0 ± 7.1', '65.0 ± 7.1']]
  """

  def __init__(
    self,
    variants: Sequence[str],
    columns: Sequence[str],
    scores: np.ndarray,
    published: np.ndarray,
  ):
    """Adds the average over the columns.

    Args:
      variants: names.
      columns: titles, without the average.
      scores: float `[variants, columns, seeds]` in %, without the average.
      published: float `[variants, columns + 1]`, with the average.
    """
    self.variants, self.columns = list(variants), [*columns, published_scores.AVERAGE]
    self.scores = np.concatenate([scores, scores.mean(axis=1, keepdims=True)], axis=1)
    self.published = published

  def mean(self) -> np.ndarray:
    """Returns float `[variants, columns]`, the means over the seeds."""
    return self.scores.mean(axis=2)

  def spread(self) -> np.ndarray:
    """Returns float `[variants, columns]`, the standard deviations; 0 for a single seed."""
    ddof = 1 if self.scores.shape[2] > 1 else 0
    return self.scores.std(axis=2, ddof=ddof)

  def cells(self) -> list[list[str]]:
    """Returns the text of each cell, `[variants][columns]`."""
    return [
      [_cell(*numbers) for numbers in zip(*row)]
      for row in zip(self.mean(), self.spread(), self.published)
    ]


def columns_of(table: Table, tasks: Sequence[str] | None = None) -> list[Column]:
  """Returns the columns of a table.

  Args:
    table: what is compared on which tasks.
    tasks: tasks to use instead of those of the table; None: those of the table.

  Example:
    >>> from downstream.papers.table import TableRequest
    >>> from downstream.papers.tables import MAKERS
    >>> columns_of(MAKERS["cola_similarity"](TableRequest()), ["esc10"])
    [Column(task='esc10', condition='')]
  """
  return [Column(task, name) for task in tasks or table.tasks for name in table.conditions]


def measure(
  table: Table, columns: Sequence[Column], laboratory: Laboratory, seeds: Sequence[int]
) -> Results:
  """Measures the cells of a table that have not been measured.

  Args:
    table: what is compared on which tasks.
    columns: some of its columns.
    laboratory: where everything is kept.
    seeds: seeds of each cell.

  Raises:
    UserError: something cannot be measured.

  Example:
    >>> from downstream.papers.measurement import LaboratoryRequest
    >>> from downstream.papers.table import Variant
    >>> table = Table("one task", [Variant("TRILL", None)], ("musan",))
    >>> laboratory = Laboratory(LaboratoryRequest("tables"))
    >>> measure(table, columns_of(table), laboratory, seeds=[0, 1]).scores.shape
    (1, 2, 2)
  """
  scores = np.full([len(table.variants), len(columns), len(seeds)], np.nan)
  for row, variant in enumerate(table.variants):
    for number, seed in enumerate(seeds):
      for index, column in enumerate(columns):
        if column.task in CARDS and variant.model is not None:
          condition = table.conditions[column.condition]
          measurement = Measurement(variant.model, variant.method, column.task, condition)
          scores[row, index, number] = laboratory.measure(measurement, seed)
  names = [variant.name for variant in table.variants]
  titles = [column.title for column in columns]
  return Results(names, titles, scores, published_of(table, columns))


def published_of(table: Table, columns: Sequence[Column]) -> np.ndarray:
  """Returns the published numbers, float `[variants, columns + 1]`, the average last; NaN: none.

  Args:
    table: what is compared on which tasks.
    columns: some of its columns.

  Example:
    >>> from downstream.papers.table import TableRequest
    >>> from downstream.papers.tables import MAKERS
    >>> table = MAKERS["cola_similarity"](TableRequest("papers"))  # cosine, bilinear
    >>> published_of(table, [Column("speech_commands_v2")])[:, 0]
    array([42.4, 62.4])
  """
  tasks = [column.task for column in columns] + [published_scores.AVERAGE]
  values = [
    [table.published.get((variant.column or "", task), np.nan) for task in tasks]
    for variant in table.variants
  ]
  return np.array(values, float)


def print_and_write(
  table: Table, results: Results, seeds: Sequence[int], path: str, draw_published: bool
) -> None:
  """Prints a table as Markdown, and writes it as .md, .csv and, if anything was measured, .png.

  Args:
    table: what was compared.
    results: what was measured.
    seeds: seeds of each cell.
    path: path of the files, without their extensions.
    draw_published: whether the published numbers are of the same tasks, and belong in the figure.

  Example:
    >>> from downstream.papers.table import Variant
    >>> results = Results(["COLA"], ["musan"], np.array([[[98.0]]]), np.array([[99.1, np.nan]]))
    >>> table = Table("one task", [Variant("COLA", None)], ("musan",), tasks_are_rows=False)
    >>> print_and_write(table, results, seeds=[0], path="table", draw_published=True)
    <BLANKLINE>
    one task; %, mean ± standard deviation of 1 seed
    <BLANKLINE>
    |      | musan                       | average    |
    | ---- | --------------------------- | ---------- |
    | COLA | 98.0 ± 0.0 (published 99.1) | 98.0 ± 0.0 |
    <BLANKLINE>
    files      table.md, .csv, .png
  """
  lines = markdown_table.lines(*_as_rows(table, results))
  print(
    f"\n{table.title}; %, mean ± standard deviation of {counted(len(seeds), 'seed')}\n", flush=True
  )
  print("\n".join(lines))
  write_text(f"{path}.md", "\n".join(lines) + "\n")
  _write_csv(f"{path}.csv", results, seeds)
  is_measured = bool(np.isfinite(results.mean()).any())
  if is_measured:
    _draw(f"{path}.png", table, results, draw_published)
  print()
  line("files", f"{path}.md, .csv{', .png' if is_measured else ''}")


def print_comparable(columns: Sequence[Column], results: Results) -> None:
  """Prints, for each measured task, what can be compared with the published numbers.

  Args:
    columns: columns of the table.
    results: what was measured.

  Example:
    >>> results = Results(["COLA"], ["musan"], np.array([[[98.0]]]), np.array([[99.1, np.nan]]))
    >>> print_comparable([Column("musan")], results)
    comparable musan: no: it is unknown how the paper cut and divided the recordings
  """
  is_measured = np.isfinite(results.scores).any(axis=(0, 2))
  for task in dict.fromkeys(c.task for c, measured in zip(columns, is_measured) if measured):
    line("comparable", f"{task}: {CARDS[task].comparable}")


def _as_rows(table: Table, results: Results) -> tuple[list[str], list[list[str]]]:
  """Returns (headings, rows)."""
  cells = results.cells()
  if table.tasks_are_rows:
    rows = [[name, *column] for name, column in zip(results.columns, zip(*cells))]
    return ["task", *results.variants], rows
  return ["", *results.columns], [[name, *row] for name, row in zip(results.variants, cells)]


def _cell(mean: float, spread: float, published: float) -> str:
  measured = "" if np.isnan(mean) else f"{mean:.1f} ± {spread:.1f}"
  paper = "" if np.isnan(published) else f"(published {published:.1f})"
  return f"{measured} {paper}".strip()


def _write_csv(path: str, results: Results, seeds: Sequence[int]) -> None:
  mean, spread = results.mean(), results.spread()
  with (
    replacing(path) as unfinished,
    open(unfinished, "w", newline="", encoding="utf-8") as file,
  ):
    writer = csv.writer(file)
    by_seed = [f"seed_{seed}" for seed in seeds]
    writer.writerow(["variant", "task", "mean", "std", "published", *by_seed])
    for row, variant in enumerate(results.variants):
      for column, task in enumerate(results.columns):
        numbers = [mean[row, column], spread[row, column], results.published[row, column]]
        numbers += results.scores[row, column].tolist()
        shown = ["" if np.isnan(number) else f"{number:.2f}" for number in numbers]
        writer.writerow([variant, task, *shown])


def _draw(path: str, table: Table, results: Results, draw_published: bool) -> None:
  """Draws a group of bars per task, with a bar per variant."""
  bars(
    path,
    results.columns,
    results.variants,
    means=results.mean().T,
    spreads=results.spread().T,
    published=results.published.T if draw_published else None,
    title=table.title,
  )
