"""Which classes are taken for which.

Letters: n clips, C classes.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from contrastive_audio.errors import UserError


def count_confusions(
  labels: Sequence[str | int], predicted: Sequence[str | int]
) -> tuple[list[str], np.ndarray]:
  """Counts how often each class was taken for which.

  Args:
    labels: the true classes `[n]`, names or numbers.
    predicted: the predicted classes `[n]`.

  Returns:
    (names of the classes that occur in either, sorted; int `[C, C]`, a row per true class).

  Raises:
    UserError: there are no clips.

  Example:
    >>> count_confusions(["dog", "dog", "cat"], ["dog", "cat", "cat"])
    (['cat', 'dog'], array([[1, 0],
           [1, 1]]))
  """
  if not len(labels):
    raise UserError("there are no clips to draw: check the split of the data set")
  classes = sorted({*labels, *predicted})
  numbers = {name: number for number, name in enumerate(classes)}
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about a single class, and about nearly as many as clips
    counts = confusion_matrix(
      [numbers[name] for name in labels],
      [numbers[name] for name in predicted],
      labels=range(len(classes)),
    )
  return [str(name) for name in classes], counts


def row_shares(counts: np.ndarray) -> np.ndarray:
  """Divides each row by its sum; a row of zeros stays one.

  Args:
    counts: int `[C, C]`.

  Returns:
    float `[C, C]`.

  Example:
    >>> row_shares(np.array([[1, 3], [0, 0]]))
    array([[0.25, 0.75],
           [0.  , 0.  ]])
  """
  return counts / np.maximum(1, counts.sum(axis=1, keepdims=True))


def wilson_intervals(shares: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """Computes in which interval a share lies with 95 % confidence, by Wilson's score.

  Args:
    shares: float `[C]`, between 0 and 1.
    counts: int `[C]`, of how many clips each is.

  Returns:
    float `[C, 2]`, between 0 and 1.

  Example:
    >>> wilson_intervals(np.array([1.0, 0.5]), np.array([8, 4])).round(3)
    array([[0.676, 1.   ],
           [0.15 , 0.85 ]])
  """
  z2 = 1.959964**2
  centre = (shares + z2 / (2 * counts)) / (1 + z2 / counts)
  spread = np.sqrt(z2 * (shares * (1 - shares) + z2 / (4 * counts)) / counts)
  half = spread / (1 + z2 / counts)
  return np.clip(np.stack([centre - half, centre + half], axis=1), 0, 1)


def class_accuracies(
  labels: Sequence[str | int], predicted: Sequence[str | int]
) -> tuple[list[str], np.ndarray, np.ndarray]:
  """Computes the accuracy of each class that has clips.

  Args:
    labels: the true classes `[n]`, names or numbers.
    predicted: the predicted classes `[n]`.

  Returns:
    (names, accuracies `[C]` between 0 and 1, numbers of clips `[C]`), from best to worst.

  Raises:
    UserError: there are no clips.

  Example:
    >>> class_accuracies(["dog", "dog", "cat"], ["dog", "cat", "cat"])
    (['cat', 'dog'], array([1. , 0.5]), array([1, 2]))
  """
  names, counts = count_confusions(labels, predicted)
  accuracies, num_clips = np.diag(row_shares(counts)), counts.sum(axis=1)
  order = [number for number in np.argsort(-accuracies, kind="stable") if num_clips[number]]
  return [names[number] for number in order], accuracies[order], num_clips[order]
