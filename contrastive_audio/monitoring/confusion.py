"""Which classes are taken for which: counts, and a figure of them.

Letters: n clips, C classes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes

from contrastive_audio.errors import UserError
from contrastive_audio.utils import figures

_COUNTED_CLASSES = 20  # with more, a count does not fit its cell

Classes = Sequence[str | int] | np.ndarray  # names or numbers


def count_confusions(labels: Classes, predicted: Classes) -> tuple[list[str], np.ndarray]:
  """Counts how often each class was taken for which.

  Args:
    labels: the true classes `[n]`.
    predicted: the predicted classes `[n]`.

  Returns:
    (names of the classes that occur in either, sorted; int `[C, C]`, a row per true class).

  Raises:
    UserError: there are no clips.

  Example:
    >>> count_confusions(["dog", "dog", "cat"], ["dog", "cat", "cat"])
    (['cat', 'dog'], array([[1, 0],
           [1, 1]]))
  """
  if not len(labels):
    raise UserError("there are no clips to draw: check the split of the data set")
  classes = sorted({*labels, *predicted})
  numbers = {name: number for number, name in enumerate(classes)}
  counts = np.zeros([len(classes), len(classes)], int)
  for label, answer in zip(labels, predicted, strict=True):
    counts[numbers[label], numbers[answer]] += 1
  return [str(name) for name in classes], counts


def row_shares(counts: np.ndarray) -> np.ndarray:
  """Divides each row by its sum; a row of zeros stays one.

  Args:
    counts: int `[C, C]`.

  Returns:
    float `[C, C]`.

  Example:
    >>> row_shares(np.array([[1, 3], [0, 0]]))
    array([[0.25, 0.75],
           [0.  , 0.  ]])
  """
  return counts / np.maximum(1, counts.sum(axis=1, keepdims=True))


def confusion_matrix(path: str, labels: Classes, predicted: Classes, title: str) -> None:
  """Draws shares of the true classes; the counts too, if there are few classes.

  Args:
    path: file to write, `.png`.
    labels: the true classes `[n]`.
    predicted: the predicted classes `[n]`.
    title: of the figure.

  Raises:
    UserError: there are no clips.

  Example:
    >>> confusion_matrix("matrix.png", ["dog", "cat"], ["dog", "dog"], "two clips")
  """
  names, counts = count_confusions(labels, predicted)
  is_counted = len(names) <= _COUNTED_CLASSES
  side_inches = float(np.clip(len(names) * (0.42 if is_counted else 0.3), 3, 14))
  figure, axis = figures.subplots(figsize=(side_inches + 1.5, side_inches))
  shades = colors.PowerNorm(1.0 if is_counted else 0.5, 0, 1)  # a few of many clips are seen, too
  image = axis.imshow(row_shares(counts), cmap="Greys", norm=shades, interpolation="nearest")
  if is_counted:
    _write_counts(axis, counts)
  ticks, points = figures.name_ticks(len(names), side_inches)
  texts = [figures.shorten(names[tick]) for tick in ticks]
  axis.set_xticks(ticks, texts, rotation=90, fontsize=points)
  axis.set_yticks(ticks, texts, fontsize=points)
  axis.set_xlabel("predicted class")
  axis.set_ylabel("true class (with counts of clips)" if is_counted else "true class")
  axis.set_title(title, fontsize=10)
  figure.colorbar(image, ax=axis, label="share of the true class", fraction=0.046, pad=0.04)
  figures.save(figure, path)


def _write_counts(axis: Axes, counts: np.ndarray) -> None:
  for (row, column), share in np.ndenumerate(row_shares(counts)):
    if count := counts[row, column]:
      colour = "white" if share > 0.5 else "black"
      axis.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
