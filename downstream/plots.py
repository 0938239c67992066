"""Figures of what an encoder is good for: confusions, classes, maps, comparisons.

Everything that a colour says is said by a shape, a hatch or a shade of grey as well.

Letters: n clips, C classes, D embedding, R rows and K columns of a comparison.
"""

import collections
import textwrap
import warnings

import numpy as np
from matplotlib import colors
from sklearn.manifold import TSNE
from sklearn.metrics import confusion_matrix as count_confusions
from threadpoolctl import threadpool_limits

from contrastive_audio.errors import UserError
from contrastive_audio.utils import figures

# The rest of Okabe and Ito's colours, but yellow, which vanishes on white.
_SKY = "#56B4E9"
_COLOURS = (figures.BLUE, figures.ORANGE, figures.GREEN, "#CC79A7", "#000000", _SKY, "#E69F00")
_SHAPES = "os^DvX"
_HATCHES = ("", "///", "...", "xxx", "\\\\\\", "---", "+++", "ooo")
_PUBLISHED = "published"
_LONGEST_NAME = 32  # characters
_COUNTED_CLASSES = 20  # beyond, a count no longer fits its cell
_NAME_INCHES = 0.11  # the least that a name needs to be read
FEWEST_MAP_CLIPS = 5
_MAP_CLIPS = 2000
_MAP_CLASSES = 36  # beyond, nobody tells them apart


def confusion(labels, predicted):
  """Counts how often which class was taken for which.

  Args:
    labels: the true classes `[n]`, names or numbers.
    predicted: the predicted ones `[n]`.

  Returns:
    (names of the classes that occur in either, sorted; int `[C, C]`, a row per true class).

  Raises:
    UserError: there are no clips.
  """
  if not len(labels):
    raise UserError("there are no clips to draw: check the split of the data set")
  classes = sorted({*labels, *predicted})
  codes = {name: code for code, name in enumerate(classes)}
  pairs = [[codes[name] for name in names] for names in (labels, predicted)]
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a single class, and of nearly as many classes as clips
    counts = count_confusions(*pairs, labels=range(len(classes)))
  return [str(name) for name in classes], counts


def shares(counts):
  """Divides each row `[C]` of counts by its sum; a row of zeros stays one."""
  return counts / np.maximum(1, counts.sum(axis=1, keepdims=True))


def confusion_matrix(path, labels, predicted, title):
  """Draws what is taken for what, in shares of the true class; counts too, if classes are few.

  Args:
    path: file to write, `.png`.
    labels: the true classes `[n]`.
    predicted: the predicted ones `[n]`.
    title: of the figure.

  Raises:
    UserError: there are no clips.
  """
  names, counts = confusion(labels, predicted)
  side_inches = np.clip(len(names) * (0.42 if len(names) <= _COUNTED_CLASSES else 0.3), 3, 14)
  figure, axis = figures.subplots(figsize=(side_inches + 1, side_inches))
  image = axis.imshow(shares(counts), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
  if len(names) <= _COUNTED_CLASSES:
    _write_counts(axis, counts)
  _name_classes(axis, names, side_inches)
  axis.set_xlabel("predicted class")
  axis.set_ylabel("true class")
  axis.set_title(_plain(title), fontsize=11)
  figure.colorbar(image, ax=axis, label="share of the true class", fraction=0.046, pad=0.04)
  figures.save(figure, path)


def _write_counts(axis, counts):
  for (row, column), share in np.ndenumerate(shares(counts)):
    if count := counts[row, column]:
      colour = "white" if share > 0.5 else "black"
      axis.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)


def _name_classes(axis, names, side_inches):
  """Writes the names on both axes, as many as are legible."""
  step = _thinning(len(names), side_inches)
  ticks = range(0, len(names), step)
  points = np.clip(0.75 * 72 * side_inches * step / len(names), 5, 9)
  shown = [_shown(names[tick]) for tick in ticks]
  axis.set_xticks(ticks, shown, rotation=90, fontsize=points)
  axis.set_yticks(ticks, shown, fontsize=points)


def _thinning(count, inches):
  """Returns k, where every k-th of `count` names has enough room."""
  return int(np.ceil(count * _NAME_INCHES / inches))


