"""Which classes an evaluation takes for which, as a figure."""

from collections.abc import Sequence

import numpy as np

from contrastive_audio.utils.figures import save, shorten, subplots

_NAMES_MAX = 40  # beside an axis


def draw(
  path: str, labels: Sequence[str], predicted: Sequence[str | None] | np.ndarray, title: str
) -> None:
  """Draws a confusion matrix: a row per class, the shares of its clips that each class got.

  Args:
    path: of the PNG file.
    labels: the class of each clip.
    predicted: the class that each clip was taken for; None: for none.
    title: above the figure.

  Example:
    >>> draw("confusion.png", ["cat", "cat", "dog"], ["cat", "dog", None], "kNN at step 0")
    >>> import os
    >>> os.listdir()
    ['confusion.png']
  """
  names, shares = shares_by_class(labels, predicted)
  figure, axis = subplots(figsize=(6, 5.4))
  image = axis.imshow(100 * shares, vmin=0, vmax=100, cmap="Blues")
  axis.set(xlabel="taken for", ylabel="class", title=title)
  ticks = range(len(names)) if len(names) <= _NAMES_MAX else []
  shown = [shorten(names[tick]) for tick in ticks]
  axis.set_xticks(ticks, shown, rotation=90, fontsize=7)
  axis.set_yticks(ticks, shown, fontsize=7)
  figure.colorbar(image, label="share of the class (%)")
  save(figure, path)


def shares_by_class(
  labels: Sequence[str], predicted: Sequence[str | None] | np.ndarray
) -> tuple[list[str], np.ndarray]:
  """Returns the names of the classes, and the shares `[C, C]` of each that every class got.

  Args:
    labels: the class of each clip.
    predicted: the class that each clip was taken for; None: for none.

  Example:
    >>> shares_by_class(["cat", "cat", "dog"], ["cat", "dog", None])[1].tolist()
    [[0.5, 0.5], [0.0, 0.0]]
  """
  names = sorted(set(labels))
  numbers = {name: number for number, name in enumerate(names)}
  counts = np.zeros([len(names), len(names)])
  for label, answer in zip(labels, predicted):
    if answer is not None:
      counts[numbers[label], numbers[answer]] += 1
  sizes = np.array([list(labels).count(name) for name in names])
  return names, counts / sizes[:, None]
