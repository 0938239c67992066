"""Augmentations of log-mel patches: batched, stateless, one draw per example.

Every function maps patches float32 `[B, T, F]` and a seed `[2]` to patches of the same shape, and
compiles with XLA. The same seed gives the same result; an example depends on its place in the
batch, never on its batch mates. Levels are in dB, and come out the same whatever the log-mels are
logarithms of.

Letters: B patches, T frames, F mel bands.
"""

import functools
import math

import tensorflow as tf

from contrastive_audio.views import stateless_random
from contrastive_audio.views.augmentation_config import AUGMENTATIONS, parse_augment

CROP_ATTEMPTS = 10  # published code


def random_resized_crop(patches, seed, scale_min, ratio_max):
  """Cuts a random rectangle and stretches it to the whole patch.

  Area U(scale_min, 1), aspect log-uniform in [1 / ratio_max, ratio_max]; what does not fit is drawn
  again, ten times, then the patch is left whole (published code, after torchvision).
  """
  shape = tf.shape(patches)
  top, left, height, width = _crop_boxes(shape[0], shape[1], shape[2], seed, scale_min, ratio_max)
  return resized_crop(patches, top, left, height, width)


def resized_crop(patches, top, left, height, width):
  """Bilinear, half-pixel centres, edges repeated; boxes are int32 `[B]` in frames and bands."""
  shape = tf.shape(patches)
  rows = _resize_weights(top, height, shape[1])  # [B, T, T]
  columns = _resize_weights(left, width, shape[2])  # [B, F, F]
  return tf.matmul(tf.matmul(rows, patches), columns, transpose_b=True)


def compress(patches, seed, gain_min):
  """Multiplies the log-mel by U(gain_min, 1): what the paper calls compression."""
  return patches * stateless_random.uniform([tf.shape(patches)[0], 1, 1], seed, gain_min, 1.0)


def noise(patches, seed, std_max):
  """Adds Gaussian noise to the log-mel, its standard deviation drawn from U(0, std_max)."""
  seeds = _split(seed, 2)
  std = stateless_random.uniform([tf.shape(patches)[0], 1, 1], seeds[0], 0.0, std_max)
  return patches + std * stateless_random.normal(tf.shape(patches), seeds[1])


def level(patches, seed, db_max, decibel):
  """Makes the patch louder or quieter, by U(-db_max, db_max)."""
  gains_db = stateless_random.uniform([tf.shape(patches)[0], 1, 1], seed, -db_max, db_max)
  return patches + decibel * gains_db


def fader(patches, seed, db_max, decibel):
  """Moves the level evenly in time, between two levels of U(-db_max, db_max) at its ends."""
  shape = tf.shape(patches)
  ends_db = stateless_random.uniform([shape[0], 2], seed, -db_max, db_max)
  time = tf.linspace(0.0, 1.0, shape[1])
  gains_db = ends_db[:, :1] * (1 - time) + ends_db[:, 1:] * time  # [B, T]
  return patches + decibel * gains_db[:, :, None]


def equalise(patches, seed, db_std, knots, decibel):
  """Colours the spectrum, as another microphone or room would.

  Gains of N(0, db_std) at points evenly spread over the bands, linear in between, the same in all
  frames.
  """
  shape = tf.shape(patches)
  gains_db = db_std * stateless_random.normal([shape[0], knots], seed)
  position = tf.linspace(0.0, knots - 1.0, shape[2])
  weights = tf.nn.relu(1 - tf.abs(position[None] - tf.range(knots, dtype=tf.float32)[:, None]))
  return patches + decibel * tf.matmul(gains_db, weights)[:, None]


def specaugment(patches, seed, mask_frames_max, mask_bands_max, masks, fill="minimum"):
  """Hides bands and frames: SpecAugment without time warping.

  What is hidden becomes the minimum (published code of mix-back) or the mean of the patch.
  """
  shape = tf.shape(patches)
  summary = {"minimum": tf.reduce_min, "mean": tf.reduce_mean}[fill]
  filling = summary(patches, axis=[1, 2], keepdims=True)
  seeds = _split(seed, 2)
  in_bands = _masked(shape[0], shape[2], seeds[0], mask_bands_max, masks)[:, None, :]
  in_frames = _masked(shape[0], shape[1], seeds[1], mask_frames_max, masks)[:, :, None]
  return tf.where(in_bands | in_frames, filling, patches)


