"""Weights in fewer bits: which of them, and in which numbers.

Quantised are the kernels of convolutions and dense layers. Everything else stays in float32, above
all the front end: a window in float16 leaks at -66 dB, and a spectrum in 8 bits has no quiet bands.

float16  weights are kept as float16 and computed with as float32: half the size
int8     weights have 8 bits, with a scale for each output; inputs of their layers are rounded to 8
         bits as they come (dynamic range): a quarter of the size
"""

from collections.abc import Sequence

import numpy as np

from contrastive_audio.configuration import QUANTISATIONS
from contrastive_audio.errors import UserError

QUANTISABLE = ("tflite", "onnx")  # formats
SMALLEST = 1024  # weights; smaller arrays stay as they are
KEY = "quantise"  # of the metadata of a file


def require_quantisable(file_format: str, quantise: str) -> None:
  """Refuses what cannot be quantised.

  Args:
    file_format: one of configuration.EXPORT_FORMATS.
    quantise: one of configuration.QUANTISATIONS.

  Raises:
    UserError: there is no such format with such weights.

  Example:
    >>> require_quantisable("tflite", "int8")
    >>> require_quantisable("keras", "int8")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --quantise=int8: --format=keras keeps float32 weights; ...
  """
  if quantise not in QUANTISATIONS:
    raise UserError(f"--quantise={quantise}: must be one of {', '.join(QUANTISATIONS)}")
  if quantise != "none" and file_format not in QUANTISABLE:
    raise UserError(
      f"--quantise={quantise}: --format={file_format} keeps float32 weights; use "
      f"--format={' or --format='.join(QUANTISABLE)}"
    )


def is_quantised(weights: np.ndarray, kept: Sequence[np.ndarray]) -> bool:
  """Whether an array of weights is quantised.

  Args:
    weights: of a layer, as a converter laid them out.
    kept: arrays that stay in float32, in any layout.

  Example:
    >>> weights = np.arange(2048.0).reshape(2, 1024)
    >>> is_quantised(weights, kept=[]), is_quantised(weights[:, :9], kept=[])
    (True, False)
    >>> is_quantised(weights, kept=[weights.T])
    False
  """
  if weights.size < SMALLEST:
    return False
  same_size = [array for array in kept if array.size == weights.size]
  return not any(np.array_equal(_sorted(array), _sorted(weights)) for array in same_size)


def _sorted(array: np.ndarray) -> np.ndarray:
  return np.sort(array, axis=None)


def to_int8(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
  """Rounds weights to 8 bits.

  Args:
    weights: of a layer.
    axis: of the outputs, each of which has a scale of its own.

  Returns:
    int8 numbers of the same shape, and the scales, float32 `[outputs]`.

  Example:
    >>> numbers, scales = to_int8(np.array([[1.0, -2.0], [0.0, 0.0]]), axis=0)
    >>> numbers.tolist(), bool(scales[0] == np.float32(2 / 127))
    ([[64, -127], [0, 0]], True)
  """
  others = tuple(number for number in range(weights.ndim) if number != axis % weights.ndim)
  largest = np.abs(weights).max(axis=others, keepdims=True)
  scales = np.where(largest > 0, largest / 127, 1.0).astype(np.float32)
  return np.round(weights / scales).astype(np.int8), scales.ravel()
