"""MP4, MOV, 3GP, which are made of atoms: where they end."""

import re

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.content import Content

BEGIN = re.compile(rb"\x00\x00..(?:ftyp|moov|mdat|wide|free|skip|pnot)", re.DOTALL)
_MOST_ATOMS = 1 << 20  # a live recording has two for each piece


def find_end(content: Content, begin: int) -> int:
  """Returns where a recording ends; another one may follow.

  Args:
    content: the file.
    begin: where the recording begins; BEGIN matches there.

  Raises:
    UnusableAudio: the recording is truncated.

  Example:
    >>> atoms = b"\\0\\0\\0\\x0cftypM4A \\0\\0\\0\\x08moov"
    >>> find_end(Content(memoryview(atoms + atoms)), 0)
    20
    >>> find_end(Content(memoryview(atoms[:-4] + b"mdat"[:3])), 0)
    19
  """
  position, seen = begin, set()
  for _ in range(_MOST_ATOMS):
    header = content.read_at(position, 16)
    name, size = header[4:8], int.from_bytes(header[:4], "big")
    if len(header) < 8 or (name == b"ftyp" and b"moov" in seen):
      return position if len(header) >= 8 else content.num_bytes
    if size == 1:
      size = int.from_bytes(header[8:], "big")
    if size < 8 or not name.isalnum():  # to the end, or no atom
      return content.num_bytes
    present = content.num_bytes - position
    if size > present and name in (b"mdat", b"moov"):
      raise UnusableAudio(f"truncated: header promises {size} bytes, file holds {present}")
    seen.add(name)
    position += size
  return content.num_bytes
