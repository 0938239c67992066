"""Figures that show what an encoder is good for: confusions, accuracies per class, maps.

Whatever a colour shows, a shape, a hatch or a shade of grey shows too.

Letters: n clips, C classes, D embedding.
"""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from contrastive_audio.errors import UserError
from contrastive_audio.utils import figures
from contrastive_audio.utils.figures import plain, shorten
from downstream.confusions import class_accuracies, count_confusions, row_shares

# The other colours of Okabe and Ito, except yellow, which vanishes on white.
_SKY = "#56B4E9"
COLOURS = (figures.BLUE, figures.ORANGE, figures.GREEN, "#CC79A7", "#000000", _SKY, "#E69F00")
_SHAPES = "os^DvX"
_COUNTED_CLASSES = 20  # with more, a count does not fit its cell
_NAME_INCHES = 0.11  # the smallest legible height of a name
FEWEST_MAP_CLIPS = 5
_MAP_CLIPS = 2000
_MAP_CLASSES = 36  # with more, nobody can tell them apart


def confusion_matrix(
  path: str, labels: Sequence[str | int], predicted: Sequence[str | int], title: str
) -> None:
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
  side_inches = np.clip(len(names) * (0.42 if len(names) <= _COUNTED_CLASSES else 0.3), 3, 14)
  figure, axis = figures.subplots(figsize=(side_inches + 1, side_inches))
  image = axis.imshow(row_shares(counts), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
  if len(names) <= _COUNTED_CLASSES:
    _write_counts(axis, counts)
  _name_classes(axis, names, side_inches)
  axis.set_xlabel("predicted class")
  axis.set_ylabel("true class")
  axis.set_title(plain(title), fontsize=11)
  figure.colorbar(image, ax=axis, label="share of the true class", fraction=0.046, pad=0.04)
  figures.save(figure, path)


def _write_counts(axis: Axes, counts: np.ndarray) -> None:
  for (row, column), share in np.ndenumerate(row_shares(counts)):
    if count := counts[row, column]:
      colour = "white" if share > 0.5 else "black"
      axis.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)


def _name_classes(axis: Axes, names: Sequence[str], side_inches: float) -> None:
  """Writes the names on both axes, as many as are legible."""
  step = _name_step(len(names), side_inches)
  ticks = range(0, len(names), step)
  points = np.clip(0.75 * 72 * side_inches * step / len(names), 5, 9)
  texts = [shorten(names[tick]) for tick in ticks]
  axis.set_xticks(ticks, texts, rotation=90, fontsize=points)
  axis.set_yticks(ticks, texts, fontsize=points)


def _name_step(count: int, inches: float) -> int:
  """Returns k, such that every k-th of `count` names has enough room."""
  return int(np.ceil(count * _NAME_INCHES / inches))


def per_class_accuracy(
  path: str, labels: Sequence[str | int], predicted: Sequence[str | int], title: str
) -> None:
  """Draws a bar per class, from best to worst, and the mean over classes.

  Args:
    path: file to write, `.png`.
    labels: the true classes `[n]`.
    predicted: the predicted classes `[n]`.
    title: of the figure.

  Raises:
    UserError: there are no clips.

  Example:
    >>> per_class_accuracy("classes.png", ["dog", "cat"], ["dog", "dog"], "two clips")
  """
  names, accuracies, num_clips = class_accuracies(labels, predicted)
  inches = np.clip(0.24 * len(names), 1.5, max(12, min(72, _NAME_INCHES * len(names))))
  figure, axis = figures.subplots(figsize=(7, inches))
  rows = np.arange(len(names))
  axis.barh(rows, 100 * accuracies, color=_SKY, height=0.75)
  mean = 100 * accuracies.mean()
  axis.axvline(mean, color="black", linestyle="--")
  ticks = rows[:: _name_step(len(names), inches)]
  texts = [f"{shorten(names[tick])} ({num_clips[tick]:,})" for tick in ticks]
  axis.set_yticks(ticks, texts, fontsize=np.clip(0.75 * 72 * inches / len(names), 5, 9))
  axis.set_ylim(len(names) - 0.4, -0.6)
  axis.set_xlim(0, 100)
  axis.tick_params(top=True, labeltop=len(names) > 40)
  axis.grid(axis="x", alpha=0.3)
  axis.set_xlabel(f"accuracy (%); dashed: mean over classes, {mean:.1f} %")
  axis.set_ylabel("class (number of test clips)")
  axis.set_title(plain(title), fontsize=11)
  figures.save(figure, path)


