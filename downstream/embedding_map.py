"""A map on which similar clips are close.

Letters: n clips, D embedding.
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
from contrastive_audio.utils.figures import shorten

_SHAPES = "os^DvX"
FEWEST_MAP_CLIPS = 5
_MAP_CLIPS = 2000
_MAP_CLASSES = 36  # with more, nobody can tell them apart


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
    title: of the figure, from `plots.heading`.
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
  axis.set_title(title, fontsize=10)
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
  """Returns shape, fill and colour: 12 differ without colour, 10 by their colour, 60 by all."""
  colour = figures.COLOURS[number % len(figures.COLOURS)]
  is_filled = number // len(_SHAPES) % 2 == 0
  return {
    "marker": _SHAPES[number % len(_SHAPES)],
    "facecolors": colour if is_filled else "none",
    "edgecolors": "white" if is_filled else colour,
    "linewidths": 0.3 if is_filled else 1.2,
  }
