"""How clips are held out: whole groups where there are groups, otherwise within each class."""

from collections.abc import Sequence

import numpy as np


def hold_out(
  clip_ids: np.ndarray,
  labels: Sequence[str],
  groups: Sequence[str | None],
  fraction: float,
  seed: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Holds out whole groups if there are at least two, otherwise clips within each class.

  Where some clips have a group, one without is a group of its own.

  Args:
    clip_ids: int `[n]`.
    labels: the label of each clip of the data set.
    groups: the group of each clip of the data set, or None.
    fraction: share of the clips (or groups) that is held out.
    seed: determines which.

  Returns:
    (int `[n - m]`, int `[m]`), both sorted.

  Example:
    >>> hold_out(np.arange(6), list("aaaaaa"), list("xxyyzz"), fraction=1 / 3, seed=0)
    (array([0, 1, 2, 3]), array([4, 5]))
  """
  clip_groups = named_groups([groups[clip_id] for clip_id in clip_ids])
  if clip_groups:
    from sklearn import model_selection  # late: it takes a second

    splitter = model_selection.GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    kept, held_out = next(splitter.split(clip_ids, groups=clip_groups))
  else:
    kept, held_out = _stratify([labels[clip_id] for clip_id in clip_ids], fraction, seed)
  return np.sort(clip_ids[kept]), np.sort(clip_ids[held_out])


def _stratify(labels: Sequence[str], fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the positions kept and held out; a single clip of a class is kept, two are divided."""
  rng = np.random.default_rng([seed, 0])
  held_out: list[int] = []
  names, class_of = np.unique(np.array(labels, object), return_inverse=True)
  for number in range(len(names)):
    members = np.flatnonzero(class_of == number)
    count = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
    held_out += rng.permutation(members)[: count if len(members) > 1 else 0].tolist()
  return np.setdiff1d(np.arange(len(labels)), held_out), np.array(sorted(held_out), int)


def named_groups(groups: Sequence[str | None]) -> list[str]:
  """Returns the groups of some clips, where a clip without one stands alone; empty: nothing does.

  Args:
    groups: of each clip; None: it has none.

  Returns:
    A name for each clip; an empty list if no clip has a group, or all have the same.

  Example:
    >>> names = named_groups(["a", None, "a", None])
    >>> names[0] == names[2], len(set(names))
    (True, 3)
    >>> named_groups([None, None]), named_groups(["a", "a"])
    ([], [])
  """
  own = [f"\0{number}" if group is None else group for number, group in enumerate(groups)]
  has_groups = any(group is not None for group in groups)
  return own if has_groups and len(set(own)) > 1 else []
