"""Figures of a run: curves, kNN, and pairs as the network sees them."""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

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


def draw_curves(run: Run) -> None:
  """Draws training.png and, if labels were evaluated, knn.png into the run's folder of plots.

  Args:
    run: the run folder with its metrics.

  Example:
    >>> import keras
    >>> layer = keras.layers.Identity()
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> names = ("loss", "contrastive_accuracy", "embedding_spread")
    >>> run.log(10, dict.fromkeys(names, 0.5))
    >>> draw_curves(run)
    >>> os.listdir("run/plots")
    ['training.png']
  """
  if len(run.metrics("loss")[0]):
    _draw_training(run)
  if len(run.metrics("knn_accuracy")[0]):
    _draw_knn(run)


def draw_pairs(
  folder: str,
  pairs: ExcerptPairs,
  front_end: FrontEnd,
  make_views: Callable[[np.ndarray, tf.Tensor], tf.Tensor],
  seed: tf.Tensor,
) -> None:
  """Draws pairs.png: the first pairs of step 0, as the network sees them.

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
  views = np.asarray(make_views(pairs.copy(clip_ids, words), seed))[:_PAIRS_SHOWN]
  names = pairs.store.keys(clip_ids[:_PAIRS_SHOWN])
  rows = len(views)
  figure, axes = subplots(rows, 2, figsize=(8, 1.5 * rows + 0.8), squeeze=False, sharex=True)
  limits = np.percentile(views, [1, 99.5])
  for row, (pair, name) in enumerate(zip(views, names)):
    images = [_show(axis, view, front_end, limits) for axis, view in zip(axes[row], pair)]
    axes[row, 0].set_title(shorten(name), loc="left", fontsize=8)
  axes[0, 1].set_title("another excerpt of the same clip", loc="left", fontsize=8)
  for axis in axes[-1]:
    axis.set_xlabel("time in the excerpt (s)")
  figure.supylabel("mel band, low to high", fontsize=9)
  figure.tight_layout()
  label = "log mel, as the network sees it"
  figure.colorbar(images[0], ax=axes, label=label, fraction=0.04, pad=0.02)
  save(figure, os.path.join(folder, "pairs.png"))


def _show(axis: Axes, log_mel: np.ndarray, front_end: FrontEnd, limits: np.ndarray) -> AxesImage:
  duration_s = front_end.frames * front_end.log_mel.hop_samples / front_end.sample_rate_hz
  axis.set_yticks([])
  return axis.imshow(
    log_mel.T,
    origin="lower",
    aspect="auto",
    extent=(0, duration_s, 0, front_end.log_mel.num_mels),
    vmin=limits[0],
    vmax=limits[1],
    cmap="magma",
  )


def _draw_training(run: Run) -> None:
  figure, (top, bottom) = subplots(2, 1, figsize=(7, 6), sharex=True)
  _plot(top, run, "loss", BLUE, "-", "contrastive loss (nats)")
  _plot(bottom, run, "contrastive_accuracy", BLUE, "-", "contrastive accuracy")
  _plot(bottom, run, "embedding_spread", ORANGE, "--", "embedding spread (0: collapse)")
  top.set_title("Training: excerpts of one clip have to find each other in the batch", fontsize=10)
  bottom.set_ylim(0, None)
  bottom.set_xlabel("training step")
  bottom.set_ylabel("share")
  top.set_ylabel("loss (nats)")
  save(figure, run.path("plots", "training.png"))


def _draw_knn(run: Run) -> None:
  figure, axis = subplots(figsize=(7, 4))
  for name, (style, colour, label) in _EVALUATIONS.items():
    steps, accuracy = run.metrics(name)
    if len(steps):
      axis.plot(steps, 100 * accuracy, style, color=colour, label=label)
  chance = 100 * run.metrics("knn_chance")[1][0]
  axis.axhline(chance, color=GREY, linestyle=":", label=f"chance ({chance:.1f} %)")
  axis.set_ylim(0, 100)
  axis.set_title("Classes of the clips, predicted from the encoder as it is exported", fontsize=10)
  axis.grid(alpha=0.3)
  axis.set_xlabel("training step (0: random weights)")
  axis.set_ylabel("macro accuracy (%)")
  axis.legend(frameon=False)
  save(figure, run.path("plots", "knn.png"))


def _plot(axis: Axes, run: Run, name: str, colour: str, style: str, label: str) -> None:
  steps, values = run.metrics(name)
  marker = "o" if len(steps) < 3 else None
  axis.plot(steps, values, style, color=colour, marker=marker, label=label)
  axis.legend(frameon=False)
  axis.grid(alpha=0.3)
