"""Ogg: where the streams in a file begin and end, and whether they are whole."""

import re
from collections.abc import Iterator

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.content import Content

_PAGE = re.compile(rb"OggS\x00[\x00-\x07]")
_FIRST, _LAST = 2, 4  # flags of a page
_LARGEST_HEADER_BYTES = 27 + 255


def streams(content: Content, begin: int) -> list[tuple[int, int]]:
  """Returns (begin, end) of each stream; chained files hold several, one behind the other.

  Args:
    content: the file.
    begin: where the first stream begins.

  Raises:
    UnusableAudio: a stream has no last page: it is truncated.

  Example:
    >>> import numpy as np, soundfile
    >>> soundfile.write("second.ogg", np.zeros(16_000), 16_000)
    >>> with open("second.ogg", "rb") as file:
    ...   chained = memoryview(2 * file.read())
    >>> len(streams(Content(chained), 0))
    2
  """
  found: list[list[int]] = []
  flags = _FIRST | _LAST
  for position, end, flags_here in _pages(content, begin):
    if flags_here & _FIRST and (not found or not flags & _FIRST or flags & _LAST):
      _require_last_page(flags)
      found.append([position, end])
    elif found:
      found[-1][1] = end
    flags = flags_here
  _require_last_page(flags)
  return [(first, end) for first, end in found]


def _require_last_page(flags: int) -> None:
  if not flags & _LAST:
    raise UnusableAudio("truncated: the stream has no last page")


def _pages(content: Content, begin: int) -> Iterator[tuple[int, int, int]]:
  """Yields (begin, end, flags) of the pages that are there in full."""
  expected = begin
  for position in content.find(_PAGE, begin):
    if position < expected:  # the same four letters inside a page
      continue
    header = content.read_at(position, _LARGEST_HEADER_BYTES)
    if len(header) < 27:
      return
    num_segments = header[26]
    end = position + 27 + num_segments + sum(header[27 : 27 + num_segments])
    if end > content.num_bytes:
      return
    yield position, end, header[5]
    expected = end