def time_shift(patches, seed, shift_frames_max):
  """Delays by 1 to shift_frames_max - 1 frames; what leaves at the end enters at the beginning."""
  return _roll(patches, seed, shift_frames_max, axis=1)


def frequency_shift(patches, seed, shift_bands_max):
  """Raises by 1 to shift_bands_max - 1 bands; what leaves at the top enters at the bottom."""
  return _roll(patches, seed, shift_bands_max, axis=2)


_FUNCTIONS = {
  "time_shift": time_shift,
  "frequency_shift": frequency_shift,
  "rrc": random_resized_crop,
  "compress": compress,
  "level": level,
  "fader": fader,
  "equalise": equalise,
  "specaugment": specaugment,
  "noise": noise,
}
_IN_DECIBELS = ("level", "fader", "equalise")


def compose(config):
  """Returns the composition of a configuration: `(patches [B, T, F], seed [2]) -> [B, T, F]`."""
  steps = [augmentation(config, name) for name in parse_augment(config.augment)]

  def apply(patches, seed):
    for number, step in enumerate(steps):
      patches = step(patches, stateless_random.fold(seed, number))
    return patches

  return apply


def augmentation(config, name):
  """Returns one augmentation with the numbers of a configuration."""
  fields = AUGMENTATIONS[name]
  arguments = {argument: getattr(config, field) for argument, field in fields.items()}
  if name in _IN_DECIBELS:
    arguments["decibel"] = config.log_mel().decibel
  return functools.partial(_FUNCTIONS[name], **arguments)


def _crop_boxes(count, frames, bands, seed, scale_min, ratio_max):
  """Draws boxes: top, left, height, width, int32 `[B]` each."""
  seeds = _split(seed, 4)
  tries = [count, CROP_ATTEMPTS]
  whole = tf.cast(frames * bands, tf.float32)
  area = whole * stateless_random.uniform(tries, seeds[0], scale_min, 1.0)
  limit = math.log(ratio_max)
  ratio = tf.exp(stateless_random.uniform(tries, seeds[1], -limit, limit))  # bands to frames
  width = tf.cast(tf.round(tf.sqrt(area * ratio)), tf.int32)
  height = tf.cast(tf.round(tf.sqrt(area / ratio)), tf.int32)
  fits = (width <= bands) & (height <= frames)
  first = tf.argmax(tf.cast(fits, tf.int32), axis=1)
  any_fits = tf.reduce_any(fits, axis=1)
  height = tf.where(any_fits, tf.gather(height, first, batch_dims=1), frames)
  width = tf.where(any_fits, tf.gather(width, first, batch_dims=1), bands)
  top = stateless_random.below(frames - height + 1, seeds[2])
  return top, stateless_random.below(bands - width + 1, seeds[3]), height, width


def _resize_weights(start, length, size):
  """Weights `[B, size, size]`: row i interpolates output i from the samples inside the crop."""
  start, length = (tf.cast(value, tf.float32)[:, None] for value in (start, length))
  output = (tf.range(tf.cast(size, tf.float32)) + 0.5)[None]
  position = start + output * length / tf.cast(size, tf.float32) - 0.5
  position = tf.clip_by_value(position, start, start + length - 1)  # the edge is repeated
  samples = tf.range(tf.cast(size, tf.float32))
  return tf.nn.relu(1 - tf.abs(position[:, :, None] - samples))


def _masked(count, size, seed, width_max, masks):
  """Returns bool `[B, size]`: which are inside one of the masks; widths are 0 to width_max - 1."""
  seeds = _split(seed, 2)
  widths = stateless_random.integers([count, masks], seeds[0], 0, width_max)
  starts = stateless_random.below(size - widths + 1, seeds[1])
  inside = tf.range(size)
  hit = (inside >= starts[..., None]) & (inside < (starts + widths)[..., None])
  return tf.reduce_any(hit, axis=1)


def _roll(patches, seed, shift_max, axis):
  shifts = stateless_random.integers([tf.shape(patches)[0], 1], seed, 1, shift_max)
  size = tf.shape(patches)[axis]
  return tf.gather(patches, (tf.range(size) - shifts) % size, axis=axis, batch_dims=1)


def _split(seed, number):
  return [stateless_random.fold(seed, index) for index in range(number)]
