"""Judges the encoder while it trains, by labels, on embeddings as they will be exported."""

import abc

import numpy as np
import tensorflow as tf
import tqdm

from contrastive_audio.datasets import LABEL_SEPARATOR
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.monitoring import knn, linear_probe

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
    return f"kNN {100 * results['knn_accuracy']:.1f} %{self.linear_part(results)}"

  @staticmethod
  def linear_part(results):
    """Returns the part of a line that tells of the linear classifier, if there was one."""
    found = results.get("linear_accuracy")
    return "" if found is None else f", linear {100 * found:.1f} %"


def linear(embeddings, labels, groups):
  """Returns {"linear_accuracy": macro accuracy of probe.predict}; {} where it cannot be measured.

  Args:
    embeddings: float `[n, D]`, of clips.
    labels: n class names.
    groups: n group names or Nones; None: there are none.
  """
  predicted = linear_probe.predict(embeddings, labels, groups)
  judged = predicted != None  # noqa: E711, element by element
  if not judged.any():
    return {}
  return {"linear_accuracy": knn.macro_accuracy(predicted[judged], np.asarray(labels)[judged])}


class KnnMonitor(Monitor):
  """kNN and a linear classifier on what `embed` of the export gives: the mean over windows.

  No clip helps to judge itself. Where clips have groups (speakers, recordings), neither does its
  group.
  """

  def __init__(self, run, store, front_end, encoder):
    """Takes a Run, a Store, the FrontEnd and the encoder that is being trained."""
    super().__init__(run, store)
    self._embedder = ClipEmbedder(ClipEncoder(front_end, encoder))

  def judge(self, waves, labels, groups):
    num_groups = len(set(groups) - {None})
    embeddings = list(self._embedder.embed(waves))
    groups = groups if num_groups > 1 else None
    predicted = knn.leave_one_out(embeddings, labels, groups, NEIGHBOURS)
    results = {"knn_accuracy": knn.macro_accuracy(predicted, labels), "knn_groups": num_groups}
    return results | linear(embeddings, labels, groups)


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
