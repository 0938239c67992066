"""AU, NIST, VOC, AVR and WVE, older formats with a header of their own: where the samples end.

The headers of AVI and ASF state the size of the whole file.
"""

import re

from contrastive_audio.sound.containers.stated_sizes import Samples, Size, find_end
from contrastive_audio.sound.content import Content

_NIST_HEAD_BYTES = 1024
_NIST_COUNTS = (b"sample_count", b"channel_count", b"sample_n_bytes")
_NIST_CODINGS = (b"pcm", b"ulaw", b"mu-law", b"alaw")  # not compressed
_LAST_VOC_TYPE = 9
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # how it begins
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # of the file
_ASF_SIZE_AT = 40  # behind: this, the size of the properties, and an id of the file
_ASF_HEAD_BYTES = 4096
_MOST_VOC_BLOCKS = 1 << 16


def find_samples(content: Content, begin: int) -> Samples | None:
  """Finds the samples of a recording.

  Args:
    content: the file.
    begin: where the recording begins; stated_sizes.HEADED matches there.

  Returns:
    None: the header does not state how many there are.

  Raises:
    UnusableAudio: the recording is truncated.

  Example:
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(1000), 16_000, format="AU", subtype="PCM_16")
    >>> find_samples(Content(file), 0)
    Samples(end=2024, replaced={})
  """
  kind = content.read_at(begin, 4)
  if kind == b"NIST":
    return _nist(content, begin)
  if kind == b"Crea":
    return _voc(content, begin)
  header = content.read_at(begin, 128)
  if kind == b".snd":
    first, value = _number(header[4:8]), _number(header[8:12])
    return find_end(content, Size(value, begin + 8, order="big"), begin + first)
  if kind == b"ALaw":
    return find_end(content, Size(_number(header[18:22])), begin + 32)
  channels = 2 if header[12:14] == b"\xff\xff" else 1  # AVR
  value = _number(header[26:30]) * channels * (_number(header[14:16]) // 8)
  return find_end(content, Size(value), begin + 128) if value else None


def require_whole(content: Content, begin: int) -> None:
  """Refuses an AVI or ASF file that is smaller than it states.

  Args:
    content: the file.
    begin: where the recording begins.

  Raises:
    UnusableAudio: the recording is truncated.

  Example:
    >>> require_whole(Content(memoryview(b"RIFF\\x00\\x01\\x00\\x00AVI and no more")), 0)
    Traceback (most recent call last):
    contrastive_audio.errors.UnusableAudio: truncated: header promises 256 bytes, file holds 15
  """
  head = content.read_at(begin, _ASF_HEAD_BYTES)
  if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
    size = Size(int.from_bytes(head[4:8], "little"), begin + 4)
    find_end(content, size, begin + 8)
  properties = head.find(_ASF_PROPERTIES)
  if head.startswith(ASF) and properties >= 0:
    at = properties + _ASF_SIZE_AT
    find_end(content, Size(int.from_bytes(head[at : at + 8], "little"), begin + at, 8), begin)


def _number(digits: bytes) -> int:
  return int.from_bytes(digits, "big")


def _nist(content: Content, begin: int) -> Samples | None:
  """NIST SPHERE: the header is text."""
  head = content.read_at(begin, _NIST_HEAD_BYTES)
  fields = dict(re.findall(rb"^(\S+) -(?:i|s\d+) (\S+)", head, re.MULTILINE))
  if fields.get(b"sample_coding", b"pcm").lower() not in _NIST_CODINGS:
    return None
  try:
    samples, channels, width = (int(fields[name]) for name in _NIST_COUNTS)
    first = int(head[8:16])
  except (KeyError, ValueError):
    return None
  value = samples * channels * width
  return find_end(content, Size(value), begin + first) if value > 0 <= first else None


def _voc(content: Content, begin: int) -> Samples | None:
  """VOC: blocks of one byte of type and three of size, up to a block of type 0."""
  position = begin + int.from_bytes(content.read_at(begin + 20, 2), "little")
  for _ in range(_MOST_VOC_BLOCKS):
    header = content.read_at(position, 4)
    if not header or header[0] > _LAST_VOC_TYPE:  # the last block may be absent
      return Samples(position)
    if header[0] == 0:
      return Samples(position + 1)
    size = int.from_bytes(header[1:], "little")
    position = find_end(content, Size(size), position + 4).end
  return None
