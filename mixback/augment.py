"""Mix-back and the augmentations of log-mel patches: batched, stateless, one draw per example.

Every function maps patches float32 `[B, T, F]` and a seed `[2]` to patches of the same shape, and
compiles with XLA. The same seed gives the same result; an example depends on its place in the
batch, never on its batch mates (mix-back, whose point is the batch mates, apart).

Letters: B patches, T frames, F mel bands.
"""

import functools
import math

import tensorflow as tf

from audio import randomness
from audio.errors import UserError

CROP_ATTEMPTS = 10  # published code


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
  seeds = _split(seed, 2)
  # Two different offsets of 1 to B - 1: the second is drawn from B - 2, and steps over the first.
  first = randomness.integers([clips], seeds[0], 1, clips)
  second = randomness.integers([clips], seeds[1], 1, clips - 1)
  second += tf.cast(second >= first, tf.int32)
  others = (tf.range(clips)[:, None] + tf.stack([first, second], 1)) % clips  # [B, 2]
  which = randomness.integers([clips, 2], randomness.fold(seed, 2), 0, 2)
  return tf.gather_nd(views, tf.stack([others, which], -1))


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


def specaugment(patches, seed, mask_frames_max, mask_bands_max, masks):
  """Sets bands, then frames, to the minimum of the patch: SpecAugment without time warping."""
  shape = tf.shape(patches)
  lowest = tf.reduce_min(patches, axis=[1, 2], keepdims=True)
  seeds = _split(seed, 2)
  in_bands = _masked(shape[0], shape[2], seeds[0], mask_bands_max, masks)[:, None, :]
  in_frames = _masked(shape[0], shape[1], seeds[1], mask_frames_max, masks)[:, :, None]
  return tf.where(in_bands | in_frames, lowest, patches)


def time_shift(patches, seed, shift_frames_max):
  """Delays by 1 to shift_frames_max - 1 frames; what leaves at the end enters at the beginning."""
  return _roll(patches, seed, shift_frames_max, axis=1)


def frequency_shift(patches, seed, shift_bands_max):
  """Raises by 1 to shift_bands_max - 1 bands; what leaves at the top enters at the bottom."""
  return _roll(patches, seed, shift_bands_max, axis=2)


# name -> (function, the fields of the configuration it takes), in the order of the published code
PARTS = {
  "time_shift": (time_shift, ["shift_frames_max"]),
  "frequency_shift": (frequency_shift, ["shift_bands_max"]),
  "rrc": (random_resized_crop, ["crop_scale_min", "crop_ratio_max"]),
  "compress": (compress, ["compress_gain_min"]),
  "specaugment": (specaugment, ["mask_frames_max", "mask_bands_max", "masks"]),
  "noise": (noise, ["noise_std_max"]),
}
ALL = "rrc,compress,noise,specaugment"


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
  names = {"crop_scale_min": "scale_min", "crop_ratio_max": "ratio_max"}
  names |= {"compress_gain_min": "gain_min", "noise_std_max": "std_max"}
  arguments = {names.get(field, field): getattr(config, field) for field in fields}
  return functools.partial(function, **arguments)


def _energy(energies):
  return tf.reduce_sum(energies, axis=[1, 2], keepdims=True)


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
