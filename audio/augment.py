"""Augmentations of log-mel patches: batched, stateless, one draw per example.

Every function maps patches float32 `[B, T, F]` and a seed `[2]` to patches of the same shape, and
compiles with XLA. The same seed gives the same result; an example depends on its place in the
batch, never on its batch mates. Levels are in dB, and come out the same whatever the log-mels are
logarithms of.

Letters: B patches, T frames, F mel bands.
"""

import dataclasses
import functools
import math

import tensorflow as tf

from audio import randomness
from audio.configuration import RunConfig
from audio.errors import UserError

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
  return patches * randomness.uniform([tf.shape(patches)[0], 1, 1], seed, gain_min, 1.0)


def noise(patches, seed, std_max):
  """Adds Gaussian noise to the log-mel, its standard deviation drawn from U(0, std_max)."""
  seeds = _split(seed, 2)
  std = randomness.uniform([tf.shape(patches)[0], 1, 1], seeds[0], 0.0, std_max)
  return patches + std * randomness.normal(tf.shape(patches), seeds[1])


def level(patches, seed, db_max, decibel):
  """Makes the patch louder or quieter, by U(-db_max, db_max)."""
  gains_db = randomness.uniform([tf.shape(patches)[0], 1, 1], seed, -db_max, db_max)
  return patches + decibel * gains_db


def fader(patches, seed, db_max, decibel):
  """Moves the level evenly in time, between two levels of U(-db_max, db_max) at its ends."""
  shape = tf.shape(patches)
  ends_db = randomness.uniform([shape[0], 2], seed, -db_max, db_max)
  time = tf.linspace(0.0, 1.0, shape[1])
  gains_db = ends_db[:, :1] * (1 - time) + ends_db[:, 1:] * time  # [B, T]
  return patches + decibel * gains_db[:, :, None]


def equalise(patches, seed, db_std, knots, decibel):
  """Colours the spectrum, as another microphone or room would.

  Gains of N(0, db_std) at points evenly spread over the bands, linear in between, the same in all
  frames.
  """
  shape = tf.shape(patches)
  gains_db = db_std * randomness.normal([shape[0], knots], seed)
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


# name -> (function, argument -> field of the configuration), in the order they are applied: that of
# the published code of mix-back, with level, fader and equalise before anything is hidden.
PARTS = {
  "time_shift": (time_shift, {"shift_frames_max": "shift_frames_max"}),
  "frequency_shift": (frequency_shift, {"shift_bands_max": "shift_bands_max"}),
  "rrc": (random_resized_crop, {"scale_min": "crop_scale_min", "ratio_max": "crop_ratio_max"}),
  "compress": (compress, {"gain_min": "compress_gain_min"}),
  "level": (level, {"db_max": "level_db_max"}),
  "fader": (fader, {"db_max": "fader_db_max"}),
  "equalise": (equalise, {"db_std": "equaliser_db_std", "knots": "equaliser_knots"}),
  "specaugment": (
    specaugment,
    {name: name for name in ("mask_frames_max", "mask_bands_max", "masks")} | {"fill": "mask_fill"},
  ),
  "noise": (noise, {"std_max": "noise_std_max"}),
}
_IN_DECIBELS = ("level", "fader", "equalise")
ALL = "rrc,compress,noise,specaugment"  # of mix-back's paper


