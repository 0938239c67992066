"""Samples of any type and number of channels -> mono float32."""

import numpy as np

FULL_SCALE = 32768.0  # of 16-bit PCM
BLOCK_BYTES = 1 << 21  # held at once while a recording is decoded, whatever its channels


def to_float(samples: np.ndarray, own_full_scale: bool = False) -> np.ndarray:
  """Converts samples to float32; integers are scaled to [-1, 1].

  Args:
    samples: an array of any shape; floats are not scaled.
    own_full_scale: divide integers by the full scale of the array's own type. Otherwise their full
      scale is that of 16 bits, whatever the type, or that of 32 bits if any sample exceeds 16 bits.

  Example:
    >>> to_float(np.array([-32768, 16384]))
    array([-1. ,  0.5], dtype=float32)
  """
  if samples.dtype.kind == "f":
    with np.errstate(over="ignore"):  # see `mix`
      return samples.astype(np.float32, copy=False)
  if samples.dtype == np.uint8:
    return (samples.astype(np.float32) - 128) / 128
  if own_full_scale:
    full_scale = -float(np.iinfo(samples.dtype).min)
  else:
    exceeds_16_bits = samples.size and max(samples.max(), -int(samples.min())) > FULL_SCALE
    full_scale = 2.0**31 if exceeds_16_bits else FULL_SCALE
  return (samples / full_scale).astype(np.float32)


def mix(samples: np.ndarray) -> np.ndarray:
  """Averages the channels: `[n]` or `[n, channels]` -> mono `[n]`.

  Example:
    >>> mix(np.array([[0.0, 1.0], [1.0, 1.0]], np.float32))
    array([0.5, 1. ], dtype=float32)
  """
  if samples.ndim == 1:
    return samples
  with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
    return samples.mean(axis=1, dtype=np.float32)