def positions(embeddings: np.ndarray, seed: int = 0) -> np.ndarray:
  """Maps embeddings to the plane by t-SNE of their cosine distances.

  Args:
    embeddings: float `[n, D]`, at least 5 clips.
    seed: the same seed gives the same map.

  Returns:
    float32 `[n, 2]`, without a unit.

  Example:
    >>> positions(np.eye(6)).shape
    (6, 2)
  """
  embeddings = np.asarray(embeddings, np.float32)
  # Collapsed embeddings have no principal components.
  is_spread = embeddings.shape[1] > 1 and (embeddings != embeddings[0]).any()
  tsne = TSNE(
    metric="cosine",
    init="pca" if is_spread else "random",
    learning_rate="auto",
    perplexity=min(30, (len(embeddings) - 1) / 3),
    random_state=seed,
  )
  # Several threads wait for each other, which takes ten times as long, and sum in another order.
  with threadpool_limits(1):
    return tsne.fit_transform(embeddings)


def embedding_map(
  path: str, embeddings: np.ndarray, labels: Sequence[str | int], title: str, seed: int = 0
) -> None:
  """Draws a map on which similar clips are close, with a marker per class.

  Args:
    path: file to write, `.png`.
    embeddings: float `[n, D]`.
    labels: the classes `[n]`, names or numbers.
    title: of the figure.
    seed: of the map; if there are more than 2,000 clips, also of those that are drawn.

  Raises:
    UserError: there are fewer than 5 clips.

  Example:
    >>> embedding_map("map.png", np.eye(4), ["dog", "dog", "cat", "cat"], "four clips")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: a map needs at least 5 clips, there are 4: ...
  """
  embeddings, names = np.asarray(embeddings), np.asarray(labels)
  if len(embeddings) < FEWEST_MAP_CLIPS:
    raise UserError(f"a map needs at least 5 clips, there are {len(embeddings)}: leave it out")
  drawn = _choose_clips(len(embeddings), seed)
  figure, axis = figures.subplots(figsize=(7, 6.5))
  _scatter(axis, positions(embeddings[drawn], seed), names[drawn])
  axis.set_xticks([])
  axis.set_yticks([])
  of_all = f" of {len(names):,}" if len(drawn) < len(names) else ""
  axis.set_xlabel(f"first dimension of t-SNE ({len(drawn):,}{of_all} clips, cosine distance)")
  axis.set_ylabel("second dimension of t-SNE")
  axis.set_title(plain(title), fontsize=11)
  figures.save(figure, path)


def _choose_clips(num_clips: int, seed: int) -> np.ndarray:
  """Returns the numbers of at most 2,000 clips, in order."""
  if num_clips <= _MAP_CLIPS:
    return np.arange(num_clips)
  return np.sort(np.random.default_rng(seed).choice(num_clips, _MAP_CLIPS, replace=False))


def _scatter(axis: Axes, points: np.ndarray, labels: np.ndarray) -> None:
  """Marks points `[n, 2]` by class; the most frequent classes have their own markers."""
  by_frequency = collections.Counter(labels.tolist()).most_common()
  shown = sorted(name for name, _ in by_frequency[:_MAP_CLASSES])
  size = 36 if len(points) <= 1000 else 20
  for number, name in enumerate(shown):
    x, y = points[labels == name].T
    axis.scatter(x, y, s=size, label=shorten(str(name)), **_marker(number))
  is_other = ~np.isin(labels, shown)
  if is_other.any():
    name = f"{len(by_frequency) - len(shown)} other classes"
    x, y = points[is_other].T
    axis.scatter(x, y, s=4, marker=".", color="#AAAAAA", label=name, zorder=0)
  columns = -(-len(shown) // 24)
  axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8, ncols=columns)


def _marker(number: int) -> dict[str, Any]:
  """Returns shape, fill and colour: 12 differ without colour, 84 with it."""
  colour = COLOURS[number % len(COLOURS)]
  is_filled = number // len(_SHAPES) % 2 == 0
  return {
    "marker": _SHAPES[number % len(_SHAPES)],
    "facecolors": colour if is_filled else "none",
    "edgecolors": "white" if is_filled else colour,
    "linewidths": 0.3 if is_filled else 1.2,
  }
