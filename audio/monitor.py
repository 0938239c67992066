"""Judges the encoder while it trains: kNN on embeddings as they will be exported."""

import abc

import tensorflow as tf
import tqdm

from audio import knn
from audio.datasets import LABEL_SEPARATOR
from audio.embedding import ClipEmbedder, ClipEncoder

MAX_CLIPS = 500
NEIGHBOURS = 10


class Monitor(abc.ABC):
  """Judges by a fixed sample of the clips; their labels are used here and nowhere else.

  Inference mode, clean excerpts. Without labels it does nothing; where clips have several, it
  looks at those that have one.
  """

  def __init__(self, run, store):
    """Takes a runs.Run and a store.Store."""
    self._run, self._store = run, store
    self._clip_ids = _sample(store) if store.has_labels else []

  def check(self, step):
    """Judges the encoder as it is after `step` and logs it, unless that has been done."""
    if not len(self._clip_ids) or step in self._run.metrics("knn_accuracy")[0]:
      return
    waves = map(self._store.wave, self._clip_ids)
    labels, groups = self._store.labels(self._clip_ids), self._store.groups(self._clip_ids)
    results = self.judge(waves, labels, groups)
    chance = 1 / len(set(labels))
    self._run.log(step, results | {"knn_chance": chance})
    tqdm.tqdm.write(f"step {step}: {self.line(results)} (chance {100 * chance:.1f} %)")

  @abc.abstractmethod
  def judge(self, waves, labels, groups):
    """Returns the measurements as a dictionary, `knn_accuracy` (of the embedding) among them."""

  def line(self, results):
    """Returns what the terminal shows of the measurements."""
    return f"kNN {100 * results['knn_accuracy']:.1f} %"


class KnnMonitor(Monitor):
  """Leave-one-clip-out kNN on what `embed` of the export gives: the mean over covering windows.

  Where clips have groups (speakers, recordings), neighbours are of other groups only.
  """

  def __init__(self, run, store, windows, encoder):
    """Takes a Run, a Store, the LogMelWindows and the encoder that is being trained."""
    super().__init__(run, store)
    self._embedder = ClipEmbedder(ClipEncoder(windows, encoder))

  def judge(self, waves, labels, groups):
    num_groups = len(set(groups) - {None})
    embeddings = list(self._embedder.embed(waves))
    groups = groups if num_groups > 1 else None
    predicted = knn.leave_one_out(embeddings, labels, groups, NEIGHBOURS)
    return {"knn_accuracy": knn.macro_accuracy(predicted, labels), "knn_groups": num_groups}


def _sample(store):
  """Returns the ids of up to MAX_CLIPS labelled clips, the same in every run on this store."""
  positions = tf.range(min(4 * MAX_CLIPS, store.num_clips), dtype=tf.int64)
  seed = tf.constant([0, 0], tf.int64)
  last = tf.constant(store.num_clips - 1, tf.int64)
  ids = tf.random.experimental.index_shuffle(positions, seed, last).numpy()
  labels = store.labels(ids)
  several = LABEL_SEPARATOR if store.several_labels else None
  usable = [label is not None and not (several and several in label) for label in labels]
  return ids[usable][:MAX_CLIPS].tolist()
