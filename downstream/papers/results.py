"""A table that has been measured: means, spreads, and the differences between its variants.

Letters: R variants, K columns, S seeds.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from contrastive_audio.utils.words import tenths
from downstream.cards import published_scores
from downstream.papers.cells import Column, arrange, cells_of, published_of
from downstream.papers.intervals import half_width
from downstream.papers.run_health import Remark, remarks_on
from downstream.papers.table import Table

if TYPE_CHECKING:
  from downstream.papers.stages import Stages

MARK = "†"  # of a variant that a remark is about


class Results:
  """A table that has been measured.

  Attributes:
    variants: names.
    columns: titles of the columns, the average last.
    seeds: the seeds.
    scores: float `[R, K, S]` in %; NaN: not measured.
    published: float `[R, K]` in %; NaN: no published number.
    remarks: what is wrong with some of the runs.

  Example:
    >>> scores = np.array([[[50.0, 60.0], [70.0, 80.0]]])  # one variant, two tasks, two seeds
    >>> results = Results(["COLA"], ["esc50", "musan"], [0, 1], scores, np.full([1, 3], np.nan))
    >>> results.texts()
    [['55.0 ± 7.1', '75.0 ± 7.1', '65.0 ± 7.1']]
  """

  def __init__(
    self,
    variants: Sequence[str],
    columns: Sequence[str],
    seeds: Sequence[int],
    scores: np.ndarray,
    published: np.ndarray,
    remarks: Sequence[Remark] = (),
  ):
    """Adds the average over the columns.

    Args:
      variants: names.
      columns: titles, without the average.
      seeds: the seeds.
      scores: float `[R, K, S]` in %, without the average.
      published: float `[R, K + 1]`, with the average.
      remarks: what is wrong with some of the runs.
    """
    self.variants, self.columns = list(variants), [*columns, published_scores.AVERAGE]
    self.seeds, self.remarks = list(seeds), list(remarks)
    self.scores = np.concatenate([scores, scores.mean(axis=1, keepdims=True)], axis=1)
    self.published = published

  @property
  def is_measured(self) -> bool:
    """Whether there is any number."""
    return bool(np.isfinite(self.scores).any())

  def mean(self) -> np.ndarray:
    """Returns float `[R, K]`, the means over the seeds that were measured."""
    return _mean(self.scores)

  def spread(self) -> np.ndarray:
    """Returns float `[R, K]`, the standard deviations; NaN with fewer than two seeds."""
    return _spread(self.scores)

  def difference_texts(self, reference: str) -> list[list[str]]:
    """Returns the text of each difference from one of the variants, `[R][K]`.

    Args:
      reference: name of that variant.
    """
    row, num_seeds = self.variants.index(reference), len(self.seeds)
    counts = np.isfinite(self.scores - self.scores[row]).sum(axis=2)
    fewer = np.where(counts < num_seeds, counts, 0)
    numbers = (*self.differences(reference), fewer)
    return [list(map(difference_text, *rows)) for rows in zip(*numbers)]

  def differences(self, reference: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns how far the variants are from one of them, over the seeds that both have.

    Args:
      reference: name of a variant.

    Returns:
      (means, standard deviations, half widths of the means' confidence intervals) of the
      differences within a seed, float `[R, K]` each; NaN with fewer than two seeds, and for the
      variant itself. Differences that are all equal have no interval.
    """
    row = self.variants.index(reference)
    differences = self.scores - self.scores[row]
    differences[row] = np.nan
    spread = _spread(differences)
    mean = np.where(np.isnan(spread), np.nan, _mean(differences))
    counts = np.isfinite(differences).sum(axis=-1)
    return mean, spread, np.asarray(half_width(spread, counts))

  def names(self) -> list[str]:
    """Returns the names of the variants, marked if there is a remark about one of their runs."""
    remarked = {remark.variant for remark in self.remarks}
    return [f"{name} {MARK}" if name in remarked else name for name in self.variants]

  def texts(self) -> list[list[str]]:
    """Returns the text of each number, `[R][K]`."""
    counts = np.isfinite(self.scores).sum(axis=2)
    return [
      [self._text(*numbers) for numbers in zip(*row)]
      for row in zip(self.mean(), self.spread(), counts, self.published)
    ]

  def _text(self, mean: float, spread: float, count: int, published: float) -> str:
    parts = [] if np.isnan(mean) else [f"{mean:.1f}"]
    if not np.isnan(spread):
      parts.append(f"± {spread:.1f}")
    if 0 < count < len(self.seeds):
      parts.append(f"({count} of {len(self.seeds)} seeds)")
    if not np.isnan(published):
      parts.append(f"(published {published:.1f})")
    return " ".join(parts)


def measure(
  table: Table, columns: Sequence[Column], stages: "Stages", seeds: Sequence[int]
) -> Results:
  """Measures the cells of a table that have not been measured.

  Args:
    table: what is compared on which tasks.
    columns: some of its columns.
    stages: measures; it has trained the models.
    seeds: seeds of each cell.

  Example:
    >>> from downstream.papers.measurement import LaboratoryRequest
    >>> from downstream.papers.stages import Stages
    >>> from downstream.papers.table import Variant
    >>> from downstream.papers.cells import columns_of
    >>> table = Table("one task", [Variant("TRILL", None)], ("musan",))
    >>> stages = Stages(LaboratoryRequest("tables"))
    >>> measure(table, columns_of(table), stages, seeds=[0, 1]).columns
    ['Music, Speech and Noise', 'average']
  """
  cells = cells_of(table, columns, seeds)
  shape = (len(table.variants), len(columns), len(seeds))
  return Results(
    [variant.name for variant in table.variants],
    [column.title for column in columns],
    seeds,
    arrange(cells, stages.measure(cells), shape),
    published_of(table, columns),
    remarks_on(cells, stages.pretrainings),
  )


def difference_text(mean: float, spread: float, width: float, seeds: int = 0) -> str:
  """Returns a difference between two variants, and the interval in which its mean lies.

  Args:
    mean: of the differences within a seed; NaN: it is not known.
    spread: their standard deviation.
    width: half of the length of the confidence interval of the mean; NaN: it has none.
    seeds: how many both variants have, if it is not all; 0: all.

  Example:
    >>> difference_text(-0.4, 0.9, 2.2)
    '-0.4 ± 0.9 [-2.6, +1.8]'
    >>> difference_text(-0.4, 0.9, 8.1, seeds=2)
    '-0.4 ± 0.9 [-8.5, +7.7] (2 seeds)'
  """
  if np.isnan(mean):
    return ""
  text = f"{tenths(mean, '+')} ± {spread:.1f}"
  if not np.isnan(width):
    text += f" [{tenths(mean - width, '+')}, {tenths(mean + width, '+')}]"
  return f"{text} ({seeds} seeds)" if seeds else text


def _mean(values: np.ndarray) -> np.ndarray:
  """Returns the mean over the last axis of what is finite; NaN where nothing is."""
  is_finite = np.isfinite(values)
  count = is_finite.sum(axis=-1)
  total = np.where(is_finite, values, 0).sum(axis=-1)
  return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _spread(values: np.ndarray) -> np.ndarray:
  """Returns the standard deviation over the last axis of what is finite; NaN for fewer than two."""
  is_finite = np.isfinite(values)
  count = is_finite.sum(axis=-1)
  squares = np.where(is_finite, values - _mean(values)[..., None], 0) ** 2
  variance = squares.sum(axis=-1) / np.maximum(count - 1, 1)
  return np.where(count > 1, np.sqrt(variance), np.nan)
