"""A piece of a recording."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from contrastive_audio.errors import UnusableAudio


@dataclasses.dataclass(frozen=True)
class Segment:
  """A piece of a recording; see `reading.read`.

  Attributes:
    start_s: where it begins.
    stop_s: where it ends.
    slack_s: None, or by how much a file that holds nothing but the segment may be longer.

  Example:
    >>> Segment(30.0, 40.0, slack_s=1.0).span_s(10.2) is None
    True
    >>> Segment(30.0, 40.0, slack_s=None).span_s(60.0)
    (30.0, 40.0)
  """

  start_s: float
  stop_s: float
  slack_s: float | None

  def span_s(self, duration_s: float) -> tuple[float, float] | None:
    """Returns which seconds of a file of this duration hold the segment; None: all of them."""
    if self.slack_s is not None:
      length_s = self.stop_s - self.start_s
      if duration_s <= length_s + self.slack_s:
        return None
      if duration_s < self.stop_s - self.slack_s:
        return 0.0, length_s
    if self.start_s >= duration_s:
      raise UnusableAudio(
        f"it ends after {duration_s:.1f} s, the clip begins at {self.start_s:.1f} s"
      )
    return self.start_s, self.stop_s


def cut(
  wave: Callable[[], Iterator[np.ndarray]],
  sample_rate_hz: int,
  segment: Segment,
  to_the_end: bool = False,
) -> Iterator[np.ndarray]:
  """Yields a segment of a wave of unknown duration, which is decoded from its beginning.

  Args:
    wave: begins to decode the wave; returns mono blocks.
    sample_rate_hz: of the blocks.
    segment: what to yield.
    to_the_end: whether to decode what follows the segment, too, to see whether the wave is whole.

  Raises:
    UnusableAudio: the wave ends before the segment begins.

  Example:
    >>> wave = lambda: iter([np.arange(5), np.arange(5, 9)])
    >>> [block.tolist() for block in cut(wave, 1, Segment(3, 6, slack_s=None))]
    [[3, 4], [5]]
  """
  span_s: tuple[float, float] | None = segment.start_s, segment.stop_s
  if segment.slack_s is not None:  # the duration decides: decode once to know it
    span_s = segment.span_s(sum(map(len, wave())) / sample_rate_hz)
  if span_s is None:
    yield from wave()
    return
  first, last, position = (*(round(second * sample_rate_hz) for second in span_s), 0)
  for block in wave():
    inside = block[max(0, first - position) : max(0, last - position)]
    if len(inside):
      yield inside
    position += len(block)
    if position >= last and not to_the_end:
      return
  if position <= first:
    segment.span_s(position / sample_rate_hz)  # refuses it, with the reason
