"""Rows that stand for embeddings: overlapping classes, and one split of them."""

import types

import numpy as np

from downstream.classifiers.problem import Problem

NUM_CLASSES = 4


def draw_rows(count=200, size=12, seed=0):
  """(rows float32 `[count, size]`, one-hot targets) of overlapping classes."""
  rng = np.random.default_rng(seed)
  classes = rng.integers(0, NUM_CLASSES, count)
  centres = np.random.default_rng(9).normal(size=[NUM_CLASSES, size])
  rows = rng.normal(size=[count, size]) * np.linspace(0.1, 30, size) + centres[classes]
  return rows.astype("f"), np.eye(NUM_CLASSES, dtype="f")[classes]


def problem_of(targets, data=None, model=None, **changes):
  """One split of 200 clips; `changes` are clips of train, validation or test, or folds.

  If no folds are given, the validation clips are the only one.
  """
  folds = changes.pop("folds", None)
  task = types.SimpleNamespace(metric="accuracy", name="x")
  ids = {"train": range(100), "validation": range(100, 130), "test": range(130, 200)} | changes
  ids = {name: np.array(clips, int) for name, clips in ids.items()}
  if folds is None:
    folds = [(ids["train"], ids["validation"])] if len(ids["validation"]) else []
  data = data or types.SimpleNamespace(task=task, multi_label=False)
  return Problem(data=data, model=model, targets=targets, seed=0, folds=folds, **ids)
