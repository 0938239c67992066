"""Figures of a run: curves, kNN, and pairs as the network sees them."""

import os

import numpy as np

from contrastive_audio.utils.figures import BLUE, GREEN, GREY, ORANGE, save, subplots

_PAIRS_SHOWN = 5


def curves(run):
  """Draws training.png and, if there was a monitor, knn.png into the run's folder of plots."""
  if len(run.metrics("loss")[0]):
    _training(run)
  if len(run.metrics("knn_accuracy")[0]):
    _knn(run)


def positive_pairs(folder, pairs, front_end, make_views, seed):
  """Draws pairs.png: the first pairs of step 0, after all that is done to them.

  Args:
    folder: where to.
    pairs: an ExcerptPairs.
    front_end: the FrontEnd of the run.
    make_views: `(excerpts [B, 2, N], seed [2]) -> [B, 2, T, F]`.
    seed: int32 `[2]`, seed of step 0.
  """
  clip_ids, words = pairs.clip_ids(0).numpy(), pairs.start_words(0).numpy()
  views = np.asarray(make_views(pairs.copy(clip_ids, words), seed))[:_PAIRS_SHOWN]
  names = pairs.store.keys(clip_ids[:_PAIRS_SHOWN])
  rows = len(views)
  figure, axes = subplots(rows, 2, figsize=(8, 1.5 * rows + 0.8), squeeze=False, sharex=True)
  low, high = np.percentile(views, [1, 99.5])
  duration_s = front_end.frames * front_end.log_mel.hop_samples / front_end.sample_rate_hz
  for row, (pair, name) in enumerate(zip(views, names)):
    for axis, log_mel in zip(axes[row], pair):
      extent = (0, duration_s, 0, front_end.log_mel.num_mels)
      image = axis.imshow(
        log_mel.T, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="magma"
      )
      axis.set_yticks([])
    axes[row, 0].set_title(name[-60:], loc="left", fontsize=8)
  axes[0, 1].set_title("another excerpt of the same clip", loc="left", fontsize=8)
  for axis in axes[-1]:
    axis.set_xlabel("time in the excerpt (s)")
  figure.supylabel("mel band, low to high", fontsize=9)
  figure.tight_layout()
  figure.colorbar(image, ax=axes, label="log mel, as the network sees it", fraction=0.04, pad=0.02)
  save(figure, os.path.join(folder, "pairs.png"))


def _training(run):
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


def _knn(run):
  figure, axis = subplots(figsize=(7, 4))
  steps, accuracy = run.metrics("knn_accuracy")
  axis.plot(steps, 100 * accuracy, "o-", color=BLUE, label="kNN on the embedding")
  steps, accuracy = run.metrics("knn_projection_accuracy")
  if len(steps):
    axis.plot(steps, 100 * accuracy, "s--", color=ORANGE, label="kNN on the projection")
  steps, accuracy = run.metrics("linear_accuracy")
  if len(steps):
    axis.plot(steps, 100 * accuracy, "^-.", color=GREEN, label="linear, on the embedding")
  chance = 100 * run.metrics("knn_chance")[1][0]
  axis.axhline(chance, color=GREY, linestyle=":", label=f"chance ({chance:.1f} %)")
  axis.set_ylim(0, 100)
  axis.set_title("Classes of the clips, judged by the encoder as it is exported", fontsize=10)
  axis.grid(alpha=0.3)
  axis.set_xlabel("training step (0: random weights)")
  axis.set_ylabel("macro accuracy (%)")
  axis.legend(frameon=False)
  save(figure, run.path("plots", "knn.png"))


def _plot(axis, run, name, colour, style, label):
  steps, values = run.metrics(name)
  marker = "o" if len(steps) < 3 else None
  axis.plot(steps, values, style, color=colour, marker=marker, label=label)
  axis.legend(frameon=False)
  axis.grid(alpha=0.3)
