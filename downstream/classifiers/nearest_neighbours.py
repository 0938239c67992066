"""Nearest neighbours as a method: clips vote, or the windows of clips do."""

import functools
from collections.abc import Callable

import numpy as np

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring import knn
from contrastive_audio.store.store import Store
from downstream.cards.task_data import TaskData
from downstream.classifiers.problem import MakeMethod, Method, Problem
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model

Cache = Callable[[Model, Store], str]  # -> folder of the embeddings


def knn_method(
  protocol: str = "split",
  neighbours: int = 10,
  layer: str = "embedding",
  cache: Cache | None = None,
) -> MakeMethod:
  """Returns a function that prepares the method, see `problem.MakeMethod`.

  Args:
    protocol: "split": the training clips vote for the test clips, by the cosine similarity of their
      embeddings. "patches": the protocol of mix-back's code, which needs no training clips. All
      windows of the test clips, one every 50 frames, are each other's gallery, except those of the
      same clip, and windows vote for their clip.
    neighbours: k of "split".
    layer: whose output is compared: "embedding", or "projection" of the head, as in mix-back's
      code.
    cache: `(model, store) -> folder` of the embeddings; None: the user's cache.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> from downstream.choices import Condition
    >>> from downstream.encoders.models import open_model
    >>> from downstream.evaluation import evaluate
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> data, model = TaskData(Task("synthetic", "synthetic"), store), open_model("logmel_stats")
    >>> method = knn_method()(data, model)
    >>> evaluate(method, data, model, Condition(), seed=0).score > 10  # chance
    True
  """

  def make_method(data: TaskData, model: Model) -> Method:
    if data.multi_label and protocol == "patches":
      raise UserError(
        f"{data.task.name}: clips have several labels, which --protocol=patches does not predict"
      )
    if layer == "projection":
      model = model.with_head()
    say = functools.cache(_say)  # the same for each split, so once
    if protocol == "patches":
      return lambda problem: _vote_by_patches(problem, model, cache, say)
    folder = cache and cache(model, data.store)
    embeddings = Embeddings(model, data.store, folder).make().of_clips()
    return lambda problem: _vote_by_clips(problem, embeddings, neighbours, say)

  return make_method


def _say(text: str) -> None:
  if text:
    line("neighbours", text)


def _vote_by_clips(
  problem: Problem, embeddings: np.ndarray, neighbours: int, say: Callable[[str], None]
) -> np.ndarray:
  """Returns votes; where clips have several labels, the share of the votes that each label has."""
  train = problem.final_train
  say(knn.fewer(len(train), neighbours, "training clips"))
  targets = np.pad(problem.targets[train], [(0, 0), (0, 1)], constant_values=1)  # the whole vote
  votes = knn.votes_of_gallery(embeddings[problem.test], embeddings[train], targets, neighbours)
  return votes[:, :-1] / votes[:, -1:] if problem.data.multi_label else votes[:, :-1]


def _vote_by_patches(
  problem: Problem, model: Model, cache: Cache | None, say: Callable[[str], None]
) -> np.ndarray:
  tested = problem.data.store.select(problem.test)  # the other clips are not needed
  folder = cache and f"{cache(model, tested)}-hopping"
  clips, patches = Embeddings(model, tested, folder, "hopping").make().of_windows()
  labels = [problem.data.clips.labels[clip_id] for clip_id in problem.test]
  k = knn.patch_neighbours(clips, len(set(labels)))
  say(knn.fewer(k, knn.PATCH_NEIGHBOURS, "patches, or a class has few"))
  predicted = knn.leave_one_clip_out(patches, clips, labels, k)
  return (predicted[:, None] == np.array(problem.data.class_names, object)).astype(np.float32)
