"""Which recordings a file holds, and of which of them libsndfile may be believed how long it is.

Files may hold several recordings, one behind the other: chained Ogg, or files that were joined.
libsndfile is believed where the file itself states the length and holds just so many bytes. Where
it estimates, ffmpeg decodes to the end.
"""

import dataclasses
import functools
import os
import re

from contrastive_audio.sound.containers import (
  chunked,
  flac_stream,
  headed,
  mpeg_audio,
  ogg_stream,
  stated_sizes,
)
from contrastive_audio.sound.content import Content

_BEGIN = re.compile(
  b"|".join([stated_sizes.BEGIN.pattern, flac_stream.BEGIN.pattern, rb"OggS\x00\x02"]), re.DOTALL
)
_PADDING_BYTES = 8  # zeros that may stand between files that were joined


@dataclasses.dataclass(frozen=True)
class Recording:
  """A recording in a file.

  Attributes:
    begin: where it begins.
    end: where it ends.
    states_its_length: whether libsndfile may be believed; None: it may, unless it finds MPEG audio.
    replaced: position -> bytes: sizes that were never filled in, filled in.

  Example:
    >>> Recording(0, 1000).states_its_length is None
    True
  """

  begin: int
  end: int
  states_its_length: bool | None = None
  replaced: dict[int, bytes] = dataclasses.field(default_factory=dict)


def find(content: Content) -> tuple[Recording, ...]:
  """Returns the recordings in a file, at least one.

  Args:
    content: the file.

  Raises:
    UnusableAudio: one of them is truncated.

  Example:
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(1000), 16_000, format="WAV")
    >>> joined = memoryview(file.getvalue() + file.getvalue())
    >>> [(found.begin, found.end) for found in find(Content(joined))]
    [(0, 2044), (2044, 4088)]
  """
  if content.path is None:
    return _find(content)
  status = os.stat(content.path)
  return _remembered(content.path, status.st_size, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=64)  # many segments of one long file: it is searched once
def _remembered(path: str, *_: int) -> tuple[Recording, ...]:
  with Content(path) as content:
    return _find(content)


def _find(content: Content) -> tuple[Recording, ...]:
  found: list[Recording] = []
  begin: int | None = 0
  while begin is not None and begin < content.num_bytes:
    found += _recordings_at(content, begin)
    begin = _begin_behind(content, found[-1].end)
  return tuple(found)


def _recordings_at(content: Content, begin: int) -> list[Recording]:
  """Returns the recording that begins at a position, or several of a chained stream."""
  end = content.num_bytes
  start = _behind_id3(content, begin)
  head = content.read_at(start, 64)
  samples = None
  if stated_sizes.CHUNKED.match(head):
    samples = chunked.find_samples(content, start)
  elif stated_sizes.HEADED.match(head):
    samples = headed.find_samples(content, start)
  if samples is not None:
    return [Recording(begin, samples.end, True, samples.replaced)]
  if flac_stream.BEGIN.match(head):
    end = next(content.find(flac_stream.BEGIN, start + 8), end)
    return [Recording(begin, end, flac_stream.states_its_length(content, start, end))]
  if head[:4] == b"OggS" and (streams := ogg_stream.streams(content, start)):
    return [Recording(first, last, True) for first, last in streams]
  if mpeg_audio.parse_header(head):
    return [Recording(begin, end, mpeg_audio.states_its_length(content, start))]
  return [Recording(begin, end)]


def _behind_id3(content: Content, begin: int) -> int:
  """Returns where the ID3 tags end that may stand before a recording."""
  while (head := content.read_at(begin, 10))[:3] == b"ID3" and len(head) == 10:
    begin += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0)))
    begin += 10 * bool(head[5] & 0x10)  # a footer
  return begin


def _begin_behind(content: Content, end: int) -> int | None:
  """Returns where another recording begins; None if there is none."""
  head = content.read_at(end, _PADDING_BYTES + 64)
  padding = min(len(head) - len(head.lstrip(b"\0")), _PADDING_BYTES)
  return end + padding if _BEGIN.match(head[padding:]) else None
