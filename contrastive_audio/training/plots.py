"""Figures of a run: curves, kNN, and pairs as the network sees them.

Letters: B clips, R of them that are drawn, N samples of an excerpt, T frames, F mel bands.
"""

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from contrastive_audio.frontend.drawing import draw_log_mel
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.runs import Run
from contrastive_audio.utils.figures import BLUE, GREEN, GREY, ORANGE, save, shorten, subplots
from contrastive_audio.views.excerpts import ExcerptPairs

_PAIRS_SHOWN = 5
# Metric -> (line style, colour, label).
_EVALUATIONS = {
  "knn_accuracy": ("o-", BLUE, "kNN on the embedding"),
  "knn_projection_accuracy": ("s--", ORANGE, "kNN on the projection"),
  "linear_accuracy": ("^-.", GREEN, "linear, on the embedding"),
}


def draw_curves(run: Run, chance: float) -> None:
  """Draws training.png and, if labels were evaluated, knn.png into the run's folder of plots.

  Args:
    run: the run folder with its metrics.
    chance: the contrastive accuracy of an encoder that has learned nothing.

  Example:
    >>> import keras
    >>> layer = keras.layers.Identity()
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> names = ("loss", "contrastive_accuracy", "embedding_spread")
    >>> run.log(10, dict.fromkeys(names, 0.5))
    >>> draw_curves(run, chance=1 / 64)
    >>> os.listdir("run/plots")
    ['training.png']
  """
  if len(run.metrics("loss")[0]):
    _draw_training(run, chance)
  if len(run.metrics("knn_accuracy")[0]):
    _draw_knn(run)


def draw_pairs(
  folder: str,
  pairs: ExcerptPairs,
  front_end: FrontEnd,
  make_views: Callable[[np.ndarray, tf.Tensor], tf.Tensor],
  seed: tf.Tensor,
) -> None:
  """Draws pairs.png: the first pairs of step 0, before and after augmentation.

  Args:
    folder: where to write the figure.
    pairs: the excerpts of the training.
    front_end: the front end of the run.
    make_views: `(excerpts [B, 2, N], seed [2]) -> [B, 2, T, F]`.
    seed: int32 `[2]`, seed of step 0.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.store.preparation import prepare
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> store = prepare(open_synthetic(clips_per_class=2), 16_000)
    >>> pairs = ExcerptPairs(store, batch_size=3, layout=front_end.layout)
    >>> draw_pairs(".", pairs, front_end, lambda excerpts, seed: front_end(excerpts), [0, 0])
    >>> os.listdir()
    ['pairs.png']
  """
  clip_ids, words = pairs.clip_ids(0).numpy(), pairs.start_words(0).numpy()
  excerpts = pairs.copy(clip_ids, words)
  views = np.asarray(make_views(excerpts, seed))[:_PAIRS_SHOWN]
  log_mels = np.asarray(front_end(excerpts[:_PAIRS_SHOWN, :2]))
  figure = pairs_figure(log_mels, views, pairs.store.keys(clip_ids[:_PAIRS_SHOWN]), front_end)
  save(figure, os.path.join(folder, "pairs.png"))


def pairs_figure(
  log_mels: np.ndarray, views: np.ndarray, names: Sequence[str], front_end: FrontEnd
) -> Figure:
  """Draws each excerpt beside its view; without augmentation they are the same, and drawn once.

  Args:
    log_mels: of the excerpts as they are, float `[R, 2, T, F]`.
    views: as the network sees them, float `[R, 2, T, F]`.
    names: of the clips `[R]`.
    front_end: the front end of the run.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end, excerpts = FrontEnd(log_mel, 96, "excerpt_l2"), np.zeros([1, 2, 96, 64])
    >>> figure = pairs_figure(excerpts, excerpts + 1, ["bell.wav"], front_end)
    >>> len(figure.axes)  # four pictures and the key of their colours
    5
  """
  titles = ["an excerpt", "its view", "another excerpt", "its view"]
  title, panels = "an excerpt of a clip, and its view, which the network sees", [log_mels, views]
  if np.allclose(views, log_mels, atol=1e-3):
    title, panels, titles = "the network sees excerpts as they are", [views], titles[::2]
  grid = np.stack(panels, axis=2).reshape(len(views), -1, *views.shape[2:])  # [R, columns, T, F]
  rows, columns = grid.shape[:2]
  width = {2: 3.5, 4: 2.3}[columns]  # a long name ends before the last column begins
  size = (2 + width * columns, 1.3 * rows + 1.2)
  figure, axes = subplots(rows, columns, size, squeeze=False, sharex=True, sharey=True)
  figure.set_layout_engine("constrained")
  low, high = np.percentile(grid, [1, 99.5])
  for axis, log_mel in zip(axes.flat, grid.reshape(-1, *grid.shape[2:])):
    image = draw_log_mel(axis, log_mel, front_end.log_mel, vmin=low, vmax=high)
    axis.tick_params(labelsize=7)
  _name_pairs(axes, titles, names)
  figure.suptitle(f"Pairs of step 0: {title}", fontsize=11)
  figure.supxlabel("time (s)", fontsize=10)
  figure.supylabel("frequency (Hz)", fontsize=10)
  figure.colorbar(image, ax=axes, label=_unit(front_end), fraction=0.03)
  return figure


