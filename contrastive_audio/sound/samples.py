"""Samples of any type and number of channels -> mono float32."""

import numpy as np

FULL_SCALE = 32768.0  # of 16-bit PCM


def to_float(samples, bits=16):
  """Scales integers to [-1, 1]; `bits=None` takes the full scale of the array's own type."""
  if samples.dtype.kind == "f":
    return samples.astype(np.float32, copy=False)
  if samples.dtype == np.uint8:
    return (samples.astype(np.float32) - 128) / 128
  if bits is None:
    full_scale = -float(np.iinfo(samples.dtype).min)
  else:
    exceeds_16_bits = samples.size and max(samples.max(), -int(samples.min())) > FULL_SCALE
    full_scale = 2.0**31 if exceeds_16_bits else FULL_SCALE
  return (samples / full_scale).astype(np.float32)


def mix(samples: np.ndarray) -> np.ndarray:
  """Mixes `[n]` or `[n, channels]` to mono `[n]`.

  Example:
    >>> mix(np.array([[0.0, 1.0], [1.0, 1.0]], np.float32))
    array([0.5, 1. ], dtype=float32)
  """
  return samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)