@dataclasses.dataclass(frozen=True)
class AugmentConfig(RunConfig):
  """The numbers of all augmentations; (C): of mix-back's released configuration."""

  augment: str = "none"  # names with commas, in any order; "all" or "none"
  crop_scale_min: float = 0.8  # rrc: share of the area, up to 1 (C)
  crop_ratio_max: float = 4 / 3  # rrc: bands to frames of the crop, down to its inverse (C)
  compress_gain_min: float = 0.75  # compress: gain on the log-mel, up to 1 (C)
  level_db_max: float = 13.0  # level: up to so much louder or quieter
  fader_db_max: float = 9.0  # fader: level of each end, up to so much louder or quieter
  equaliser_db_std: float = 4.5  # equalise: standard deviation of the gains
  equaliser_knots: int = 6  # equalise: points along the bands whose gains are drawn
  noise_std_max: float = 0.01  # noise: standard deviation on the log-mel, from 0 (C)
  mask_frames_max: int = 20  # specaugment: widest mask in time, exclusive (C)
  mask_bands_max: int = 20  # specaugment: widest mask in frequency, exclusive (C)
  masks: int = 2  # specaugment: of each kind (C)
  mask_fill: str = "minimum"  # specaugment: what is hidden becomes that of the patch (C); or "mean"
  shift_frames_max: int = 30  # time_shift, exclusive (C)
  shift_bands_max: int = 10  # frequency_shift, exclusive (C)

  def __post_init__(self):
    super().__post_init__()
    self.require("mask_fill", ("minimum", "mean"))
    parse(self.augment)


def parse(text):
  """Returns the names of a composition, in the order they are applied.

  Args:
    text: names with commas; "all" or "none".

  Raises:
    UserError: an unknown name.
  """
  names = {name.strip() for name in {"all": ALL, "none": ""}.get(text, text).split(",")} - {""}
  if unknown := names - PARTS.keys():
    raise UserError(
      f"augment={text!r}: no augmentation is called {', '.join(sorted(unknown))}; there are "
      f"{', '.join(PARTS)}, and all, none"
    )
  return [name for name in PARTS if name in names]


def compose(config):
  """Returns the composition of a configuration: `(patches [B, T, F], seed [2]) -> [B, T, F]`."""
  steps = [part(config, name) for name in parse(config.augment)]

  def apply(patches, seed):
    for number, step in enumerate(steps):
      patches = step(patches, randomness.fold(seed, number))
    return patches

  return apply


def part(config, name):
  """Returns one augmentation with the numbers of a configuration."""
  function, fields = PARTS[name]
  arguments = {argument: getattr(config, field) for argument, field in fields.items()}
  if name in _IN_DECIBELS:
    arguments["decibel"] = config.log_mel().decibel
  return functools.partial(function, **arguments)


def _crop_boxes(count, frames, bands, seed, scale_min, ratio_max):
  """Draws boxes: top, left, height, width, int32 `[B]` each."""
  seeds = _split(seed, 4)
  tries = [count, CROP_ATTEMPTS]
  whole = tf.cast(frames * bands, tf.float32)
  area = whole * randomness.uniform(tries, seeds[0], scale_min, 1.0)
  limit = math.log(ratio_max)
  ratio = tf.exp(randomness.uniform(tries, seeds[1], -limit, limit))  # bands to frames
  width = tf.cast(tf.round(tf.sqrt(area * ratio)), tf.int32)
  height = tf.cast(tf.round(tf.sqrt(area / ratio)), tf.int32)
  fits = (width <= bands) & (height <= frames)
  first = tf.argmax(tf.cast(fits, tf.int32), axis=1)
  any_fits = tf.reduce_any(fits, axis=1)
  height = tf.where(any_fits, tf.gather(height, first, batch_dims=1), frames)
  width = tf.where(any_fits, tf.gather(width, first, batch_dims=1), bands)
  top = randomness.below(frames - height + 1, seeds[2])
  return top, randomness.below(bands - width + 1, seeds[3]), height, width


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
  widths = randomness.integers([count, masks], seeds[0], 0, width_max)
  starts = randomness.below(size - widths + 1, seeds[1])
  inside = tf.range(size)
  hit = (inside >= starts[..., None]) & (inside < (starts + widths)[..., None])
  return tf.reduce_any(hit, axis=1)


def _roll(patches, seed, shift_max, axis):
  shifts = randomness.integers([tf.shape(patches)[0], 1], seed, 1, shift_max)
  size = tf.shape(patches)[axis]
  return tf.gather(patches, (tf.range(size) - shifts) % size, axis=axis, batch_dims=1)


def _split(seed, number):
  return [randomness.fold(seed, index) for index in range(number)]
