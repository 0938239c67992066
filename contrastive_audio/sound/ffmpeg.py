"""What libsndfile does not open (m4a, mp4, webm, aac, wma, ...), by ffmpeg's libraries (PyAV)."""

import contextlib

import av
import numpy as np

from contrastive_audio.errors import UnusableAudio

EXTENSIONS = frozenset(
  {".m4a", ".mp4", ".aac", ".wma", ".webm", ".mkv", ".mka", ".mov", ".3gp", ".amr", ".ape", ".wv"}
  | {".ac3", ".asf", ".ts", ".flv", ".m4b"}
)
FILMS = (".mp4", ".mkv", ".webm", ".mov", ".flv")  # those that usually hold pictures
# ffmpeg guesses at anything, text included; these are recognised by what their files begin with.
_FORMATS = frozenset(
  {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "aac", "asf", "amr", "ape", "wv", "ac3", "eac3"}
  | {"mpegts", "flv", "avi", "caf"}
)
_TRUNCATED_S = 0.5  # missing at the end; containers round their durations
_SEEK_EARLIER_S = 1.0  # packets before the wanted sample, so that the decoder has settled


class Recording:
  """The first audio stream of an opened file.

  Attributes:
    rate_hz: its sample rate.
    duration_s: as the container has it; None where it does not say.
  """

  def __init__(self, container):
    """Takes an opened av container.

    Raises:
      UnusableAudio: another format, or no audio in it.
    """
    if container.format.name not in _FORMATS:
      raise UnusableAudio("format not recognised")
    if not container.streams.audio:
      raise UnusableAudio("there is no sound in it, only pictures")
    self._container, self._stream = container, container.streams.audio[0]
    self.rate_hz = self._stream.rate
    self._origin_s = float((self._stream.start_time or 0) * self._stream.time_base)
    length = self._stream.duration
    if length is not None:
      self.duration_s = float(length * self._stream.time_base)
    else:
      self.duration_s = container.duration and container.duration / av.time_base

  def blocks(self, span_s=None):
    """Yields the samples, float32 `[n, channels]`.

    Args:
      span_s: (begin, end) in seconds; None: all.
    """
    first, last = (None, None) if span_s is None else (round(s * self.rate_hz) for s in span_s)
    if first:
      early_s = self._origin_s + max(0.0, span_s[0] - _SEEK_EARLIER_S)
      self._container.seek(int(early_s * av.time_base))
    num_samples = 0
    for position, block in self._positioned():
      num_samples += len(block)
      if first is not None:
        block = block[max(0, first - position) : max(0, last - position)]
      if len(block):
        yield block
      if last is not None and position >= last:
        return
    if span_s is None and self.duration_s and self._missing_s(num_samples) > _TRUNCATED_S:
      raise UnusableAudio(
        f"truncated: header promises {self.duration_s:.1f} s, {self._missing_s(num_samples):.1f} s "
        "are missing"
      )

  def _positioned(self):
    """Yields (number of the first sample, block); sample 0 is the first of the stream."""
    to_float, position = av.AudioResampler(format="fltp"), None
    for frame in self._container.decode(self._stream):
      if position is None:
        position = round(((frame.time or 0.0) - self._origin_s) * self.rate_hz)
      for converted in to_float.resample(frame):
        block = converted.to_ndarray().T
        yield position, np.ascontiguousarray(block)
        position += len(block)

  def _missing_s(self, num_samples):
    return self.duration_s - num_samples / self.rate_hz


@contextlib.contextmanager
def open_recording(source):
  """Opens a path or a binary file object.

  Yields:
    A Recording.

  Raises:
    UnusableAudio: with the reason, if it cannot be decoded.
  """
  try:
    with av.open(source, metadata_errors="replace") as container:
      yield Recording(container)
  except (av.FFmpegError, ValueError) as error:  # the latter: the format changes on the way
    reason = getattr(error, "strerror", None) or str(error)
    raise UnusableAudio(f"cannot be decoded: {reason}") from error