def _unit(front_end: FrontEnd) -> str:
  """Returns what the numbers of its log-mels are."""
  log_mel = front_end.log_mel
  if (front_end.mean, front_end.std) != (0.0, 1.0):
    return "log-mel, standardised by the data set"
  base = {"e": "ln", "10": "log10"}[log_mel.log_base]
  return f"{base} of {'magnitude' if log_mel.power == 1 else 'energy'}"


def _name_pairs(axes: np.ndarray, titles: Sequence[str], names: Sequence[str]) -> None:
  """Writes what is in a column above the first row, and the name of the clip above each row."""
  for axis, title in zip(axes[0], titles):
    axis.annotate(title, (0, 1), (0, 17), "axes fraction", "offset points", fontweight="bold")
  for axis, name in zip(axes[:, 0], names):
    axis.set_title(shorten(name), loc="left", fontsize=8)


def _draw_training(run: Run, chance: float) -> None:
  candidates = round(1 / chance)
  figure, (loss, accuracy, spread) = subplots(3, 1, figsize=(7, 7.5), sharex=True)
  loss.set_title("Training: excerpts of one clip have to find each other in the batch", fontsize=10)
  _plot(loss, *_contrastive_loss(run), "contrastive loss")
  _draw_chance(loss, np.log(candidates), f"ln {candidates} = {np.log(candidates):.2f} nats")
  loss.set(ylabel="loss (nats)", ylim=(0, None))
  steps, accuracies = run.metrics("contrastive_accuracy")
  _plot(accuracy, steps, 100 * accuracies, "contrastive accuracy")
  _draw_chance(accuracy, 100 * chance, f"1 of {candidates} = {100 * chance:.1f} %")
  accuracy.set(ylabel="partners found (%)", ylim=(-3, 103))  # a guess is close to 0
  of_spread = "embedding spread (0: collapse, 1: all directions alike)"
  _plot(spread, *run.metrics("embedding_spread"), of_spread)
  spread.set(ylabel="spread", ylim=(0, 1.02), xlabel="training step", xlim=(0, None))
  spread.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
  for axis in (loss, accuracy, spread):
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=9)
  figure.align_ylabels()
  save(figure, run.path("plots", "training.png"))


def _contrastive_loss(run: Run) -> tuple[np.ndarray, np.ndarray]:
  """Returns (steps, losses) without what --keep adds, which guessing does not determine."""
  steps, losses = run.metrics("loss")
  if keep := run.config["config"].get("keep"):
    losses = losses - keep * run.metrics("source_distance")[1]
  return steps, losses


def _draw_chance(axis: Axes, value: float, text: str) -> None:
  axis.axhline(value, color=GREY, linestyle=":", label=f"guessing ({text})")


def _draw_knn(run: Run) -> None:
  figure, axis = subplots(figsize=(7, 4))
  for name, (style, colour, label) in _EVALUATIONS.items():
    steps, accuracy = run.metrics(name)
    if len(steps):
      axis.plot(steps, 100 * accuracy, style, color=colour, label=label)
  chance = 100 * run.metrics("knn_chance")[1][0]
  _draw_chance(axis, chance, f"{chance:.1f} %")
  axis.set_ylim(0, 102)
  axis.set_title("Classes of the clips, predicted from the encoder as it is exported", fontsize=10)
  axis.grid(alpha=0.3)
  start = "the weights of --init" if run.config["config"].get("init_digest") else "random weights"
  axis.set_xlabel(f"training step (0: {start})")
  axis.set_ylabel("accuracy, mean over classes (%)")
  axis.legend(frameon=False)
  save(figure, run.path("plots", "knn.png"))


def _plot(axis: Axes, steps: np.ndarray, values: np.ndarray, label: str) -> None:
  marker = "o" if len(steps) < 3 else None
  axis.plot(steps, values, color=BLUE, marker=marker, label=label)
