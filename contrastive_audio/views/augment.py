"""Augmentations of log-mel patches: batched, stateless, one draw per example.

Every function maps patches float32 `[B, T, F]` and a seed `[2]` (or `[4]`, see stateless_random) to
patches of the same shape, and compiles with XLA. The same seed gives the same result. An example
depends on its place in the batch, never on the other examples. Levels are in dB of the wave: their
effect does not depend on the base and power of the log-mels.

Letters: B patches, T frames, F mel bands.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from contrastive_audio.views import stateless_random
from contrastive_audio.views.augmentation_config import AUGMENTATIONS, parse_augment
from contrastive_audio.views.crop import random_resized_crop
from contrastive_audio.views.system_config import SystemConfig

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (patches, seed) -> patches


def compress(patches: tf.Tensor, seed: tf.Tensor, gain_min: float) -> tf.Tensor:
  """Multiplies the log-mel by U(gain_min, 1); the paper calls it compression.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    gain_min: smallest factor.

  Example:
    >>> gains = compress(tf.ones([100, 1, 1]), tf.constant([0, 1]), gain_min=0.75)
    >>> bool(tf.reduce_all((0.75 <= gains) & (gains <= 1)))
    True
  """
  return patches * stateless_random.uniform([tf.shape(patches)[0], 1, 1], seed, gain_min, 1.0)


def noise(patches: tf.Tensor, seed: tf.Tensor, std_max: float) -> tf.Tensor:
  """Adds Gaussian noise to the log-mel, with a standard deviation drawn from U(0, std_max).

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    std_max: largest standard deviation.

  Example:
    >>> noisy = noise(tf.zeros([4, 101, 96]), tf.constant([0, 1]), std_max=0.01)
    >>> bool(0 < tf.math.reduce_std(noisy) < 0.01)
    True
  """
  seeds = stateless_random.split(seed, 2)
  std = stateless_random.uniform([tf.shape(patches)[0], 1, 1], seeds[0], 0.0, std_max)
  return patches + std * stateless_random.normal(tf.shape(patches), seeds[1])


def level(patches: tf.Tensor, seed: tf.Tensor, db_max: float, decibel: float) -> tf.Tensor:
  """Makes the patch louder or quieter, by U(-db_max, db_max).

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    db_max: largest change in dB.
    decibel: how much a dB is on the log-mel, `LogMel.decibel`.

  Example:
    >>> changes = level(tf.zeros([2, 3, 4]), tf.constant([0, 1]), db_max=6.0, decibel=0.1)
    >>> bool(tf.reduce_all(changes == changes[:, :1, :1])), bool(tf.reduce_max(abs(changes)) < 0.6)
    (True, True)
  """
  gains_db = stateless_random.uniform([tf.shape(patches)[0], 1, 1], seed, -db_max, db_max)
  return patches + decibel * gains_db


def fader(patches: tf.Tensor, seed: tf.Tensor, db_max: float, decibel: float) -> tf.Tensor:
  """Changes the level linearly in time, between two levels of U(-db_max, db_max) at its ends.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    db_max: largest change in dB.
    decibel: how much a dB is on the log-mel, `LogMel.decibel`.

  Example:
    >>> changes = fader(tf.zeros([1, 3, 1]), tf.constant([0, 1]), db_max=9.0, decibel=0.1)
    >>> begin, middle, end = tf.unstack(tf.reshape(changes, [3]))
    >>> abs(float(middle - (begin + end) / 2)) < 1e-6
    True
  """
  shape = tf.shape(patches)
  ends_db = stateless_random.uniform([shape[0], 2], seed, -db_max, db_max)
  time = tf.linspace(0.0, 1.0, shape[1])
  gains_db = ends_db[:, :1] * (1 - time) + ends_db[:, 1:] * time  # [B, T]
  return patches + decibel * gains_db[:, :, None]


def equalise(
  patches: tf.Tensor, seed: tf.Tensor, db_std: float, knots: int, decibel: float
) -> tf.Tensor:
  """Colours the spectrum, as another microphone or room would.

  Gains are drawn from N(0, db_std) at points evenly spread over the bands, and interpolated
  linearly. They are the same in all frames.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    db_std: standard deviation of the gains in dB.
    knots: number of points.
    decibel: how much a dB is on the log-mel, `LogMel.decibel`.

  Example:
    >>> gains = equalise(tf.zeros([1, 2, 96]), tf.constant([0, 1]), 4.5, knots=6, decibel=0.1)
    >>> bool(tf.reduce_all(gains[:, 0] == gains[:, 1]))
    True
  """
  shape = tf.shape(patches)
  gains_db = db_std * stateless_random.normal([shape[0], knots], seed)
  position = tf.linspace(0.0, knots - 1.0, shape[2])
  weights = tf.nn.relu(1 - tf.abs(position[None] - tf.range(knots, dtype=tf.float32)[:, None]))
  return patches + decibel * tf.matmul(gains_db, weights)[:, None]


def specaugment(
  patches: tf.Tensor,
  seed: tf.Tensor,
  mask_frames_max: int,
  mask_bands_max: int,
  masks: int,
  fill: str = "minimum",
) -> tf.Tensor:
  """Masks bands and frames: SpecAugment without time warping.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    mask_frames_max: widest mask in time, exclusive.
    mask_bands_max: widest mask in frequency, exclusive.
    masks: number of masks of each kind.
    fill: masked values become the "minimum" (published code of mix-back) or the "mean" of the
      patch.

  Example:
    >>> patches = tf.random.stateless_uniform([8, 101, 96], [0, 1])
    >>> masked = specaugment(patches, tf.constant([0, 1]), 20, 20, masks=2)
    >>> bool(tf.reduce_all(masked <= patches))
    True
  """
  shape = tf.shape(patches)
  reduce = {"minimum": tf.reduce_min, "mean": tf.reduce_mean}[fill]
  filling = reduce(patches, axis=[1, 2], keepdims=True)
  seeds = stateless_random.split(seed, 2)
  in_bands = _inside_masks(shape[0], shape[2], seeds[0], mask_bands_max, masks)[:, None, :]
  in_frames = _inside_masks(shape[0], shape[1], seeds[1], mask_frames_max, masks)[:, :, None]
  return tf.where(in_bands | in_frames, filling, patches)


def time_shift(patches: tf.Tensor, seed: tf.Tensor, shift_frames_max: int) -> tf.Tensor:
  """Delays by 1 to shift_frames_max - 1 frames; what leaves at the end enters at the beginning.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    shift_frames_max: largest shift, exclusive.

  Example:
    >>> patch = tf.reshape(tf.range(4), [1, 4, 1])
    >>> time_shift(patch, tf.constant([0, 1]), shift_frames_max=2).numpy().ravel().tolist()
    [3, 0, 1, 2]
  """
  return _roll(patches, seed, shift_frames_max, axis=1)


def frequency_shift(patches: tf.Tensor, seed: tf.Tensor, shift_bands_max: int) -> tf.Tensor:
  """Raises by 1 to shift_bands_max - 1 bands; what leaves at the top enters at the bottom.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    shift_bands_max: largest shift, exclusive.

  Example:
    >>> patch = tf.reshape(tf.range(4), [1, 1, 4])
    >>> frequency_shift(patch, tf.constant([0, 1]), shift_bands_max=2).numpy().ravel().tolist()
    [3, 0, 1, 2]
  """
  return _roll(patches, seed, shift_bands_max, axis=2)


def pitch_shift(patches: tf.Tensor, seed: tf.Tensor, bands_max: int) -> tf.Tensor:
  """Moves the spectrum up or down by a whole number of mel bands, from U{-bands_max, bands_max}.

  The band at the edge is repeated, so nothing from the other end of the spectrum enters.

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    bands_max: largest shift, inclusive.

  Example:
    >>> patches = tf.tile(tf.reshape(tf.range(4), [1, 1, 4]), [100, 1, 1])
    >>> shifted = pitch_shift(patches, tf.constant([0, 1]), bands_max=1)
    >>> sorted({tuple(bands) for bands in shifted[:, 0].numpy().tolist()})
    [(0, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, 3)]
  """
  shape = tf.shape(patches)
  shifts = stateless_random.integers([shape[0], 1], seed, -bands_max, bands_max + 1)
  bands = tf.clip_by_value(tf.range(shape[2]) - shifts, 0, shape[2] - 1)
  return tf.gather(patches, bands, axis=2, batch_dims=1)


_FUNCTIONS: dict[str, Callable[..., tf.Tensor]] = {
  "time_shift": time_shift,
  "frequency_shift": frequency_shift,
  "pitch_shift": pitch_shift,
  "rrc": random_resized_crop,
  "compress": compress,
  "level": level,
  "fader": fader,
  "equalise": equalise,
  "specaugment": specaugment,
  "noise": noise,
}
_IN_DECIBELS = ("level", "fader", "equalise")


def compose(config: SystemConfig) -> Augmentation:
  """Returns the composition of a configuration: `(patches [B, T, F], seed [2]) -> [B, T, F]`.

  Args:
    config: its field `augment` names the augmentations; others hold their numbers.

  Example:
    >>> apply = compose(SystemConfig(augment="noise,compress", noise_std_max=0.0))
    >>> gains = apply(tf.ones([100, 1, 1]), tf.constant([0, 1]))
    >>> bool(tf.reduce_all((0.75 <= gains) & (gains <= 1)))
    True
  """
  steps = [augmentation(config, name) for name in parse_augment(config.augment)]

  def apply(patches: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    for number, step in enumerate(steps):
      patches = step(patches, stateless_random.fold(seed, number))
    return patches

  return apply


def augmentation(config: SystemConfig, name: str) -> Augmentation:
  """Returns one augmentation with the numbers of a configuration.

  Args:
    config: holds the numbers.
    name: one of AUGMENTATIONS.

  Example:
    >>> hide = augmentation(SystemConfig(masks=0), "specaugment")
    >>> ones = tf.ones([1, 10, 8])
    >>> bool(tf.reduce_all(hide(ones, tf.constant([0, 1])) == ones))
    True
  """
  arguments: dict[str, Any] = {
    argument: getattr(config, field) for argument, field in AUGMENTATIONS[name].items()
  }
  if name in _IN_DECIBELS:
    arguments["decibel"] = config.log_mel().decibel
  return functools.partial(_FUNCTIONS[name], **arguments)


def _inside_masks(
  count: tf.Tensor, size: tf.Tensor, seed: tf.Tensor, width_max: int, masks: int
) -> tf.Tensor:
  """Returns bool `[count, size]`: what lies inside a mask; masks are 0 to width_max - 1 wide."""
  seeds = stateless_random.split(seed, 2)
  widths = stateless_random.integers([count, masks], seeds[0], 0, width_max)
  starts = stateless_random.below(size - widths + 1, seeds[1])
  position = tf.range(size)
  is_inside = (position >= starts[..., None]) & (position < (starts + widths)[..., None])
  return tf.reduce_any(is_inside, axis=1)


def _roll(patches: tf.Tensor, seed: tf.Tensor, shift_max: int, axis: int) -> tf.Tensor:
  shifts = stateless_random.integers([tf.shape(patches)[0], 1], seed, 1, shift_max)
  size = tf.shape(patches)[axis]
  return tf.gather(patches, (tf.range(size) - shifts) % size, axis=axis, batch_dims=1)
