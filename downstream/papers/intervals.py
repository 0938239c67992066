"""Confidence intervals of means over seeds."""

import numpy as np

LEVEL = 0.95
SMALLEST_SPREAD = 0.01  # points; result files keep two decimals


def half_width(spread: float | np.ndarray, count: int | np.ndarray) -> float | np.ndarray:
  """Returns half the length of the interval of a mean, by Student's t.

  Scores come in steps of a clip. So values that are all equal, as they may be by chance, do not say
  how far they spread: they have no interval.

  Args:
    spread: standard deviation of the values, in points; below SMALLEST_SPREAD: NaN.
    count: how many there are; fewer than two: NaN.

  Example:
    >>> print(f"{half_width(spread=1.0, count=3):.2f}")
    2.48
  """
  from scipy import stats  # late: it takes a second

  freedom = np.maximum(np.asarray(count) - 1, 1)
  width = stats.t.ppf((1 + LEVEL) / 2, freedom) * spread / np.sqrt(np.maximum(count, 1))
  is_known = (np.asarray(count) > 1) & (np.asarray(spread) >= SMALLEST_SPREAD)
  return np.where(is_known, width, np.nan)[()]
