"""FLAC: how many samples the header states, and where the last frame ends."""

import re

from contrastive_audio.sound.content import Content

BEGIN = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # the marker, and the block that comes first
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_LONGEST_HEADER_BYTES = 16
_TAILS_BYTES = (1 << 16, 1 << 21)  # a frame rarely exceeds the first, and never the second


def states_its_length(content: Content, begin: int, end: int) -> bool:
  """Returns whether the header states a number of samples, and the last frame ends with it.

  Args:
    content: the file.
    begin: where the stream begins.
    end: where it ends.

  Example:
    >>> import numpy as np, soundfile
    >>> soundfile.write("second.flac", np.zeros(16_000), 16_000)
    >>> with Content("second.flac") as content:
    ...   states_its_length(content, 0, content.num_bytes), states_its_length(content, 0, 100)
    (True, False)
  """
  info = content.read_at(begin + 8, 18)
  num_samples = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
  block_samples = int.from_bytes(info[2:4], "big")
  if not num_samples:
    return False
  for tail_bytes in _TAILS_BYTES:
    start = max(begin, end - tail_bytes)
    tail = content.read_at(start, end - start)
    if any(
      _end_of_frame(tail[match.start() : match.start() + _LONGEST_HEADER_BYTES], block_samples)
      == num_samples
      for match in _SYNC.finditer(tail)
    ):
      return True
  return False


def _end_of_frame(header: bytes, block_samples: int) -> int | None:
  """Returns the number of the sample behind a frame; None if this is no header of one."""
  try:
    size_code, rate_code = header[2] >> 4, header[2] & 15
    number, position = _coded_number(header, 4)
    if size_code == 1:
      size = 192
    elif size_code in (6, 7):
      width = size_code - 5
      size = 1 + int.from_bytes(header[position : position + width], "big")
      position += width
    else:
      size = 576 << (size_code - 2) if size_code < 6 else 256 << (size_code - 8)
    position += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(header[:position]) != header[position]:
      return None
  except (IndexError, ValueError):  # it is cut off, or no header
    return None
  is_variable = header[1] & 1
  return (number if is_variable else number * block_samples) + size


def _coded_number(header: bytes, position: int) -> tuple[int, int]:
  """Returns (a number coded as UTF-8 codes characters, with up to 36 bits; where it ends)."""
  first = header[position]
  num_leading = 8 - (first ^ 0xFF).bit_length()
  if num_leading == 0:
    return first, position + 1
  number = first & (0x7F >> num_leading)
  following = header[position + 1 : position + num_leading]
  for byte in following:
    number = number << 6 | byte & 0x3F
  return number, position + num_leading


def _crc8(data: bytes) -> int:
  remainder = 0
  for byte in data:
    remainder ^= byte
    for _ in range(8):
      remainder = (remainder << 1 ^ (0x07 if remainder & 0x80 else 0)) & 0xFF
  return remainder
