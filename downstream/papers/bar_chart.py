"""A table as groups of bars.

Letters: R rows and K columns of the table.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes

from contrastive_audio.utils import figures
from contrastive_audio.utils.figures import plain, shorten

_HATCHES = ("", "///", "...", "xxx", "\\\\\\", "---", "+++", "ooo")
_PUBLISHED = "published"
_MOST_LEVEL_NAMES = 8  # of rows; more are written at an angle


def bars(
  path: str,
  rows: Sequence[str],
  columns: Sequence[str],
  means: np.ndarray,
  spreads: np.ndarray,
  published: np.ndarray | None = None,
  ylabel: str = "accuracy (%)",
  title: str = "",
) -> None:
  """Draws a group of bars per row of a table and a bar per column, with error bars.

  Args:
    path: file to write, `.png`.
    rows: names of the groups `[R]`.
    columns: names of the bars of a group `[K]`.
    means: float `[R, K]`; NaN: no bar.
    spreads: float `[R, K]`, half the length of the error bars, or `[R, K, 2]`, their ends; NaN:
      none, as for a single seed.
    published: float `[R, K]`, drawn as diamonds, NaN: none; None: no diamonds.
    ylabel: what the numbers are, with their unit.
    title: of the figure.

  Example:
    >>> means = np.array([[60.0, 70.0], [80.0, np.nan]])
    >>> bars("bars.png", ["esc50", "musan"], ["random", "COLA"], means, spreads=0.1 * means)
  """
  shape = len(rows), len(columns)
  published = np.full(shape, np.nan) if published is None else np.asarray(published, float)
  means, spreads = np.asarray(means, float), np.asarray(spreads, float)
  figure, axis = figures.subplots(figsize=(_width_inches(*shape), 4.2))
  for number, name in enumerate(columns):
    x = np.arange(len(rows)) + (number - (len(columns) - 1) / 2) * 0.8 / len(columns)
    _draw_bars(axis, x, number, 0.72 / len(columns), shorten(str(name)), means[:, number])
    _draw_error_bars(axis, x, means[:, number], spreads[:, number])
    _draw_diamonds(axis, x, published[:, number])
  _name_rows(axis, rows)
  axis.set_ylim(0, None)
  axis.set_ylabel(plain(ylabel))
  axis.set_title(plain(title), fontsize=11)
  axis.grid(axis="y", alpha=0.3)
  axis.set_axisbelow(True)
  _draw_legend(axis)
  figures.save(figure, path)


def _width_inches(num_rows: int, num_columns: int) -> float:
  needed = 0.3 * (num_columns + 1)
  if num_rows <= _MOST_LEVEL_NAMES:
    needed = max(needed, 1.2)  # twelve letters beside each other
  return float(np.clip(num_rows * needed, 4, 40))


def _name_rows(axis: Axes, rows: Sequence[str]) -> None:
  texts = [plain(textwrap.fill(str(name).replace("_", " "), 12)) for name in rows]
  axis.set_xticks(range(len(rows)), texts, fontsize=9)
  if len(rows) > _MOST_LEVEL_NAMES:
    for text in axis.get_xticklabels():
      text.set(rotation=45, ha="right", rotation_mode="anchor")
  axis.set_xlim(-0.6, len(rows) - 0.4)


def _draw_legend(axis: Axes) -> None:
  """Draws a legend outside; its last entry stands for the diamonds of all columns."""
  handles, names = axis.get_legend_handles_labels()
  entries = dict(sorted(zip(names, handles), key=lambda entry: entry[0] == _PUBLISHED))
  axis.legend(
    entries.values(), entries, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9
  )


def _draw_bars(
  axis: Axes, x: np.ndarray, number: int, width: float, name: str, means: np.ndarray
) -> None:
  """Draws the bars `[R]` of one column."""
  colour, hatch = figures.COLOURS[number % len(figures.COLOURS)], _HATCHES[number % len(_HATCHES)]
  paler = 1 - 0.25 * (1 - np.array(colors.to_rgb(colour)))
  has_mean = np.isfinite(means)
  axis.bar(
    x[has_mean],
    means[has_mean],
    width,
    color=paler if hatch else colour,
    edgecolor=colour,
    hatch=hatch,
    label=name,
  )


def _draw_error_bars(axis: Axes, x: np.ndarray, means: np.ndarray, spreads: np.ndarray) -> None:
  """Draws error bars: `spreads` are half their lengths `[R]`, or their ends `[R, 2]`."""
  if spreads.ndim == 1:
    spreads = means[:, None] + spreads[:, None] * [-1, 1]
  has_bar = np.isfinite(means) & np.isfinite(spreads).all(axis=1)
  lengths = np.abs(spreads - means[:, None])[has_bar].T
  axis.errorbar(x[has_bar], means[has_bar], lengths, fmt="none", ecolor="k", capsize=3)


def _draw_diamonds(axis: Axes, x: np.ndarray, published: np.ndarray) -> None:
  has_number = np.isfinite(published)
  if has_number.any():
    axis.scatter(
      x[has_number],
      published[has_number],
      label=_PUBLISHED,
      marker="D",
      s=36,
      facecolors="white",
      edgecolors="black",
      zorder=3,
    )
