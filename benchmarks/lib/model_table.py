"""A table of models by tasks: measures, prints and writes it."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from downstream.papers.cells import Cell, arrange
from downstream.papers.results import Results
from downstream.papers.run_health import remarks_on
from downstream.papers.stages import Stages
from downstream.papers.table import Table, Variant


@dataclasses.dataclass(frozen=True)
class ModelTable:
  """What is compared.

  Attributes:
    title: of the table.
    name: of its files in the folder of the laboratory, without extension.
    rows: names of the models.
    columns: names of the tasks.
    reference: row that the others are compared with, seed by seed.

  Example:
    >>> ModelTable("two", "two", ["untrained", "trained"], ["digits"], "untrained").reference
    'untrained'
  """

  title: str
  name: str
  rows: Sequence[str]
  columns: Sequence[str]
  reference: str

  def show(self, cells: Sequence[Cell], stages: Stages, seeds: Sequence[int]) -> None:
    """Measures, prints and writes the table; its models are trained.

    Args:
      cells: its numbers, whose positions are those of rows, columns and seeds.
      stages: measures them.
      seeds: of each number.
    """
    from downstream.papers.table_files import print_and_write

    scores = arrange(cells, stages.measure(cells), (len(self.rows), len(self.columns), len(seeds)))
    published = np.full([len(self.rows), len(self.columns) + 1], np.nan)
    remarks = remarks_on(cells, stages.pretrainings)
    results = Results(self.rows, self.columns, seeds, scores, published, remarks)
    variants = [Variant(row, None) for row in self.rows]
    table = Table(self.title, variants, (), tasks_are_rows=False, reference=self.reference)
    path = os.path.join(stages.request.folder, self.name)
    print_and_write(table, results, path, draw_published=False)
