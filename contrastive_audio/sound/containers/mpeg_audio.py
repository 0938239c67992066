"""MPEG audio (.mp3, .mp2): what its first frame states, and how many frames there are."""

import dataclasses

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.containers import tags
from contrastive_audio.sound.content import Content

_KILOBITS = {  # (version 1?, layer) -> bit rate of each index, in units of 1000 / s
  (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
  (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
  (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
  (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
  (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
  (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ = (44_100, 48_000, 32_000)


@dataclasses.dataclass(frozen=True)
class Frame:
  """What the header of a frame says.

  Attributes:
    num_bytes: size of the frame.
    tag_offset: where in the frame a count of frames would stand.

  Example:
    >>> parse_header(b"\\xff\\xfb\\x90\\x00")  # MPEG 1, layer 3, 128 kbit/s, 44.1 kHz, stereo
    Frame(num_bytes=417, tag_offset=36)
  """

  num_bytes: int
  tag_offset: int


def parse_header(header: bytes) -> Frame | None:
  """Returns what a header of four bytes says; None if they are none.

  Args:
    header: the first bytes of a frame.

  Example:
    >>> parse_header(b"RIFF") is None
    True
  """
  if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
    return None
  version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
  rate_index, hertz_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
  if version == 1 or layer == 4 or rate_index in (0, 15) or hertz_index == 3:
    return None
  is_first = version == 3
  bits = 1000 * _KILOBITS[is_first, layer][rate_index]
  hertz = _HERTZ[hertz_index] // {3: 1, 2: 2, 0: 4}[version]
  if layer == 1:
    num_bytes = (12 * bits // hertz + padding) * 4
  else:
    num_bytes = (144 if is_first or layer == 2 else 72) * bits // hertz + padding
  is_mono = header[3] >> 6 == 3
  side_bytes = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
  return Frame(num_bytes, 4 + side_bytes)


def states_its_length(content: Content, begin: int) -> bool:
  """Returns whether the first frame counts the frames and bytes, and just as many bytes follow.

  Args:
    content: the file.
    begin: where the first frame should begin.

  Raises:
    UnusableAudio: the file ends before the last frame.

  Example:
    >>> import numpy as np, soundfile
    >>> soundfile.write("second.mp3", np.zeros(16_000), 16_000)
    >>> with Content("second.mp3") as content:
    ...   states_its_length(content, 0), states_its_length(content, 300)
    (True, False)
  """
  head = content.read_at(begin, 2048)
  frame = parse_header(head)
  if frame is None:
    return False
  tag = head[frame.tag_offset : frame.tag_offset + 16]
  if tag[:4] not in (b"Xing", b"Info") or len(tag) < 16 or tag[7] & 3 != 3:
    return False
  promised_frames, promised_bytes = (int.from_bytes(tag[i : i + 4], "big") for i in (8, 12))
  unexplained = tags.before_trailing(content, zeros=True) - begin - promised_bytes
  if unexplained < 0:  # truncated, or the writer counted a tag before the first frame, too
    _require_frames(content, begin, promised_frames)
  return promised_frames > 0 and unexplained <= frame.num_bytes  # some do not count the first one


def _require_frames(content: Content, position: int, promised_frames: int) -> None:
  """Refuses a file that ends before the last frame."""
  num_frames = -1  # the first one only counts the others
  while frame := parse_header(content.read_at(position, 4)):
    position += frame.num_bytes
    num_frames += position <= content.num_bytes
  if position >= content.num_bytes and num_frames < promised_frames:
    raise UnusableAudio(
      f"truncated: header promises {promised_frames} frames, file holds {num_frames}"
    )
