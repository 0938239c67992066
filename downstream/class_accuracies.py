"""The accuracy of each class, and in which interval it lies.

Letters: n clips, C classes.
"""

from collections.abc import Sequence

import numpy as np

from contrastive_audio.monitoring.confusion import count_confusions, row_shares


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
