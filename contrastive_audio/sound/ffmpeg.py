"""What ffmpeg (PyAV) decodes: formats and codecs that libsndfile lacks, and unknown lengths.

It reads through a file object of ours, opens nothing by name, and only the formats of `formats`.
"""

import contextlib
import io
from collections.abc import Iterator

import av
import av.container
import numpy as np

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.formats import FFMPEG_FORMATS
from contrastive_audio.sound.samples import mix, to_float

_OPTIONS = {
  "format_whitelist": ",".join(sorted(FFMPEG_FORMATS)),
  "protocol_whitelist": "none",  # nothing but the file object
}
_BUFFER_BYTES = 1 << 16
# Formats that state their duration. ffmpeg makes up one for others, from the size of the file.
_STATING = frozenset(
  {"mov", "matroska", "rm", "ape", "wv", "tta", "tak", "mpc", "mpc8", "avi", "flv", "flac", "dsf"}
)
_UNSEEKABLE = frozenset({"flac", "flv", "rm"})  # whose positions or durations may be wrong
# Whose timestamps come from a clock: after a pause or lost packets, they go on later.
_CLOCKED = frozenset({"mov", "matroska"})
_SHORTEST_GAP_S = 0.1  # as ffmpeg has it; timestamps are rounded, or guessed within a block
_LONGEST_GAP_S = 3600.0  # a longer one is a damaged timestamp
_MATROSKA_DURATION = b"\x44\x89"
_HEAD_BYTES = 1 << 16
_MOST_MISSING_S = 0.5  # at the end of a long recording; containers round their durations
_SEEK_EARLIER_S = 1.0  # decoded before the first sample, so that the decoder has settled
_MOST_IDLE_PACKETS = 1000  # in a row, from which nothing is decoded


