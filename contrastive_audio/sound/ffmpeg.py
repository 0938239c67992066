"""Formats that libsndfile does not open (m4a, mp4, webm, aac, wma, ...), by ffmpeg (PyAV)."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

import av
import av.container
import numpy as np

from contrastive_audio.errors import UnusableAudio

EXTENSIONS = frozenset(
  {".m4a", ".mp4", ".aac", ".wma", ".webm", ".mkv", ".mka", ".mov", ".3gp", ".amr", ".ape", ".wv"}
  | {".ac3", ".asf", ".ts", ".flv", ".m4b"}
)
FILMS = (".mp4", ".mkv", ".webm", ".mov", ".flv")  # extensions of files that usually hold pictures
# ffmpeg makes a guess at any file, even at text. It recognises these by how the file begins.
_FORMATS = frozenset(
  {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "aac", "asf", "amr", "ape", "wv", "ac3", "eac3"}
  | {"mpegts", "flv", "avi", "caf"}
)
_TRUNCATED_S = 0.5  # missing at the end; containers round their durations
_SEEK_EARLIER_S = 1.0  # decoded before the first sample, so that the decoder has settled


class Recording:
  """The first audio stream of an opened file.

  Attributes:
    rate_hz: its sample rate.
    duration_s: duration that the container states; None if it states none.

  Example:
    >>> import soundfile
    >>> soundfile.write("second.caf", np.zeros(16_000), 16_000)
    >>> with open_recording("second.caf") as recording:
    ...   recording.rate_hz, sum(map(len, recording.blocks()))
    (16000, 16000)
  """

  def __init__(self, container: av.container.InputContainer):
    """Finds the audio stream of a container.

    Args:
      container: opened by `av.open`.

    Raises:
      UnusableAudio: another format, or no audio in it.
    """
    if container.format.name not in _FORMATS:
      raise UnusableAudio("format not recognised")
    if not container.streams.audio:
      raise UnusableAudio("there is no sound in it, only pictures")
    self._container, self._stream = container, container.streams.audio[0]
    self.rate_hz: int = self._stream.rate
    self._origin_s = self._in_seconds(self._stream.start_time or 0)
    self.duration_s: float | None = None
    if self._stream.duration is not None:
      self.duration_s = self._in_seconds(self._stream.duration)
    elif container.duration:
      self.duration_s = container.duration / av.time_base

  def blocks(self, span_s: tuple[float, float] | None = None) -> Iterator[np.ndarray]:
    """Yields the samples, float32 `[n, channels]`.

    Args:
      span_s: (begin, end) in seconds; None: the whole recording.

    Raises:
      UnusableAudio: the recording is shorter than the container states.
    """
    if span_s is None:
      return self._all_blocks()
    return self._blocks_between(span_s[0], span_s[1])

  def _all_blocks(self) -> Iterator[np.ndarray]:
    num_samples = 0
    for _, block in self._positioned_blocks():
      num_samples += len(block)
      if len(block):
        yield block
    if self.duration_s:
      missing_s = self.duration_s - num_samples / self.rate_hz
      if missing_s > _TRUNCATED_S:
        raise UnusableAudio(
          f"truncated: header promises {self.duration_s:.1f} s, {missing_s:.1f} s are missing"
        )

  def _blocks_between(self, begin_s: float, end_s: float) -> Iterator[np.ndarray]:
    first, last = round(begin_s * self.rate_hz), round(end_s * self.rate_hz)
    if first:
      early_s = self._origin_s + max(0.0, begin_s - _SEEK_EARLIER_S)
      self._container.seek(int(early_s * av.time_base))
    for position, block in self._positioned_blocks():
      inside = block[max(0, first - position) : max(0, last - position)]
      if len(inside):
        yield inside
      if position >= last:
        return

  def _positioned_blocks(self) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (number of the first sample, block); sample 0 is the first of the stream."""
    to_float, position = av.AudioResampler(format="fltp"), None
    for frame in self._container.decode(self._stream):
      if position is None:
        position = round(((frame.time or 0.0) - self._origin_s) * self.rate_hz)
      for converted in to_float.resample(frame):
        block = converted.to_ndarray().T
        yield position, np.ascontiguousarray(block)
        position += len(block)

  def _in_seconds(self, time: int) -> float:
    """Converts a time of the stream, which counts in units of its own."""
    assert self._stream.time_base is not None  # every opened stream has one
    return float(time * self._stream.time_base)


@contextlib.contextmanager
def open_recording(source: str | BinaryIO) -> Iterator[Recording]:
  """Opens a path or a binary file object.

  Yields:
    A Recording.

  Raises:
    UnusableAudio: with the reason, if it cannot be decoded.

  Example:
    >>> import soundfile
    >>> soundfile.write("second.caf", np.zeros(16_000), 16_000)
    >>> with open_recording("second.caf") as recording:
    ...   recording.duration_s
    1.0
  """
  try:
    with av.open(source, metadata_errors="replace") as container:
      yield Recording(container)
  except (av.FFmpegError, ValueError) as error:  # ValueError: the format changes on the way
    reason = getattr(error, "strerror", None) or str(error)
    raise UnusableAudio(f"cannot be decoded: {reason}") from error
