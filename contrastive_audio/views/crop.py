"""Random crops of log-mel patches, stretched back to the size of the patch.

Letters: B patches, T frames, F mel bands.
"""

import math

import tensorflow as tf

from contrastive_audio.views import stateless_random

CROP_ATTEMPTS = 10  # published code


def random_resized_crop(
  patches: tf.Tensor, seed: tf.Tensor, scale_min: float, ratio_max: float
) -> tf.Tensor:
  """Cuts a random rectangle and stretches it to the whole patch.

  Its share of the area is U(scale_min, 1), its aspect ratio log-uniform in [1 / ratio_max,
  ratio_max]. A box that does not fit is drawn again; after ten attempts the patch stays whole
  (published code, after torchvision).

  Args:
    patches: float32 `[B, T, F]`.
    seed: `[2]`.
    scale_min: smallest share of the area.
    ratio_max: largest ratio of bands to frames.

  Example:
    >>> patches = tf.ones([2, 10, 8])
    >>> cropped = random_resized_crop(patches, tf.constant([0, 1]), scale_min=0.5, ratio_max=4 / 3)
    >>> cropped.shape, float(tf.reduce_max(abs(cropped - 1))) < 1e-5
    (TensorShape([2, 10, 8]), True)
  """
  shape = tf.shape(patches)
  top, left, height, width = _crop_boxes(shape[0], shape[1], shape[2], seed, scale_min, ratio_max)
  return resized_crop(patches, top, left, height, width)


def resized_crop(
  patches: tf.Tensor, top: tf.Tensor, left: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
  """Stretches a box of each patch to the whole patch: bilinear, half-pixel centres, edges repeated.

  Args:
    patches: float32 `[B, T, F]`.
    top: int32 `[B]`, first frame of each box.
    left: int32 `[B]`, first band.
    height: int32 `[B]`, in frames.
    width: int32 `[B]`, in bands.

  Example:
    >>> patch = tf.constant([[[0.0, 1.0, 2.0, 3.0]]])
    >>> zero, one, two = tf.constant([[0], [1], [2]])
    >>> resized_crop(patch, top=zero, left=one, height=one, width=two).numpy()
    array([[[1.  , 1.25, 1.75, 2.  ]]], dtype=float32)
  """
  shape = tf.shape(patches)
  rows = _resize_weights(top, height, shape[1])  # [B, T, T]
  columns = _resize_weights(left, width, shape[2])  # [B, F, F]
  return tf.matmul(tf.matmul(rows, patches), columns, transpose_b=True)


def _crop_boxes(
  count: int | tf.Tensor,
  frames: int | tf.Tensor,
  bands: int | tf.Tensor,
  seed: tf.Tensor,
  scale_min: float,
  ratio_max: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
  """Draws `count` boxes: top, left, height and width, int32 `[B]` each."""
  seeds = stateless_random.split(seed, 4)
  attempts = [count, CROP_ATTEMPTS]
  whole = tf.cast(frames * bands, tf.float32)
  area = whole * stateless_random.uniform(attempts, seeds[0], scale_min, 1.0)
  limit = math.log(ratio_max)
  ratio = tf.exp(stateless_random.uniform(attempts, seeds[1], -limit, limit))  # bands to frames
  width = tf.cast(tf.round(tf.sqrt(area * ratio)), tf.int32)
  height = tf.cast(tf.round(tf.sqrt(area / ratio)), tf.int32)
  fits = (width <= bands) & (height <= frames)
  # In float, because GPUs have no argmax of integers; no two values are alike but 0.
  first = tf.argmax(tf.cast(fits, tf.float32) * tf.range(CROP_ATTEMPTS, 0.0, -1.0), axis=1)
  any_fits = tf.reduce_any(fits, axis=1)
  height = tf.where(any_fits, tf.gather(height, first, batch_dims=1), frames)
  width = tf.where(any_fits, tf.gather(width, first, batch_dims=1), bands)
  top = stateless_random.below(frames - height + 1, seeds[2])
  return top, stateless_random.below(bands - width + 1, seeds[3]), height, width


def _resize_weights(start: tf.Tensor, length: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
  """Returns weights `[B, size, size]`: row i interpolates output i from samples inside the box."""
  start, length = (tf.cast(value, tf.float32)[:, None] for value in (start, length))
  output = (tf.range(tf.cast(size, tf.float32)) + 0.5)[None]
  position = start + output * length / tf.cast(size, tf.float32) - 0.5
  position = tf.clip_by_value(position, start, start + length - 1)  # the edge is repeated
  samples = tf.range(tf.cast(size, tf.float32))
  return tf.nn.relu(1 - tf.abs(position[:, :, None] - samples))
