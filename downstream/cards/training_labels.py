"""What becomes of the labels of training clips: few of them are kept, or some are flipped."""

import collections
from collections.abc import Sequence

import numpy as np

from contrastive_audio.errors import UserError


def draw_few_labels(
  train: np.ndarray, classes: Sequence[Sequence[str]], per_class: int, seed: int
) -> np.ndarray:
  """Draws training clips until each class has a number of them.

  Where clips have one class each, every class has exactly that many. Where they have several, the
  rarest class draws first, and clips that are drawn count for all of their classes: frequent ones
  may have more.

  Args:
    train: int `[n]`, training clips.
    classes: the classes of each clip of the data set.
    per_class: how many clips of each class.
    seed: determines which.

  Returns:
    int `[m]`, sorted.

  Raises:
    UserError: a class has fewer training clips.

  Example:
    >>> draw_few_labels(np.array([0, 1, 2, 4]), list("aabbb"), per_class=2, seed=0)
    array([0, 1, 2, 4])
    >>> draw_few_labels(np.arange(3), [["dog", "rain"], ["dog"], ["dog"]], per_class=1, seed=0)
    array([0])
  """
  members = collections.defaultdict(list)
  for clip_id in train:
    for name in classes[clip_id]:
      members[name].append(clip_id)
  have_one = all(len(classes[clip_id]) == 1 for clip_id in train)
  rng, drawn = np.random.default_rng([seed, 1]), set[int]()
  for name in sorted(members, key=lambda name: (0 if have_one else len(members[name]), name)):
    if len(members[name]) < per_class:
      raise UserError(
        f"--labels_per_class={per_class}: the class {name!r} has {len(members[name])} training "
        "clips"
      )
    left = [clip_id for clip_id in members[name] if clip_id not in drawn]
    missing = per_class - (len(members[name]) - len(left))
    if missing > 0:
      drawn.update(rng.choice(left, missing, replace=False).tolist())
  return np.array(sorted(drawn))


def flip_labels(train: np.ndarray, labels: Sequence[str], share: float, seed: int) -> list[str]:
  """Changes a share of the training labels to another class.

  Args:
    train: int `[n]`, training and validation clips.
    labels: the class of each clip of the data set.
    share: above 0, up to 1; exactly `round(share * n)` labels are flipped.
    seed: determines which, and to what.

  Returns:
    All labels of the data set.

  Raises:
    UserError: there are so few labels that none would be flipped.

  Example:
    >>> flip_labels(np.array([0, 1]), ["dog", "cat", "cat"], share=1.0, seed=0)
    ['cat', 'dog', 'cat']
  """
  rng = np.random.default_rng([seed, 2])
  names = sorted({labels[clip_id] for clip_id in train})
  flipped = list(labels)
  count = round(share * len(train))
  if not count:
    raise UserError(
      f"--label_noise={share:g}: of {len(train)} training labels it would flip none; use more"
    )
  for clip_id in rng.choice(train, count, replace=False):
    others = [name for name in names if name != labels[clip_id]]
    flipped[clip_id] = others[rng.integers(len(others))]
  return flipped
