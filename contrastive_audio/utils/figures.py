"""Figures without pyplot, whose backend and list of open figures belong to the user's notebook."""

import math
import os
import warnings
from typing import Any

from matplotlib.figure import Figure

from contrastive_audio.utils.files import make_folder, replacing

# The colours of Okabe and Ito, which readers with colour blindness can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
PINK, SKY, AMBER = "#CC79A7", "#56B4E9", "#E69F00"  # and yellow, which vanishes on white
# Ten of things that are side by side; those that are not of Okabe and Ito are of Paul Tol.
COLOURS = (BLUE, ORANGE, GREEN, PINK, "#000000", SKY, AMBER, "#882255", "#999933", "#999999")
_LONGEST_NAME = 32  # characters
NAME_INCHES = 0.11  # the smallest legible height of a name


def subplots(
  rows: int = 1, columns: int = 1, figsize: tuple[float, float] = (7, 4), **options: Any
) -> tuple[Figure, Any]:
  """Creates a figure as `pyplot.subplots` does, but does not register it anywhere.

  Args:
    rows: number of rows of axes.
    columns: number of columns.
    figsize: (width, height) in inches.
    **options: further arguments of `matplotlib.figure.Figure.subplots`.

  Returns:
    (figure, its axes: one object, or an array of them).

  Example:
    >>> figure, axes = subplots(2, 3)
    >>> axes.shape
    (2, 3)
  """
  figure = Figure(figsize=figsize)
  return figure, figure.subplots(rows, columns, **options)


def save(figure: Figure, path: str | os.PathLike) -> None:
  """Writes a figure as PNG, atomically.

  Args:
    figure: a matplotlib figure.
    path: file to write, `.png`.

  Example:
    >>> figure, _ = subplots()
    >>> save(figure, "empty.png")
    >>> os.path.getsize("empty.png") > 0
    True
  """
  make_folder(os.path.dirname(os.path.abspath(path)))  # somebody may have deleted it
  with replacing(path) as unfinished, warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script the font lacks
    figure.savefig(unfinished, format="png", dpi=120, bbox_inches="tight")


def shorten(name: str) -> str:
  """Shortens a name in its middle, so that it fits beside an axis, above one or into a legend.

  Args:
    name: of a class or a file.

  Example:
    >>> shorten("Accelerating and revving and vroom")
    'Accelerating and rev…g and vroom'
  """
  name = " ".join(name.split())
  if len(name) > _LONGEST_NAME:
    name = f"{name[: _LONGEST_NAME - 12]}…{name[-11:]}"
  return plain(f" {name}" if name.startswith("_") else name)  # a legend leaves out "_..."


def plain(text: str) -> str:
  r"""Escapes a text, so that matplotlib does not read mathematics into it.

  Example:
    >>> print(plain("$5"))
    \$5
  """
  return text.replace("$", r"\$")


def name_ticks(count: int, inches: float) -> tuple[range, float]:
  """Returns which names have enough room beside an axis, every k-th of them, and how large.

  Args:
    count: of the names.
    inches: length of the axis.

  Returns:
    (their numbers, size of their font in points).

  Example:
    >>> name_ticks(5, inches=3.0), name_ticks(600, inches=14.0)[0]
    ((range(0, 5), 9.0), range(0, 600, 5))
  """
  step = math.ceil(count * NAME_INCHES / inches)
  return range(0, count, step), min(9.0, max(5.0, 0.75 * 72 * inches * step / count))