def class_accuracies(labels, predicted):
  """Computes the accuracy of each class that has clips.

  Args:
    labels: the true classes `[n]`, names or numbers.
    predicted: the predicted ones `[n]`.

  Returns:
    (names, accuracies `[C]` between 0 and 1, numbers of clips `[C]`), from best to worst.

  Raises:
    UserError: there are no clips.
  """
  names, counts = confusion(labels, predicted)
  accuracies, clips = np.diag(shares(counts)), counts.sum(axis=1)
  order = [index for index in np.argsort(-accuracies, kind="stable") if clips[index]]
  return [names[index] for index in order], accuracies[order], clips[order]


def per_class_accuracy(path, labels, predicted, title):
  """Draws a bar per class, from best to worst, and the mean over classes.

  Args:
    path: file to write, `.png`.
    labels: the true classes `[n]`.
    predicted: the predicted ones `[n]`.
    title: of the figure.

  Raises:
    UserError: there are no clips.
  """
  names, accuracies, clips = class_accuracies(labels, predicted)
  inches = np.clip(0.24 * len(names), 1.5, max(12, min(72, _NAME_INCHES * len(names))))
  figure, axis = figures.subplots(figsize=(7, inches))
  positions = np.arange(len(names))
  axis.barh(positions, 100 * accuracies, color=_SKY, height=0.75)
  mean = 100 * accuracies.mean()
  axis.axvline(mean, color="black", linestyle="--")
  ticks = positions[:: _thinning(len(names), inches)]
  shown = [f"{_shown(names[tick])} ({clips[tick]:,})" for tick in ticks]
  axis.set_yticks(ticks, shown, fontsize=np.clip(0.75 * 72 * inches / len(names), 5, 9))
  axis.set_ylim(len(names) - 0.4, -0.6)
  axis.set_xlim(0, 100)
  axis.tick_params(top=True, labeltop=len(names) > 40)
  axis.grid(axis="x", alpha=0.3)
  axis.set_xlabel(f"accuracy (%); dashed: mean over classes, {mean:.1f} %")
  axis.set_ylabel("class (number of test clips)")
  axis.set_title(_plain(title), fontsize=11)
  figures.save(figure, path)


def positions(embeddings, seed=0):
  """Lays embeddings out in the plane by t-SNE of their cosine distances.

  Args:
    embeddings: float `[n, D]`, at least 5 clips.
    seed: integer; the same one gives the same map.

  Returns:
    float32 `[n, 2]`, without a unit.
  """
  embeddings = np.asarray(embeddings, np.float32)
  # Collapsed embeddings have no principal components.
  spreads = embeddings.shape[1] > 1 and (embeddings != embeddings[0]).any()
  tsne = TSNE(
    metric="cosine",
    init="pca" if spreads else "random",
    learning_rate="auto",
    perplexity=min(30, (len(embeddings) - 1) / 3),
    random_state=seed,
  )
  # Threads that wait for each other take ten times as long, and sum in another order.
  with threadpool_limits(1):
    return tsne.fit_transform(embeddings)


def embedding_map(path, embeddings, labels, title, seed=0):
  """Draws a map on which similar clips are close, with a marker per class.

  Args:
    path: file to write, `.png`.
    embeddings: float `[n, D]`.
    labels: the classes `[n]`, names or numbers.
    title: of the figure.
    seed: integer; chooses 2,000 clips of more, and lays them out.

  Raises:
    UserError: there are fewer than 5 clips.
  """
  embeddings, labels = np.asarray(embeddings), np.asarray(labels)
  if len(embeddings) < FEWEST_MAP_CLIPS:
    raise UserError(f"a map needs 5 clips at least, there are {len(embeddings)}: leave it out")
  chosen = _some(len(embeddings), seed)
  figure, axis = figures.subplots(figsize=(7, 6.5))
  _scatter(axis, positions(embeddings[chosen], seed), labels[chosen])
  axis.set_xticks([])
  axis.set_yticks([])
  of_all = f" of {len(labels):,}" if len(chosen) < len(labels) else ""
  axis.set_xlabel(f"first dimension of t-SNE ({len(chosen):,}{of_all} clips, cosine distance)")
  axis.set_ylabel("second dimension of t-SNE")
  axis.set_title(_plain(title), fontsize=11)
  figures.save(figure, path)


def _some(num_clips, seed):
  """Returns the numbers of at most 2,000 clips, in order."""
  if num_clips <= _MAP_CLIPS:
    return np.arange(num_clips)
  return np.sort(np.random.default_rng(seed).choice(num_clips, _MAP_CLIPS, replace=False))


