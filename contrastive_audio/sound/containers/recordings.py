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
  atoms,
  chunked,
  flac_stream,
  headed,
  mpeg_audio,
  ogg_stream,
  stated_sizes,
  tags,
)
from contrastive_audio.sound.content import Content

# How recordings begin that do not tell where they end; what begins so again is another one.
_MARKERS = (
  flac_stream.BEGIN,
  re.compile(rb"FLV\x01[\x00-\x05]\x00\x00\x00\x09\x00\x00\x00\x00"),
  re.compile(rb"TTA[12][\x01-\x03]\x00[\x01-\x08]\x00[\x08\x10\x18\x20]\x00"),
  re.compile(rb"#!AMR(?:-WB)?\n"),
  re.compile(re.escape(headed.ASF)),
)
_OTHERS = (
  stated_sizes.BEGIN,
  re.compile(rb"OggS\x00\x02"),
  re.compile(rb"\x00\x00..ftyp", re.DOTALL),
)
_BEGIN = re.compile(b"|".join(pattern.pattern for pattern in (*_MARKERS, *_OTHERS)), re.DOTALL)
_MIDI_DUMP = b"\xf0\x7e"  # libsndfile prints each byte that it does not like
_HEAD_BYTES = 64
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
  start = tags.behind_id3(content, begin)
  head = content.read_at(start, _HEAD_BYTES)
  if samples := _stated_samples(content, start, head):
    return [Recording(begin, samples.end, None, samples.replaced)]
  if head[:4] == b"OggS" and (streams := ogg_stream.streams(content, start)):
    return [Recording(first, last, None) for first, last in streams]
  if atoms.BEGIN.match(head):
    return [Recording(begin, atoms.find_end(content, start), False)]
  for marker in _MARKERS:
    if marker.match(head):
      end = next(content.find(marker, start + 1), end)
  if flac_stream.BEGIN.match(head):
    return [Recording(begin, end, flac_stream.states_its_length(content, start, end))]
  headed.require_whole(content, start)
  if end == content.num_bytes:
    end = max(start, tags.before_trailing(content))
  if mpeg_audio.parse_header(head):
    return [Recording(begin, end, mpeg_audio.states_its_length(content, start))]
  return [Recording(begin, end, False if head.startswith(_MIDI_DUMP) else None)]


def _stated_samples(content: Content, start: int, head: bytes) -> stated_sizes.Samples | None:
  samples = None
  if stated_sizes.CHUNKED.match(head):
    samples = chunked.find_samples(content, start)
  elif stated_sizes.HEADED.match(head):
    samples = headed.find_samples(content, start)
  return samples if samples and samples.end > start else None


def _begin_behind(content: Content, end: int) -> int | None:
  """Returns where another recording begins; None if there is none."""
  head = content.read_at(end, _PADDING_BYTES + 64)
  padding = min(len(head) - len(head.lstrip(b"\0")), _PADDING_BYTES)
  return next((end + skip for skip in (0, padding) if _BEGIN.match(head[skip:])), None)
