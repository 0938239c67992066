"""Levels of a clip, from its 16-bit PCM, block by block: sums of whole numbers, hence exact."""

import math

import numpy as np

_BLOCK_SAMPLES = 1 << 20  # the sum of their squares is exact in float64


class Levels:
  """Sums over the PCM of a clip.

  Example:
    >>> levels = Levels()
    >>> levels.add(np.array([3, -4], np.int16))
    >>> levels.of_gain(0.5)
    {'mean': -0.25, 'peak': 2.0, 'centred_peak': 1.75, 'l2': 2.5}
  """

  def __init__(self):
    """Begins with no samples."""
    self.num_samples = 0
    self._sum = self._squares = self._lowest = self._highest = 0

  def add(self, pcm: np.ndarray) -> None:
    """Adds samples.

    Args:
      pcm: int16 `[n]`.
    """
    for start in range(0, len(pcm), _BLOCK_SAMPLES):
      block = pcm[start : start + _BLOCK_SAMPLES].astype(np.float64)
      first, bounds = self.num_samples == 0, (int(block.min()), int(block.max()))
      self._lowest = bounds[0] if first else min(self._lowest, bounds[0])
      self._highest = bounds[1] if first else max(self._highest, bounds[1])
      self._sum += int(block.sum())
      self._squares += int(block @ block)
      self.num_samples += len(block)

  def of_gain(self, gain: float) -> dict[str, float]:
    """Returns the columns of a store that describe the levels.

    Args:
      gain: what a step of the PCM stands for.
    """
    mean = self._sum * gain / self.num_samples
    bounds = (self._lowest * gain, self._highest * gain)
    return {
      "mean": mean,
      "peak": max(map(abs, bounds)),
      "centred_peak": max(abs(bound - mean) for bound in bounds),  # once the mean is removed
      "l2": math.sqrt(self._squares) * gain,
    }
