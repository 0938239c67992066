"""Files that hold less than their headers promise.

WAV and AIFF show it by the size of a chunk, OGG by its last page, MP3 by a count of frames. FLAC
shows it while it is decoded, when libsndfile reports an error.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from typing import BinaryIO

import soundfile

from contrastive_audio.errors import UnusableAudio

_CHUNK_SHORTER_THAN_PROMISED = re.compile(r"(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)")
_LARGEST_OGG_PAGE_BYTES = 65_307


def require_complete(file: soundfile.SoundFile, source: str | io.BytesIO) -> None:
  """Refuses a WAV, AIFF or OGG file that holds less than its header promises.

  Args:
    file: opened by soundfile.
    source: what it was opened from: a path, or the content of the file.

  Raises:
    UnusableAudio: the file is truncated.

  Example:
    >>> import numpy as np
    >>> content = io.BytesIO()
    >>> soundfile.write(content, np.zeros(1000), 16_000, format="WAV")
    >>> half = io.BytesIO(content.getvalue()[:1000])
    >>> require_complete(soundfile.SoundFile(half), half)
    Traceback (most recent call last):
    contrastive_audio.errors.UnusableAudio: truncated: header promises 2000 bytes, ...
  """
  if match := _CHUNK_SHORTER_THAN_PROMISED.search(file.extra_info):
    promised, present = map(int, match.groups())
    if promised > present:
      raise UnusableAudio(f"truncated: header promises {promised} bytes, file holds {present}")
  if file.format == "OGG" and not _ogg_has_last_page(source):
    raise UnusableAudio("truncated: the stream has no last page")


def promised_mp3_frames(file: soundfile.SoundFile, source: str | io.BytesIO) -> int:
  """Returns the sample frames that an MP3's Xing or Info tag states; 0 if it has no such tag.

  Args:
    file: opened by soundfile; of any format.
    source: what it was opened from: a path, or the content of the file.

  Example:
    >>> import numpy as np
    >>> soundfile.write("second.mp3", np.zeros(16_000), 16_000)
    >>> with soundfile.SoundFile("second.mp3") as file:
    ...   promised_mp3_frames(file, "second.mp3")
    16000
  """
  if file.subtype != "MPEG_LAYER_III":
    return 0
  with _raw(source) as raw:
    head = raw.read(10)
    if head[:3] == b"ID3":  # its size is four bytes of seven bits
      raw.seek(10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0))))
    else:
      raw.seek(0)
    first_frame = raw.read(256)
  return file.frames if b"Xing" in first_frame or b"Info" in first_frame else 0


def _ogg_has_last_page(source: str | io.BytesIO) -> bool:
  with _raw(source) as raw:
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - _LARGEST_OGG_PAGE_BYTES))
    tail = raw.read()
  page = tail.rfind(b"OggS")
  return page >= 0 and len(tail) > page + 5 and bool(tail[page + 5] & 4)  # end-of-stream flag


@contextlib.contextmanager
def _raw(source: str | io.BytesIO) -> Iterator[BinaryIO]:
  """Opens a path for reading; yields content from its beginning, and restores its position."""
  if isinstance(source, str):
    with open(source, "rb") as file:
      yield file
  else:
    position = source.tell()  # a decoder may be reading from the same object
    source.seek(0)
    try:
      yield source
    finally:
      source.seek(position)
