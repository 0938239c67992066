"""Mix-back: adds a little of another clip behind each view (paper, section 2).

Letters: B clips of this replica, T frames, F mel bands.
"""

import tensorflow as tf

from contrastive_audio.distributed import replicas
from contrastive_audio.views import stateless_random


def mix_back(
  energies: tf.Tensor, backgrounds: tf.Tensor, lam: tf.Tensor, energy: str = "foreground"
) -> tf.Tensor:
  """Adds a little of a background: (1 - lambda) x + lambda (E(x) / E(b)) b (paper, eq. 1).

  The mix is made of linear energies, and the background first gets the energy E (sum) of the
  foreground. So a loud background cannot bury a soft event.

  Args:
    energies: mel energies x (linear, not log) `[B, T, F]`.
    backgrounds: mel energies b `[B, T, F]`; all zero where there is no background.
    lam: lambda `[B]`, in [0, 1].
    energy: one of config.MIX_ENERGIES, "foreground" for the equation above, or "own" for
      (1 - lambda) x + lambda b.

  Returns:
    Mel energies `[B, T, F]`; where there is no background, those of the foreground.

  Example:
    >>> foreground, background = tf.constant([[[4.0, 0.0]]]), tf.constant([[[0.0, 100.0]]])
    >>> mix_back(foreground, background, lam=tf.constant([0.25])).numpy()
    array([[[3., 1.]]], dtype=float32)
    >>> mix_back(foreground, background, lam=tf.constant([0.25]), energy="own").numpy()
    array([[[ 3., 25.]]], dtype=float32)
  """
  energy_of_background = _energy(backgrounds)
  lam = tf.where(energy_of_background > 0, tf.reshape(lam, [-1, 1, 1]), 0.0)
  if energy == "foreground":
    backgrounds *= tf.math.divide_no_nan(_energy(energies), energy_of_background)
  return (1 - lam) * energies + lam * backgrounds


def pick_backgrounds(views: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
  """Picks a background for each view, a view of another clip of any replica.

  The backgrounds of the two views of a clip come from different clips (published code).

  Args:
    views: `[B, 2, ...]`; all replicas together have at least 3 clips.
    seed: int32 `[2]`, or a seed for the rows of this replica.

  Returns:
    `[B, 2, ...]`.

  Example:
    >>> clips = tf.range(3)
    >>> views = tf.stack([clips, clips], axis=1)  # each view is the number of its clip
    >>> picked = pick_backgrounds(views, tf.constant([0, 1]))
    >>> [sorted(pair) for pair in picked.numpy().tolist()]
    [[1, 2], [0, 2], [0, 1]]
  """
  own_clips = tf.shape(views)[0]
  all_views, first_clip = replicas.gather(views)
  num_clips = tf.shape(all_views)[0]
  seeds = [stateless_random.fold(seed, number) for number in (0, 1)]
  # Two different offsets from 1 to G - 1: the second is drawn from one less, and skips the first.
  first = stateless_random.integers([own_clips], seeds[0], 1, num_clips)
  second = stateless_random.integers([own_clips], seeds[1], 1, num_clips - 1)
  second += tf.cast(second >= first, tf.int32)
  positions = first_clip + tf.range(own_clips)
  others = (positions[:, None] + tf.stack([first, second], 1)) % num_clips  # [B, 2]
  view = stateless_random.integers([own_clips, 2], stateless_random.fold(seed, 2), 0, 2)
  return tf.gather_nd(all_views, tf.stack([others, view], -1))


def _energy(energies: tf.Tensor) -> tf.Tensor:
  return tf.reduce_sum(energies, axis=[1, 2], keepdims=True)
