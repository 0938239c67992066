"""What libsndfile (soundfile) decodes; tensorflow-io, in its place, where it is to."""

import contextlib
import io
import os
from collections.abc import Iterator

import numpy as np
import soundfile

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import tensorflow_io
from contrastive_audio.sound.samples import BLOCK_BYTES, mix

_LARGEST_TENSOR_BYTES = 1 << 28  # what tensorflow-io, which decodes all at once, may be given


class Decoder:
  """An opened file.

  Attributes:
    duration_s: of the recording.
    is_to_be_checked: see ffmpeg.Decoder.
    is_mpeg: whether it is MPEG audio, whose length libsndfile may have estimated.

  Example:
    >>> soundfile.write("second.wav", np.zeros([16_000, 2]), 16_000)
    >>> with open_decoder("second.wav") as decoder:
    ...   decoder.duration_s, [len(block) for rate_hz, block in decoder.blocks((0.5, 0.75))]
    (1.0, [4000])
  """

  def __init__(self, file: soundfile.SoundFile, path: str | None, decoder: str):
    """Wraps an opened file.

    Args:
      file: opened by soundfile.
      path: of the file; None: tensorflow-io cannot open it.
      decoder: "soundfile", "tensorflow-io" or "auto".
    """
    self.duration_s: float | None = file.frames / file.samplerate
    self.is_to_be_checked = False
    self.is_mpeg = file.subtype.startswith("MPEG") or file.format in ("MP3", "MPEG")
    self._file, self._path, self._decoder = file, path, decoder

  def blocks(self, span_s: tuple[float, float] | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (sample rate in Hz, mono float32 block of bounded size).

    Args:
      span_s: (begin, end) in seconds; None: all.

    Raises:
      UnusableAudio: it holds less than its header promises, or is damaged.
    """
    rate_hz = self._file.samplerate
    if self._is_for_tensorflow_io(span_s):
      assert self._path is not None
      yield rate_hz, mix(tensorflow_io.decode(self._path))
      return
    try:
      for block in self._blocks(span_s):
        yield rate_hz, mix(block)
    except soundfile.LibsndfileError as error:
      raise UnusableAudio(f"cannot be decoded: {error.error_string.strip()}") from error

  def _blocks(self, span_s: tuple[float, float] | None) -> Iterator[np.ndarray]:
    first, last = 0, self._file.frames
    if span_s is not None:
      first, last = (min(round(second * self._file.samplerate), last) for second in span_s)
    block_frames = max(1, BLOCK_BYTES // (4 * self._file.channels))
    if first:
      self._file.seek(first)
    while first < last:
      block = self._file.read(min(block_frames, last - first), dtype="float32", always_2d=True)
      if not len(block):
        raise UnusableAudio(
          f"truncated: header promises {self._file.frames} frames, file holds {first}"
        )
      first += len(block)
      yield block

  def _is_for_tensorflow_io(self, span_s: tuple[float, float] | None) -> bool:
    if self._decoder == "soundfile":
      return False
    has_format = (self._file.format, self._file.subtype) in tensorflow_io.FORMATS
    can = has_format and span_s is None and self._path is not None and tensorflow_io.runs()
    if self._decoder == "tensorflow-io":
      if not can:
        named = f"{self._file.format} {self._file.subtype}"
        raise UnusableAudio(f"tensorflow-io does not decode {named} here")
      return True
    return can and 4 * self._file.channels * self._file.frames <= _LARGEST_TENSOR_BYTES


@contextlib.contextmanager
def open_decoder(
  source: str | io.RawIOBase, decoder: str = "soundfile"
) -> Iterator[Decoder | None]:
  """Opens a path or a binary file object; yields None if libsndfile does not decode it.

  Args:
    source: what to open.
    decoder: see `Decoder`.

  Example:
    >>> open("notes.txt", "w").close()
    >>> with open_decoder("notes.txt") as decoder:
    ...   decoder is None
    True
  """
  path = source if isinstance(source, str) else None
  target = source if path is None else os.fsencode(path)  # a path need not be valid UTF-8
  try:
    file = soundfile.SoundFile(target)
  except (soundfile.SoundFileError, TypeError, ValueError, OSError):
    yield None
    return
  with file:
    yield Decoder(file, path, decoder)
