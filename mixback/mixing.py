"""Mix-back: a little of another clip behind each view (paper, section 2).

Letters: B clips of this replica, T frames, F mel bands.
"""

import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.views import stateless_random


def mix_back(energies, backgrounds, lam):
  """Adds a little of a background: (1 - lambda) x + lambda (E(x) / E(b)) b (paper, eq. 1).

  Args:
    energies: mel energies (linear, not log) `[B, T, F]`.
    backgrounds: mel energies `[B, T, F]`, brought to the energy E (sum) of the foreground here.
    lam: lambda `[B]`.

  Returns:
    Mel energies `[B, T, F]`; a silent background adds nothing.
  """
  lam = tf.reshape(lam, [-1, 1, 1])
  ratio = tf.math.divide_no_nan(_energy(energies), _energy(backgrounds))
  return (1 - lam) * energies + lam * ratio * backgrounds


def pick_backgrounds(views, seed):
  """Gives each view of a clip a view of another clip, the two views different clips (C).

  The other clips are those of all replicas.

  Args:
    views: `[B, 2, ...]`; of all replicas together at least 3 clips.
    seed: int32 `[2]`, or one for the rows of this replica.

  Returns:
    `[B, 2, ...]`.
  """
  own_clips = tf.shape(views)[0]
  all_views, own = replicas.gather(views)
  clips = tf.shape(all_views)[0]
  seeds = [stateless_random.fold(seed, number) for number in (0, 1)]
  # Two different offsets of 1 to B - 1: the second is drawn from B - 2, and steps over the first.
  first = stateless_random.integers([own_clips], seeds[0], 1, clips)
  second = stateless_random.integers([own_clips], seeds[1], 1, clips - 1)
  second += tf.cast(second >= first, tf.int32)
  places = own + tf.range(own_clips)
  others = (places[:, None] + tf.stack([first, second], 1)) % clips  # [B, 2]
  which = stateless_random.integers([own_clips, 2], stateless_random.fold(seed, 2), 0, 2)
  return tf.gather_nd(all_views, tf.stack([others, which], -1))


def _energy(energies):
  return tf.reduce_sum(energies, axis=[1, 2], keepdims=True)