class Decoder:
  """The first audio stream of an opened file.

  Attributes:
    duration_s: duration that the file states; None if it states none, or positions may be wrong.
    is_to_be_checked: whether only decoding to the end shows if the recording is whole.

  Example:
    >>> import soundfile
    >>> soundfile.write("second.flac", np.zeros(16_000), 16_000)
    >>> with open("second.flac", "rb") as file, open_decoder(file) as decoder:
    ...   sum(len(block) for rate_hz, block in decoder.blocks())
    16000
  """

  def __init__(self, container: av.container.InputContainer, head: bytes):
    """Finds the audio stream of a container.

    Args:
      container: opened by `av.open`.
      head: the first bytes of the file.

    Raises:
      UnusableAudio: no audio in it, or of a codec without a decoder.
    """
    if not container.streams.audio:
      raise UnusableAudio("there is no sound in it, only pictures")
    self._container, self._stream = container, container.streams.audio[0]
    if getattr(self._stream, "codec_context", None) is None:
      raise UnusableAudio("cannot be decoded: there is no decoder for the codec of its sound")
    self._format = container.format.name.split(",")[0]
    self._origin_s = self._in_seconds(self._stream.start_time or 0)
    self._stated_s = self._stated_duration_s(head)
    self.is_to_be_checked = self._format == "flac"  # libsndfile was not believed
    self.duration_s = None if self._format in _UNSEEKABLE else self._stated_s

  def blocks(self, span_s: tuple[float, float] | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (sample rate in Hz, mono float32 block).

    Args:
      span_s: (begin, end) in seconds, of a recording that states its duration; None: all.

    Raises:
      UnusableAudio: the recording is damaged, or shorter than the file states.
    """
    if span_s is None:
      return self._all_blocks()
    return self._blocks_between(span_s[0], span_s[1])

  def _all_blocks(self) -> Iterator[tuple[int, np.ndarray]]:
    decoded_s = 0.0
    for _, rate_hz, block in self._positioned_blocks():
      decoded_s += len(block) / rate_hz
      yield rate_hz, block
    if self._stated_s:
      missing_s = self._stated_s - decoded_s
      tolerated_s = min(_MOST_MISSING_S, 0.1 + 0.05 * self._stated_s)
      if missing_s > (1e-6 if self._format == "flac" else tolerated_s):
        raise UnusableAudio(
          f"truncated: header promises {self._stated_s:.1f} s, {missing_s:.1f} s are missing"
        )

  def _blocks_between(self, begin_s: float, end_s: float) -> Iterator[tuple[int, np.ndarray]]:
    if begin_s > 0:
      early_s = self._origin_s + max(0.0, begin_s - _SEEK_EARLIER_S)
      self._container.seek(int(early_s * av.time_base))
    for position, rate_hz, block in self._positioned_blocks():
      first, last = round(begin_s * rate_hz), round(end_s * rate_hz)
      inside = block[max(0, first - position) : max(0, last - position)]
      if len(inside):
        yield rate_hz, inside
      if position >= last:
        return

  def _positioned_blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields (number of the first sample, rate, mono block); sample 0 is the stream's first.

    A gap in the timestamps is filled with zeros, so that a sound is where players show it.
    """
    position: int | None = None
    for frame in self._frames():
      rate_hz = frame.sample_rate
      stamp = None if frame.time is None else round((frame.time - self._origin_s) * rate_hz)
      if position is None:
        position = stamp or 0
      for zeros in self._gap(position, stamp, rate_hz):
        yield position, rate_hz, zeros
        position += len(zeros)
      samples = frame.to_ndarray()
      if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
      block = mix(to_float(samples, own_full_scale=True).T)
      yield position, rate_hz, np.ascontiguousarray(block)
      position += len(block)

  def _gap(self, position: int, stamp: int | None, rate_hz: int) -> Iterator[np.ndarray]:
    """Yields zeros, at most a second at once, between a position and the next timestamp."""
    missing = 0 if stamp is None else stamp - position
    if self._format not in _CLOCKED or missing < _SHORTEST_GAP_S * rate_hz:
      return
    if missing > _LONGEST_GAP_S * rate_hz:
      raise UnusableAudio(
        f"damaged: its timestamps jump from {position / rate_hz:.1f} s by {missing / rate_hz:.1f} s"
      )
    for first in range(0, missing, rate_hz):
      yield np.zeros(min(rate_hz, missing - first), np.float32)

  def _frames(self) -> Iterator[av.AudioFrame]:
    """Decodes; skips zeros, and in MPEG audio, which may be joined, whatever is no frame."""
    num_good = num_bad = num_idle = 0
    for packet in self._container.demux(self._stream):
      try:
        frames = packet.decode()
      except av.FFmpegError:
        num_bad += 1
        is_skipped = self._format == "mp3" or not any(bytes(packet))
        if not is_skipped or num_bad > num_good + 2:
          raise
        frames = []
      num_good += bool(frames)
      num_idle = 0 if frames else num_idle + 1
      if num_idle > _MOST_IDLE_PACKETS:
        raise UnusableAudio("cannot be decoded: its packets hold no sound")
      yield from frames

  def _stated_duration_s(self, head: bytes) -> float | None:
    if self._format not in _STATING:
      return None
    if self._format == "matroska" and _MATROSKA_DURATION not in head:  # a live recording
      return None
    if self._stream.duration is not None:
      return self._in_seconds(self._stream.duration)
    return self._container.duration / av.time_base if self._container.duration else None

  def _in_seconds(self, time: int) -> float:
    """Converts a time of the stream, which counts in units of its own."""
    assert self._stream.time_base is not None  # every opened stream has one
    return float(time * self._stream.time_base)


@contextlib.contextmanager
def open_decoder(file: io.RawIOBase) -> Iterator[Decoder]:
  """Opens a binary file object.

  Args:
    file: nothing else is opened, whatever it says.

  Yields:
    A Decoder.

  Raises:
    UnusableAudio: with the reason, if it cannot be decoded.

  Example:
    >>> import soundfile
    >>> soundfile.write("second.flac", np.zeros(16_000), 16_000)
    >>> with open("second.flac", "rb") as file, open_decoder(file) as decoder:
    ...   decoder.duration_s is None, decoder.is_to_be_checked
    (True, True)
  """
  head = file.read(_HEAD_BYTES)
  file.seek(0)
  try:
    container = av.open(
      file, "r", container_options=_OPTIONS, metadata_errors="replace", buffer_size=_BUFFER_BYTES
    )
  except av.ArgumentError as error:  # what the list of formats lacks
    raise UnusableAudio("format not recognised") from error
  with container:
    yield Decoder(container, head)
