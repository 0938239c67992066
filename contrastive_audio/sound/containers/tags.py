"""Tags before and behind the sound of a file: ID3, APE, Lyrics3."""

import re

from contrastive_audio.sound.content import Content

_LYRICS_END = re.compile(rb"(\d{6})LYRICS200\Z")
_TAIL_BYTES = 4096


def behind_id3(content: Content, begin: int) -> int:
  """Returns where the ID3 tags end that may stand before a recording.

  Args:
    content: the file.
    begin: where the tags would begin.

  Example:
    >>> behind_id3(Content(memoryview(b"ID3\\x04\\x00\\x00\\x00\\x00\\x00\\x02..fLaC")), 0)
    12
  """
  while (head := content.read_at(begin, 10))[:3] == b"ID3" and len(head) == 10:
    begin += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0)))
    begin += 10 * bool(head[5] & 0x10)  # a footer
  return begin


def before_trailing(content: Content, zeros: bool = False) -> int:
  """Returns where the tags behind the sound begin.

  Args:
    content: the file.
    zeros: whether zeros are no sound, either.

  Example:
    >>> before_trailing(Content(memoryview(b"sound TAG" + bytes(125))))
    6
  """
  end = content.num_bytes
  while end > 0:
    tail = content.read_at(max(0, end - _TAIL_BYTES), min(_TAIL_BYTES, end))
    if tail[-128:-125] == b"TAG":
      size = 128
    elif tail[-32:-24] == b"APETAGEX":
      has_header = bool(tail[-9] & 0x80)
      size = int.from_bytes(tail[-20:-16], "little") + 32 * has_header
    elif match := _LYRICS_END.search(tail):
      size = int(match[1]) + 15
    else:
      size = len(tail) - len(tail.rstrip(b"\0")) if zeros else 0
    if not 0 < size <= end:
      break
    end -= size
  return end
