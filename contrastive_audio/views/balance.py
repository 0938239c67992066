"""Batches that are not dominated by the largest group of clips, such as a collection or a speaker.

A clip of a group with n clips is drawn with a weight of n^(balance - 1), so the group as a whole
with n^balance: 1 draws all clips alike, 0 all groups.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.views import stateless_random

_SMALLEST = 1e-30  # of a uniform draw, whose logarithm has to be finite


def group_log_weights(groups: Sequence[str | None], balance: float) -> np.ndarray:
  """Returns the logarithm of the weight with which each clip is drawn, float32 `[clips]`.

  Args:
    groups: the group of each clip.
    balance: from 0, all groups alike, to 1, all clips alike.

  Raises:
    UserError: a clip has no group.

  Example:
    >>> np.exp(group_log_weights(["a", "a", "a", "a", "b"], balance=0.5)).tolist()
    [0.5, 0.5, 0.5, 0.5, 1.0]
  """
  if missing := sum(group is None for group in groups):
    raise UserError(
      f"balance={balance:g} draws clips by their groups, and {missing} of the {len(groups)} clips "
      "have none: name the groups in a column `group` of a CSV, or set balance=1"
    )
  _, group_ids, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
  return ((balance - 1) * np.log(counts[group_ids])).astype(np.float32)


def draw_without_repeats(log_weights: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
  """Draws different clips one after the other, each by its weight among those that are left.

  The `count` largest of log weight plus Gumbel noise are such a draw (Efraimidis and Spirakis,
  2006); it takes time in proportion to the number of clips.

  Args:
    log_weights: float32 `[clips]`.
    count: how many.
    seed: `[2]`.

  Returns:
    int64 `[count]`, numbers of clips.

  Example:
    >>> sorted(draw_without_repeats(tf.zeros([4]), 4, tf.constant([0, 1])).numpy().tolist())
    [0, 1, 2, 3]
  """
  uniform = stateless_random.uniform(tf.shape(log_weights), seed, 0.0, 1.0)
  gumbel = -tf.math.log(-tf.math.log(tf.maximum(uniform, _SMALLEST)))
  return tf.cast(tf.math.top_k(log_weights + gumbel, count).indices, tf.int64)
