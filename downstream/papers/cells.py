"""The numbers of a table: one for each variant, column and seed.

Letters: R variants, K columns, S seeds.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from downstream.cards import published_scores
from downstream.cards.all_cards import CARDS
from downstream.choices import Condition
from downstream.papers.measurement import Measurement, PretrainingChoice
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


@dataclasses.dataclass(frozen=True)
class Cell:
  """A number of a table, for one seed.

  Attributes:
    position: numbers of its variant, its column and its seed.
    variant: name.
    measurement: what is measured.
    seed: of the pre-training, the split and the classifier.

  Example:
    >>> measurement = Measurement(PretrainingChoice("cola"), "linear", "digit")
    >>> cell = Cell(position=(0, 0, 1), variant="cosine", measurement=measurement, seed=5)
    >>> cell.model_label, cell.label
    ('cola, cosine, seed 5', 'cola, cosine, digit, seed 5')
  """

  position: tuple[int, int, int]
  variant: str
  measurement: Measurement
  seed: int

  @property
  def model_label(self) -> str:
    """The model, human-readable."""
    return f"{self._system}{self.variant}, seed {self.seed}"

  @property
  def column_label(self) -> str:
    """The task and, unless all labels are seen, the condition."""
    task, condition = self.measurement.task, self.measurement.condition
    has_all_labels = condition == Condition()
    return task if has_all_labels else f"{task} ({condition.name})"

  @property
  def label(self) -> str:
    """The number, human-readable."""
    return f"{self._system}{self.variant}, {self.column_label}, seed {self.seed}"

  @property
  def _system(self) -> str:
    model = self.measurement.model
    return f"{model.system}, " if isinstance(model, PretrainingChoice) else ""


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


def metrics_of(columns: Sequence[Column]) -> str:
  """Returns what the numbers of a table are, human-readable: the metrics of its tasks.

  Args:
    columns: of the table.

  Example:
    >>> metrics_of([Column("musan"), Column("esc50")]), metrics_of([Column("fsdnoisy18k")])
    ('accuracy', 'macro accuracy')
  """
  metrics = (CARDS[column.task].metric for column in columns if column.task in CARDS)
  return ", ".join(dict.fromkeys(metrics)).replace("_", " ")


def cells_of(table: Table, columns: Sequence[Column], seeds: Sequence[int]) -> list[Cell]:
  """Returns the numbers of a table that can be measured: those of known tasks, with a model.

  Args:
    table: what is compared on which tasks.
    columns: some of its columns.
    seeds: seeds of each number.

  Returns:
    The numbers; those of one model follow each other.

  Example:
    >>> from downstream.papers.table import Variant
    >>> variants = [Variant("log-mel", "logmel_stats"), Variant("TRILL", None)]
    >>> table = Table("two", variants, ("musan",))
    >>> [cell.label for cell in cells_of(table, columns_of(table), seeds=[0, 1])]
    ['log-mel, musan, seed 0', 'log-mel, musan, seed 1']
  """
  return [
    Cell(
      (row, index, number),
      variant.name,
      Measurement(variant.model, variant.method, column.task, table.conditions[column.condition]),
      seed,
    )
    for row, variant in enumerate(table.variants)
    for number, seed in enumerate(seeds)
    for index, column in enumerate(columns)
    if variant.model is not None and column.task in CARDS
  ]


def arrange(
  cells: Sequence[Cell], scores: Sequence[float], shape: tuple[int, int, int]
) -> np.ndarray:
  """Returns the scores in their places, float `[R, K, S]`; NaN where there is none.

  Args:
    cells: numbers of a table.
    scores: the score of each of them, NaN if it was not measured.
    shape: (R, K, S).

  Example:
    >>> cell = Cell((0, 1, 0), "a", Measurement("logmel_stats", "linear", "digit"), seed=0)
    >>> arrange([cell], [50.0], (1, 2, 1)).tolist()
    [[[nan], [50.0]]]
  """
  placed = np.full(shape, np.nan)
  for cell, score in zip(cells, scores):
    placed[cell.position] = score
  return placed


def published_of(table: Table, columns: Sequence[Column]) -> np.ndarray:
  """Returns the published numbers, float `[R, K + 1]`, the average last; NaN: none.

  The published average is that of all the paper's tasks; for some of them there is none.

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
  tasks = [column.task for column in columns]
  has_all = set(published_scores.PAPER_TASKS) <= set(tasks)
  tasks.append(published_scores.AVERAGE if has_all else "")
  values = [
    [table.published.get((variant.column or "", task), np.nan) for task in tasks]
    for variant in table.variants
  ]
  return np.array(values, float)
