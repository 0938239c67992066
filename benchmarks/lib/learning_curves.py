"""Accuracy against the number of marks: printed, written, drawn."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from contrastive_audio.utils import figures, markdown_table
from contrastive_audio.utils.spreadsheets import write_csv

MARKS = (10, 20, 40, 80, 160)
_COLOURS = (figures.BLUE, figures.ORANGE, figures.GREEN, figures.GREY, "#CC79A7")


@dataclasses.dataclass(frozen=True)
class Curves:
  """What was measured on one task.

  Attributes:
    title: of the task.
    marks: numbers of marks, K of them.
    seeds: S seeds.
    scores: row -> float `[S, K]` in %; a row may have fewer seeds.

  Example:
    >>> Curves("ESC-10", [10, 20], [0], {"random": np.array([[40.0, 60.0]])}).texts("random")
    ['40.0', '60.0']
  """

  title: str
  marks: Sequence[int]
  seeds: Sequence[int]
  scores: Mapping[str, np.ndarray]

  def spread(self, row: str) -> np.ndarray:
    """Returns the standard deviations over the seeds, float `[K]`; NaN with a single one."""
    scores = self.scores[row]
    return scores.std(axis=0, ddof=1) if len(scores) > 1 else np.full(scores.shape[1], np.nan)

  def texts(self, row: str) -> list[str]:
    """Returns mean and spread at each number of marks."""
    pairs = zip(self.scores[row].mean(axis=0), self.spread(row))
    return [f"{mean:.1f}" + ("" if np.isnan(std) else f" ± {std:.1f}") for mean, std in pairs]


def print_and_write(curves: Curves, path: str) -> None:
  """Prints a table as Markdown, and writes it as a CSV file that docs/pages.py reads.

  Args:
    curves: what was measured.
    path: of the file.

  Example:
    >>> curves = Curves("ESC-10", [10], [0, 1], {"random": np.array([[40.0], [42.0]])})
    >>> print_and_write(curves, "curves.csv")
    <BLANKLINE>
    ESC-10; accuracy on test clips (%), mean ± standard deviation of 2 seeds
    <BLANKLINE>
    |        | 10 marks   |
    | ------ | ---------- |
    | random | 41.0 ± 1.4 |
    <BLANKLINE>
  """
  spread = f"mean ± standard deviation of {len(curves.seeds)} seeds"
  print(f"\n{curves.title}; accuracy on test clips (%), {spread}\n")
  columns = [f"{count} marks" for count in curves.marks]
  markdown_table.show(["", *columns], [[row, *curves.texts(row)] for row in curves.scores])
  print(flush=True)
  lines = [["variant", "task", "mean", "std", *(f"seed_{seed}" for seed in curves.seeds)]]
  for row, scores in curves.scores.items():
    for column, std, values in zip(columns, curves.spread(row), scores.T):
      missing = [""] * (len(curves.seeds) - len(values))
      shown = ["" if np.isnan(value) else f"{value:.2f}" for value in (values.mean(), std, *values)]
      lines.append([row, column, *shown, *missing])
  write_csv(path, lines)


def draw(path: str, tasks: Sequence[Curves]) -> None:
  """Draws a panel for each task.

  Args:
    path: file to write, `.png`.
    tasks: what was measured.

  Example:
    >>> draw("curves.png", [Curves("ESC-10", [10, 20], [0], {"random": np.array([[40.0, 60.0]])})])
  """
  figure, axes = figures.subplots(
    1, len(tasks), figsize=(4.6 * len(tasks), 3.8), sharey=True, squeeze=False
  )
  for axis, curves in zip(axes[0], tasks):
    for (row, scores), colour in zip(curves.scores.items(), _COLOURS):
      style = {"marker": "o", "color": colour, "label": row, "capsize": 2}
      axis.errorbar(curves.marks, scores.mean(axis=0), curves.spread(row), **style)
    axis.set_xscale("log", base=2)
    axis.set_xticks(curves.marks, [str(count) for count in curves.marks])
    axis.set_xlabel("marks")
    axis.set_title(curves.title, fontsize=11)
    axis.grid(alpha=0.3)
  axes[0, 0].set_ylabel("accuracy on test clips (%)")
  axes[0, -1].legend(fontsize=8)
  figures.save(figure, path)
