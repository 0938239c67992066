"""What becomes of the labels of training clips: few of them are kept, or some are flipped."""

from collections.abc import Sequence

import numpy as np

from contrastive_audio.errors import UserError


def draw_few_labels(
  train: np.ndarray, labels: Sequence[str], per_class: int, seed: int
) -> np.ndarray:
  """Draws the same number of training clips of each class.

  Args:
    train: int `[n]`, training clips.
    labels: the class of each clip of the data set.
    per_class: how many clips of each class.
    seed: determines which.

  Returns:
    int `[per_class * C]`, sorted.

  Raises:
    UserError: a class has fewer training clips.

  Example:
    >>> draw_few_labels(np.array([0, 1, 2, 4]), list("aabbb"), per_class=2, seed=0)
    array([0, 1, 2, 4])
  """
  rng = np.random.default_rng([seed, 1])
  drawn = []
  for name in sorted({labels[clip_id] for clip_id in train}):
    members = [clip_id for clip_id in train if labels[clip_id] == name]
    if len(members) < per_class:
      raise UserError(
        f"--labels_per_class={per_class}: the class {name!r} has {len(members)} training clips"
      )
    drawn.append(rng.choice(members, per_class, replace=False))
  return np.sort(np.concatenate(drawn))


def flip_labels(train: np.ndarray, labels: Sequence[str], share: float, seed: int) -> list[str]:
  """Changes a share of the training labels to another class.

  Args:
    train: int `[n]`, training and validation clips.
    labels: the class of each clip of the data set.
    share: from 0 to 1; exactly `round(share * n)` labels are flipped.
    seed: determines which, and to what.

  Returns:
    All labels of the data set.

  Example:
    >>> flip_labels(np.array([0, 1]), ["dog", "cat", "cat"], share=1.0, seed=0)
    ['cat', 'dog', 'cat']
  """
  rng = np.random.default_rng([seed, 2])
  names = sorted({labels[clip_id] for clip_id in train})
  flipped = list(labels)
  for clip_id in rng.choice(train, round(share * len(train)), replace=False):
    others = [name for name in names if name != labels[clip_id]]
    flipped[clip_id] = others[rng.integers(len(others))]
  return flipped
