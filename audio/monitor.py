"""Judges the encoder while it trains: kNN on clip embeddings, as they will be exported."""

import tensorflow as tf
import tqdm

from audio import knn
from audio.embedding import ClipEmbedder

MAX_CLIPS = 500
NEIGHBOURS = 10


class KnnMonitor:
  """Leave-one-clip-out kNN over a fixed sample of the clips; labels are used here and nowhere else.

  Where clips have groups (speakers, recordings), neighbours are of other groups only. Inference
  mode, clean excerpts, the mean over windows that cover the clip: what `embed` of the export gives.
  Without labels it does nothing.
  """

  def __init__(self, run, store, windows, encoder):
    """Takes a Run, a Store, the LogMelWindows and the encoder that is being trained."""
    self._run, self._store = run, store
    self._embedder = ClipEmbedder(windows, encoder)
    self._clip_ids = _sample(store) if store.has_labels else []

  def check(self, step):
    """Judges the encoder as it is after `step` and logs it, unless that has been done."""
    if not len(self._clip_ids) or step in self._run.metrics("knn_accuracy")[0]:
      return
    waves = map(self._store.wave, self._clip_ids)
    embeddings = list(self._embedder.embed(waves))
    labels, groups = self._store.labels(self._clip_ids), self._store.groups(self._clip_ids)
    num_groups = len(set(groups) - {None})
    predicted = knn.leave_one_out(
      embeddings, labels, groups if num_groups > 1 else None, NEIGHBOURS
    )
    accuracy, chance = knn.macro_accuracy(predicted, labels), 1 / len(set(labels))
    self._run.log(step, {"knn_accuracy": accuracy, "knn_chance": chance, "knn_groups": num_groups})
    tqdm.tqdm.write(f"step {step}: kNN {100 * accuracy:.1f} % (chance {100 * chance:.1f} %)")


def _sample(store):
  """Returns the ids of up to MAX_CLIPS labelled clips, the same in every run on this store."""
  positions = tf.range(min(4 * MAX_CLIPS, store.num_clips), dtype=tf.int64)
  seed = tf.constant([0, 0], tf.int64)
  last = tf.constant(store.num_clips - 1, tf.int64)
  ids = tf.random.experimental.index_shuffle(positions, seed, last).numpy()
  labels = store.labels(ids)
  return [int(clip) for clip, label in zip(ids, labels) if label is not None][:MAX_CLIPS]
