"""Figures drawn without pyplot, whose back end and open figures belong to the user's notebook."""

import os
import warnings

from matplotlib.figure import Figure

from contrastive_audio.utils.files import replacing

# The colours of Okabe and Ito, which everyone can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def subplots(rows: int = 1, columns: int = 1, figsize: tuple[float, float] = (7, 4), **options):
  """Does what pyplot's function of this name does, for a figure that only its owner knows.

  Args:
    rows: number of rows of axes.
    columns: number of columns.
    figsize: (width, height) in inches.
    **options: of `matplotlib.figure.Figure.subplots`.

  Returns:
    (figure, its axis or array of axes).

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
    >>> import tempfile
    >>> figure, _ = subplots()
    >>> path = os.path.join(tempfile.mkdtemp(), "empty.png")
    >>> save(figure, path)
    >>> os.path.getsize(path) > 0
    True
  """
  with replacing(path) as unfinished, warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script the font lacks
    figure.savefig(unfinished, format="png", dpi=120, bbox_inches="tight")
