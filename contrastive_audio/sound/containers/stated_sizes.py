"""The sizes that headers state, and those that were never filled in.

A program that writes to a pipe cannot go back and fill in the size. It leaves 0 or the largest
number there, which means "to the end of the file". Any other size that the file does not hold says
that the file is truncated.
"""

import dataclasses
import re
from typing import Literal

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.content import Content

W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
# How recordings begin that state the size of their samples; no match is longer than 64 bytes.
CHUNKED = re.compile(
  rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE|FORM.{4}(?:AIFF|AIFC|8SVX|16SV)|caff\x00\x01\x00\x00|"
  + re.escape(W64_RIFF),
  re.DOTALL,
)
HEADED = re.compile(
  rb"\.snd\x00\x00..|NIST_1A\n|2BIT.{8}|Creative Voice File\x1a|ALawSoundFile\*\*", re.DOTALL
)
BEGIN = re.compile(CHUNKED.pattern + b"|" + HEADED.pattern, re.DOTALL)
_SLACK_BYTES = 4096  # some writers subtract their header from the largest number, or round it


@dataclasses.dataclass(frozen=True)
class Samples:
  """The samples of a recording.

  Attributes:
    end: where the recording ends.
    replaced: position -> bytes: a size that was never filled in, filled in.

  Example:
    >>> Samples(44).replaced
    {}
  """

  end: int
  replaced: dict[int, bytes] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Size:
  """A size in a header.

  Attributes:
    value: what it says, in bytes.
    position: where it stands; None: nowhere, it was computed.
    width: how many bytes it has.
    order: of these bytes.
    counted: bytes of a header that the number counts, too.
    least: what it says if there are no samples.

  Example:
    >>> size = Size(0xFFFFFFFF, position=40)
    >>> size.is_left_open(1000), size.filled_in(1000)
    (True, {40: b'\\xe8\\x03\\x00\\x00'})
  """

  value: int
  position: int | None = None
  width: int = 4
  order: Literal["little", "big"] = "little"
  counted: int = 0
  least: int = 0

  def is_left_open(self, present: int) -> bool:
    """Returns whether it was never filled in; `present` bytes follow."""
    if self.position is None:
      return False
    bits = 8 * self.width
    is_largest = any(
      abs(self.value + self.counted - largest) <= _SLACK_BYTES
      for largest in (2 ** (bits - 1), 2**bits)
    )
    return self.value <= self.least or (is_largest and self.value > present)

  def filled_in(self, num_bytes: int) -> dict[int, bytes]:
    """Returns position -> bytes, for another value."""
    assert self.position is not None
    return {self.position: (num_bytes + self.counted).to_bytes(self.width, self.order)}


def find_end(content: Content, size: Size, begin: int) -> Samples:
  """Returns the samples that begin at a position.

  Args:
    content: the file.
    size: the size of the samples that the header states.
    begin: where they begin.

  Raises:
    UnusableAudio: the file holds fewer.

  Example:
    >>> content = Content(memoryview(bytes(100)))
    >>> find_end(content, Size(60, 4), 20).end, find_end(content, Size(0, 4), 20)
    (80, Samples(end=100, replaced={4: b'P\\x00\\x00\\x00'}))
  """
  present = max(0, content.num_bytes - begin)
  if size.is_left_open(present):
    end = next(content.find(BEGIN, begin), max(begin, content.num_bytes))
    return Samples(end, size.filled_in(end - begin))
  if size.value > present:
    raise UnusableAudio(f"truncated: header promises {size.value} bytes, file holds {present}")
  return Samples(begin + size.value)
