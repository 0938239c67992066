"""k nearest neighbours: how well an encoder separates classes, without any training."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import recall_score

PATCH_NEIGHBOURS = 200  # mix-back, released configuration
_PATCHES_AT_ONCE = 1024  # bounds the memory of all similarities
_PAIRS_AT_ONCE = 2**24  # of a row and one of a gallery, 16 bytes each


def leave_one_out(
  embeddings: np.ndarray,
  labels: Sequence[str],
  groups: Sequence[str | None] | None = None,
  k: int = 10,
) -> np.ndarray:
  """Predicts the class of each clip from its nearest other clips, by cosine similarity.

  The class with most votes among the k neighbours wins; of equals, the one with the larger sum of
  similarities. Clips of the same group do not count as neighbours.

  Args:
    embeddings: float `[n, D]`.
    labels: n class names.
    groups: n group names or Nones; None: every clip is a group of its own.
    k: number of neighbours.

  Returns:
    An array of n predicted class names; None where a clip has no neighbour.

  Example:
    >>> embeddings = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    >>> leave_one_out(embeddings, ["low", "low", "high", "high"], k=1).tolist()
    ['low', 'low', 'high', 'high']
  """
  names, classes = np.unique(np.asarray(labels), return_inverse=True)
  rows = normalise_rows(np.asarray(embeddings, np.float64))
  similarities = rows @ rows.T
  similarities[_same_group(groups, len(labels))] = -np.inf
  nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
  near = np.take_along_axis(similarities, nearest, axis=1)
  valid = np.isfinite(near)
  # A vote counts 1. Similarities, which add up to less than 1, only decide between equals.
  weights = np.where(valid, 1 + np.where(valid, near, 0) / (4 * k), 0)
  votes = np.zeros([len(labels), len(names)])
  np.add.at(votes, (np.arange(len(labels))[:, None], classes[nearest]), weights)
  predicted = names[votes.argmax(axis=1)].astype(object)
  predicted[~valid.any(axis=1)] = None
  return predicted


def leave_one_clip_out(
  patches: np.ndarray,
  clips: np.ndarray,
  labels: Sequence[str],
  k: int,
  groups: Sequence[str | None] | None = None,
) -> np.ndarray:
  """Predicts the class of each clip by votes of its patches (evaluation protocol of mix-back).

  A patch gets the label of most of its k nearest patches of other clips, and a clip gets the label
  of most of its patches. Among equals, the first name in alphabetical order wins.

  Args:
    patches: float `[P, D]`, compared by cosine similarity.
    clips: int `[P]`, the clip of each patch, 0 to n - 1.
    labels: n class names.
    k: number of neighbours.
    groups: n group names or Nones, whose clips do not vote for each other; None: every clip is a
      group of its own.

  Returns:
    An array of n predicted class names.

  Example:
    >>> patches = np.array([[1, 0], [1, 0.1], [0, 1], [1, 0.2], [0.1, 1]])
    >>> leave_one_clip_out(patches, [0, 0, 1, 2, 3], ["low", "high", "low", "high"], k=1).tolist()
    ['low', 'high', 'low', 'high']
  """
  names, classes = np.unique(np.asarray(labels), return_inverse=True)
  patches, clips = normalise_rows(np.asarray(patches, np.float32)), np.asarray(clips)
  owners = _owners(groups, len(labels))[clips]
  votes = np.zeros([len(labels), len(names)], int)
  for first in range(0, len(patches), _PATCHES_AT_ONCE):
    block = slice(first, first + _PATCHES_AT_ONCE)
    similarities = patches[block] @ patches.T
    similarities[owners[block, None] == owners] = -np.inf
    nearest = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
    winners = [np.bincount(row).argmax() for row in classes[clips[nearest]]]
    np.add.at(votes, (clips[block], winners), 1)
  return names[votes.argmax(axis=1)].astype(object)


def patch_neighbours(
  clips: np.ndarray, num_classes: int, groups: Sequence[str | None] | None = None
) -> int:
  """Returns k for `leave_one_clip_out`: 200, or less where classes or the set have few patches.

  Args:
    clips: int `[P]`, the clip of each patch.
    num_classes: number of classes.
    groups: see `leave_one_clip_out`.

  Example:
    >>> patch_neighbours(np.repeat(np.arange(400), 9), num_classes=10)
    180
  """
  owners = _owners(groups, int(np.max(clips)) + 1)[clips]
  others = len(clips) - np.bincount(owners).max()
  return int(max(1, min(PATCH_NEIGHBOURS, len(clips) // (2 * num_classes), others)))


def fewest_others(num_clips: int, groups: Sequence[str | None] | None = None) -> int:
  """Returns how many neighbours every clip has, for `leave_one_out`.

  Args:
    num_clips: n.
    groups: n group names or Nones; None: every clip is a group of its own.

  Example:
    >>> fewest_others(5), fewest_others(5, ["a", "a", "a", "b", None])
    (4, 2)
  """
  return int((~_same_group(groups, num_clips)).sum(axis=1).min())


def fewer(k: int, wanted: int, of: str) -> str:
  """Returns what to say if there are fewer neighbours than were asked for; nothing if not.

  Args:
    k: number of neighbours that there are.
    wanted: number that was asked for.
    of: what the neighbours are, in the plural.

  Example:
    >>> fewer(3, 10, "training clips"), fewer(12, 10, "training clips")
    ('K = 3 instead of 10: there are no more training clips', '')
  """
  return f"K = {k} instead of {wanted}: there are no more {of}" if k < wanted else ""


def votes_of_gallery(
  rows: np.ndarray, gallery: np.ndarray, targets: np.ndarray, k: int
) -> np.ndarray:
  """Lets the k nearest rows of a gallery vote, by cosine similarity.

  Args:
    rows: float `[m, D]`.
    gallery: float `[n, D]`.
    targets: float `[n, C]`, one-hot or multi-hot.
    k: number of neighbours.

  Returns:
    Votes, float `[m, C]`; similarities decide between equal numbers of them.

  Example:
    >>> gallery = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> votes_of_gallery(np.array([[0.0, 2.0]]), gallery, targets=np.eye(2), k=1).argmax(axis=1)
    array([1])
  """
  gallery = normalise_rows(gallery)
  votes = np.empty([len(rows), targets.shape[1]])
  rows_at_once = max(1, _PAIRS_AT_ONCE // len(gallery))
  for first in range(0, len(rows), rows_at_once):
    block = slice(first, first + rows_at_once)
    similarities = normalise_rows(rows[block]) @ gallery.T
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    near = np.take_along_axis(similarities, nearest, axis=1)
    votes[block] = np.einsum("mkc,mk->mc", targets[nearest], 1 + near / (4 * k))
  return votes


def macro_accuracy(
  predicted: Sequence[str | int | None] | np.ndarray, labels: Sequence[str | int] | np.ndarray
) -> float:
  """Returns the mean over classes of the share of their clips that are predicted correctly.

  Args:
    predicted: n classes; None: no prediction, which counts as wrong.
    labels: n classes.

  Example:
    >>> macro_accuracy(["dog", "dog", "dog", None], ["dog", "dog", "cat", "cat"])
    0.5
  """
  names, targets = np.unique(np.asarray(labels), return_inverse=True)
  numbers = {name: number for number, name in enumerate(names)}
  answers = [numbers.get(name, -1) for name in predicted]  # -1: none of the classes
  return float(recall_score(targets, answers, labels=range(len(names)), average="macro"))


def normalise_rows(rows: np.ndarray) -> np.ndarray:
  """Divides each row by its l2 norm; rows of zeros stay zeros.

  sklearn.preprocessing.normalize leaves float32 rows shorter than about 1e-6 as they are, which is
  the size of the embeddings of an untrained EfficientNet-B0. Here every row gets length 1.

  Args:
    rows: float `[n, D]`.

  Returns:
    `[n, D]`, of the same type.

  Example:
    >>> normalise_rows(np.array([[3e-9, 4e-9], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
  """
  norms = np.linalg.norm(rows, axis=1, keepdims=True)
  return rows / np.maximum(norms, np.finfo(rows.dtype).tiny)


def _same_group(groups: Sequence[str | None] | None, count: int) -> np.ndarray:
  """Mask `[n, n]` of pairs that may not vote for each other."""
  owners = _owners(groups, count)
  return owners[:, None] == owners


def _owners(groups: Sequence[str | None] | None, count: int) -> np.ndarray:
  """Returns the number of the group of each clip; a clip without a group stands alone."""
  if groups is None:
    return np.arange(count)
  numbers: dict[str | int, int] = {}
  keys = [clip if group is None else group for clip, group in enumerate(groups)]
  return np.array([numbers.setdefault(key, len(numbers)) for key in keys])
