"""Mix-back: a little of another clip behind each view (paper, section 2).

Letters: B clips, T frames, F mel bands.
"""

import tensorflow as tf

from audio import randomness


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

  Args:
    views: `[B, 2, ...]`, B at least 3.
    seed: int32 `[2]`.

  Returns:
    `[B, 2, ...]`.
  """
  clips = tf.shape(views)[0]
  seeds = [randomness.fold(seed, number) for number in (0, 1)]
  # Two different offsets of 1 to B - 1: the second is drawn from B - 2, and steps over the first.
  first = randomness.integers([clips], seeds[0], 1, clips)
  second = randomness.integers([clips], seeds[1], 1, clips - 1)
  second += tf.cast(second >= first, tf.int32)
  others = (tf.range(clips)[:, None] + tf.stack([first, second], 1)) % clips  # [B, 2]
  which = randomness.integers([clips, 2], randomness.fold(seed, 2), 0, 2)
  return tf.gather_nd(views, tf.stack([others, which], -1))


def _energy(energies):
  return tf.reduce_sum(energies, axis=[1, 2], keepdims=True)
