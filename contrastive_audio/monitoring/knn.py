"""k nearest neighbours, leaving one clip out: how well an encoder separates classes, untrained."""

import numpy as np

PATCH_NEIGHBOURS = 200  # mix-back, released configuration
_PATCHES_AT_ONCE = 1024  # bounds the memory of all similarities


def leave_one_out(embeddings, labels, groups=None, k=10):
  """Predicts each clip's class from its nearest other clips, by cosine similarity.

  The class with most votes among the k neighbours wins; of equals, the one with the larger sum of
  similarities. Clips of the same group are no neighbours.

  Args:
    embeddings: float `[n, D]`.
    labels: n class names.
    groups: n group names or Nones; None: every clip is its own group.
    k: number of neighbours.

  Returns:
    An array of n predicted class names; None where a clip has no neighbour.
  """
  names, classes = np.unique(np.asarray(labels), return_inverse=True)
  similarities = _cosine(np.asarray(embeddings, np.float64))
  similarities[_same_group(groups, len(labels))] = -np.inf
  nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
  near = np.take_along_axis(similarities, nearest, axis=1)
  votes = np.zeros([len(labels), len(names)])
  rows = np.arange(len(labels))[:, None]
  valid = np.isfinite(near)
  # A vote counts 1; similarities, which add up to less than 1, only decide between equals.
  np.add.at(
    votes, (rows, classes[nearest]), np.where(valid, 1 + np.where(valid, near, 0) / (4 * k), 0)
  )
  predicted = names[votes.argmax(axis=1)].astype(object)
  predicted[~valid.any(axis=1)] = None
  return predicted


def leave_one_clip_out(patches, clips, labels, k):
  """Predicts each clip's class by votes of its patches (evaluation protocol of mix-back's code).

  The label of a patch is that of most of its k nearest patches of other clips; the label of a clip
  is that of most of its patches. Of equals the first in the order of names wins.

  Args:
    patches: float `[P, D]`, compared by cosine similarity.
    clips: int `[P]`, the clip of each patch, 0 to n - 1.
    labels: n class names.
    k: number of neighbours.

  Returns:
    An array of n predicted class names.
  """
  names, classes = np.unique(np.asarray(labels), return_inverse=True)
  patches, clips = _normalised(np.asarray(patches, np.float32)), np.asarray(clips)
  votes = np.zeros([len(labels), len(names)], int)
  for first in range(0, len(patches), _PATCHES_AT_ONCE):
    block = slice(first, first + _PATCHES_AT_ONCE)
    similarities = patches[block] @ patches.T
    similarities[clips[block, None] == clips] = -np.inf
    nearest = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
    winners = [np.bincount(row).argmax() for row in classes[clips[nearest]]]
    np.add.at(votes, (clips[block], winners), 1)
  return names[votes.argmax(axis=1)].astype(object)


def patch_neighbours(clips, num_classes):
  """Returns K for patches of the given clips: 200, less where a class has few patches."""
  others = len(clips) - np.bincount(clips).max()
  return int(max(1, min(PATCH_NEIGHBOURS, len(clips) // (2 * num_classes), others)))


def votes_of_gallery(rows, gallery, targets, k):
  """Lets the k nearest rows of a gallery vote, by cosine similarity.

  Args:
    rows: float `[m, D]`.
    gallery: float `[n, D]`.
    targets: float `[n, C]`, one-hot.
    k: number of neighbours.

  Returns:
    float `[m, C]`, votes; similarities decide between equal numbers of them.
  """
  similarities = _normalised(rows) @ _normalised(gallery).T
  nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
  near = np.take_along_axis(similarities, nearest, axis=1)
  return np.einsum("mkc,mk->mc", targets[nearest], 1 + near / (4 * k))


def macro_accuracy(predicted, labels):
  """Mean over classes of the share of clips that are predicted right."""
  predicted, labels = np.asarray(predicted, object), np.asarray(labels, object)
  return float(np.mean([np.mean(predicted[labels == name] == name) for name in set(labels)]))


def _cosine(embeddings):
  normalised = _normalised(embeddings)
  return normalised @ normalised.T


def _normalised(rows):
  norms = np.linalg.norm(rows, axis=1, keepdims=True)
  return rows / np.maximum(norms, np.finfo(rows.dtype).tiny)


def _same_group(groups, count):
  """Mask `[n, n]` of pairs that may not vote for each other; a clip without group stands alone."""
  if groups is None:
    return np.eye(count, dtype=bool)
  named = np.array([group is not None for group in groups])
  ids = np.unique([str(group) for group in groups], return_inverse=True)[1]
  return (ids[:, None] == ids) & named[:, None] & named | np.eye(count, dtype=bool)