def _scatter(axis, points, labels):
  """Marks points `[n, 2]` by class, the most frequent classes each by a marker of its own."""
  frequent = collections.Counter(labels.tolist()).most_common()
  shown = sorted(name for name, _ in frequent[:_MAP_CLASSES])
  size = 36 if len(points) <= 1000 else 20
  for number, name in enumerate(shown):
    axis.scatter(*points[labels == name].T, s=size, label=_shown(str(name)), **_marker(number))
  others = ~np.isin(labels, shown)
  if others.any():
    name = f"{len(frequent) - len(shown)} other classes"
    axis.scatter(*points[others].T, s=4, marker=".", color="#AAAAAA", label=name, zorder=0)
  columns = -(-len(shown) // 24)
  axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8, ncols=columns)


def _marker(number):
  """Returns shape, fill and colour: 12 of them differ without colour, 84 with it."""
  colour = _COLOURS[number % len(_COLOURS)]
  filled = number // len(_SHAPES) % 2 == 0
  return {
    "marker": _SHAPES[number % len(_SHAPES)],
    "facecolors": colour if filled else "none",
    "edgecolors": "white" if filled else colour,
    "linewidths": 0.3 if filled else 1.2,
  }


def bars(path, rows, columns, means, spreads, published=None, ylabel="accuracy (%)", title=""):
  """Draws a group of bars per row of a table, a bar per column, with error bars.

  Args:
    path: file to write, `.png`.
    rows: names of the groups `[R]`.
    columns: names of the bars of a group `[K]`.
    means: float `[R, K]`; NaN: no bar.
    spreads: float `[R, K]`, half the length of the error bars; NaN: none.
    published: float `[R, K]`, drawn as diamonds, NaN: none; or None.
    ylabel: what the numbers are, with their unit.
    title: of the figure.
  """
  shape = len(rows), len(columns)
  published = np.full(shape, np.nan) if published is None else published
  tables = [np.asarray(table, float).reshape(shape) for table in (means, spreads, published)]
  figure, axis = figures.subplots(figsize=(np.clip(0.3 * shape[0] * (shape[1] + 1), 4, 40), 4.2))
  for number, name in enumerate(columns):
    _column(axis, number, shape[1], _shown(str(name)), *(table[:, number] for table in tables))
  wrapped = [_plain(textwrap.fill(str(name).replace("_", " "), 12)) for name in rows]
  tilted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(rows) > 8 else {}
  axis.set_xticks(range(len(rows)), wrapped, fontsize=9, **tilted)
  axis.set_xlim(-0.6, len(rows) - 0.4)
  axis.set_ylim(0, None)
  axis.set_ylabel(_plain(ylabel))
  axis.set_title(_plain(title), fontsize=11)
  axis.grid(axis="y", alpha=0.3)
  axis.set_axisbelow(True)
  _legend(axis)
  figures.save(figure, path)


def _legend(axis):
  """Writes a legend outside, with one entry, the last, for the diamonds of all columns."""
  handles, names = axis.get_legend_handles_labels()
  entries = dict(sorted(zip(names, handles), key=lambda entry: entry[0] == _PUBLISHED))
  axis.legend(
    entries.values(), entries, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9
  )


def _column(axis, number, num_columns, name, means, spreads, published):
  """Draws the bars `[R]` of one column."""
  width = 0.8 / num_columns
  places = np.arange(len(means)) + (number - (num_columns - 1) / 2) * width
  colour, hatch = _COLOURS[number % len(_COLOURS)], _HATCHES[number % len(_HATCHES)]
  paler = 1 - 0.25 * (1 - np.array(colors.to_rgb(colour)))
  there, spread, known = (np.isfinite(table) for table in (means, spreads, published))
  axis.bar(
    places[there],
    means[there],
    0.9 * width,
    color=paler if hatch else colour,
    edgecolor=colour,
    hatch=hatch,
    label=name,
  )
  spread &= there
  axis.errorbar(places[spread], means[spread], spreads[spread], fmt="none", ecolor="k", capsize=3)
  if known.any():
    diamond = {"marker": "D", "s": 36, "facecolors": "white", "edgecolors": "black", "zorder": 3}
    axis.scatter(places[known], published[known], label=_PUBLISHED, **diamond)


def _shown(name):
  """Shortens a name to what fits beside an axis or into a legend."""
  name = " ".join(name.split())
  if len(name) > _LONGEST_NAME:
    name = f"{name[: _LONGEST_NAME - 12]}…{name[-11:]}"
  return _plain(f" {name}" if name.startswith("_") else name)  # a legend leaves out "_..."


def _plain(text):
  """Keeps matplotlib from reading mathematics into a text."""
  return text.replace("$", r"\$")
