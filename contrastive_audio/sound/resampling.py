"""Mono blocks at some sample rate -> blocks at another one, as one wave."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.samples import BLOCK_BYTES

_LARGEST_RATIO = 100  # of two sample rates: 160 Hz to 1.6 MHz are brought to 16 kHz
_FEWEST_SAMPLES = 1 << 14  # joined into a block before they are resampled
_BLOCK_SAMPLES = BLOCK_BYTES // 4


def resampled(waves: Iterable[tuple[int, np.ndarray]], to_hz: int) -> Iterator[np.ndarray]:
  """Resamples (soxr, high quality) and joins.

  Args:
    waves: (sample rate in Hz, mono float32 block); where the rate changes, another wave begins.
    to_hz: rate of the result.

  Yields:
    float32 `[n]`, of bounded size.

  Raises:
    UnusableAudio: a rate is absurd.

  Example:
    >>> [len(block) for block in resampled([(8_000, np.zeros(800, np.float32))], 16_000)]
    [1600]
  """
  stream: _Stream | None = None
  for from_hz, block in waves:
    if stream is None or stream.from_hz != from_hz:
      if stream is not None:
        yield from stream.finish()
      stream = _Stream(from_hz, to_hz)
    yield from stream.add(block)
  if stream is not None:
    yield from stream.finish()


class _Stream:
  """A wave of one sample rate."""

  def __init__(self, from_hz: int, to_hz: int):
    if not to_hz / _LARGEST_RATIO <= from_hz <= to_hz * _LARGEST_RATIO:
      raise UnusableAudio(
        f"its header states a sample rate of {from_hz} Hz, which cannot be brought to {to_hz} Hz"
      )
    self.from_hz = from_hz
    self._pending: list[np.ndarray] = []
    self._num_pending = 0
    self._step = max(1, min(_BLOCK_SAMPLES, _BLOCK_SAMPLES * from_hz // to_hz))
    self._soxr = None
    if from_hz != to_hz:
      self._soxr = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

  def add(self, block: np.ndarray) -> Iterator[np.ndarray]:
    self._pending.append(block)
    self._num_pending += len(block)
    if self._num_pending >= _FEWEST_SAMPLES:
      yield from self._resample_pending()

  def finish(self) -> Iterator[np.ndarray]:
    yield from self._resample_pending()
    if self._soxr is not None:
      yield from _if_any(self._soxr.resample_chunk(np.zeros([0], np.float32), last=True))

  def _resample_pending(self) -> Iterator[np.ndarray]:
    if not self._pending:
      return
    joined = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
    self._pending, self._num_pending = [], 0
    for start in range(0, len(joined), self._step):
      block = np.ascontiguousarray(joined[start : start + self._step])
      yield from _if_any(block if self._soxr is None else self._soxr.resample_chunk(block))


def _if_any(block: np.ndarray) -> Iterator[np.ndarray]:
  if len(block):
    yield block
