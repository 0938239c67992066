"""A file, its bytes or an array -> mono float32 at one sample rate.

soundfile (libsndfile) reads most formats, and ffmpeg those that it does not open. Where the ops of
tensorflow-io run, they decode the formats for which both decoders agree. soxr resamples. A file
that holds less than its header promises is refused, because half a clip is not the clip.
"""

import dataclasses
import io
import os
import stat
from collections.abc import Iterable, Iterator

import numpy as np
import soundfile
import soxr

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import ffmpeg, tensorflow_io, truncation
from contrastive_audio.sound.samples import mix, to_float

# Extensions of audio files: those that soundfile 0.13 opens, and those that ffmpeg does.
EXTENSIONS = ffmpeg.EXTENSIONS | frozenset(
  {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc"}
)

_BLOCK_FRAMES = 1 << 18  # of one channel: bounds the memory of decoding, not its result


@dataclasses.dataclass(frozen=True)
class _Segment:
  """A piece of a recording; see `read` for `slack_s`."""

  start_s: float
  stop_s: float
  slack_s: float | None

  def span_s(self, duration_s: float) -> tuple[float, float] | None:
    """Returns which seconds of a file of this duration hold the segment; None: all of them."""
    if self.slack_s is not None:
      length_s = self.stop_s - self.start_s
      if duration_s <= length_s + self.slack_s:
        return None
      if duration_s < self.stop_s - self.slack_s:
        return 0.0, length_s
    if self.start_s >= duration_s:
      raise UnusableAudio(
        f"it ends after {duration_s:.1f} s, the clip begins at {self.start_s:.1f} s"
      )
    return self.start_s, self.stop_s


def read(
  source: str | bytes | os.PathLike | memoryview | bytearray | io.BytesIO,
  sample_rate_hz: int,
  decoder: str = "auto",
  start_s: float | None = None,
  stop_s: float | None = None,
  slack_s: float | None = None,
) -> np.ndarray:
  """Reads a recording, or a segment of it, as mono at a given sample rate.

  Args:
    source: a path (str, bytes decoded by `os.fsdecode`, path-like), or the content of a file
      (memoryview, bytearray or io.BytesIO): WAV, FLAC, OGG, MP3, AIFF, or what ffmpeg opens.
    sample_rate_hz: rate of the result; a file of another rate is resampled (soxr, high quality).
    decoder: "soundfile", "tensorflow-io", or "auto": tensorflow-io where its ops run.
    start_s: where the segment begins; None, with `stop_s`: read everything.
    stop_s: where it ends.
    slack_s: None: the file is the whole recording. A number: the file may also hold nothing but the
      segment. If it is at most `slack_s` longer than the segment, it is the segment; if it reaches
      to the segment's end, less `slack_s`, it is the recording; otherwise the segment begins where
      the file begins.

  Returns:
    float32 `[n]`, n >= 1, nominally in [-1, 1]; floats beyond full scale are not clipped.

  Raises:
    UnusableAudio: with the reason, if the file cannot be decoded in full.

  Example:
    >>> soundfile.write("stereo.wav", np.full([44_100, 2], 0.25), 44_100)
    >>> read("stereo.wav", 16_000).shape
    (16000,)
    >>> read("stereo.wav", 44_100, start_s=0.5, stop_s=0.6)[:2]
    array([0.25, 0.25], dtype=float32)
  """
  return np.concatenate([*blocks(source, sample_rate_hz, decoder, start_s, stop_s, slack_s)])


def blocks(
  source: str | bytes | os.PathLike | memoryview | bytearray | io.BytesIO,
  sample_rate_hz: int,
  decoder: str = "auto",
  start_s: float | None = None,
  stop_s: float | None = None,
  slack_s: float | None = None,
) -> Iterator[np.ndarray]:
  """Reads what `read` reads, block by block: memory is bounded however long the recording is.

  Args:
    source: see `read`, and so on.
    sample_rate_hz: rate of the blocks.
    decoder: "soundfile", "tensorflow-io" or "auto".
    start_s: where the segment begins.
    stop_s: where it ends.
    slack_s: see `read`.

  Yields:
    float32 `[n]`, n >= 1; at least one block.

  Raises:
    UnusableAudio: with the reason, at any block, and after the last one if the file is truncated.

  Example:
    >>> soundfile.write("minute.wav", np.zeros(60 * 16_000), 16_000)
    >>> sum(len(block) for block in blocks("minute.wav", 8_000))
    480000
  """
  segment = None
  if start_s is not None and stop_s is not None:
    segment = _Segment(start_s, stop_s, slack_s)
  elif start_s is not None or stop_s is not None:
    raise ValueError(f"{start_s=}, {stop_s=}: a segment needs both")
  return _usable(_decoded(source, sample_rate_hz, decoder, segment))


def to_mono(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
  """Converts decoded samples to mono at another sample rate.

  Args:
    samples: `[n]` or `[n, channels]`; integers are scaled as `samples.to_float` does it: by the
      full scale of 16 bits, or by that of 32 bits if any sample exceeds 16 bits.
    from_hz: rate of `samples`.
    to_hz: rate of the result.

  Returns:
    float32 `[m]`, m >= 1.

  Raises:
    UnusableAudio: if nothing is left, or if a sample is not finite.

  Example:
    >>> to_mono(np.array([[0, 16384], [16384, 16384]]), 16_000, 16_000)
    array([0.25, 0.5 ], dtype=float32)
  """
  return np.concatenate([*array_blocks(samples, from_hz, to_hz)])


def array_blocks(samples: np.ndarray, from_hz: int, to_hz: int) -> Iterator[np.ndarray]:
  """Converts decoded samples as `to_mono` does, block by block.

  Args:
    samples: see `to_mono`.
    from_hz: rate of `samples`.
    to_hz: rate of the blocks.

  Yields:
    float32 `[n]`, n >= 1; at least one block.

  Raises:
    UnusableAudio: if nothing is left, or if a sample is not finite.

  Example:
    >>> [block.tolist() for block in array_blocks(np.array([0, 16384]), 16_000, 16_000)]
    [[0.0, 0.5]]
  """
  scaled = to_float(np.asarray(samples))
  starts = range(0, len(scaled), _BLOCK_FRAMES)
  mono = (mix(scaled[start : start + _BLOCK_FRAMES]) for start in starts)
  return _usable(_resampled(mono, from_hz, to_hz))


def _decoded(
  source: str | bytes | os.PathLike | memoryview | bytearray | io.BytesIO,
  sample_rate_hz: int,
  decoder: str,
  segment: _Segment | None,
) -> Iterator[np.ndarray]:
  checked = _checked(source)
  try:
    with soundfile.SoundFile(_for_soundfile(checked)) as file:
      truncation.require_complete(file, checked)
      span_s = segment.span_s(file.frames / file.samplerate) if segment else None
      mono = _blocks(file, checked, decoder, span_s)
      yield from _resampled(mono, file.samplerate, sample_rate_hz)
      return
  except soundfile.LibsndfileError as error:
    if not _is_of_another_format(error):
      raise UnusableAudio(f"cannot be decoded: {error.error_string.strip()}") from error
  yield from _blocks_of_ffmpeg(checked, sample_rate_hz, segment)


def _checked(
  source: str | bytes | os.PathLike | memoryview | bytearray | io.BytesIO,
) -> str | io.BytesIO:
  """Returns a path as str, or content as io.BytesIO."""
  if isinstance(source, (memoryview, bytearray, io.BytesIO)):
    content = source if isinstance(source, io.BytesIO) else io.BytesIO(source)
    if not content.getbuffer().nbytes:
      raise UnusableAudio("empty file (0 bytes)")
    return content
  path = os.fsdecode(source)
  try:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
      raise UnusableAudio("not a regular file")
    open(path, "rb").close()
  except OSError as error:
    raise UnusableAudio((error.strerror or str(error)).lower()) from error
  if status.st_size == 0:
    raise UnusableAudio("empty file (0 bytes)")
  return path


def _for_soundfile(source: str | io.BytesIO) -> bytes | io.BytesIO:
  """Returns a path as bytes, which need not be valid UTF-8, or content from its beginning."""
  if isinstance(source, str):
    return os.fsencode(source)
  source.seek(0)
  return source


def _is_of_another_format(error: soundfile.LibsndfileError) -> bool:
  """Whether libsndfile does not know the format, rather than finding the file damaged.

  libsndfile trusts the extension .mp3. If its MPEG decoder then finds no frame of MPEG audio, it
  reports that the file does not exist or is not a regular one; `_checked` has ruled that out.
  """
  reason = error.error_string
  return any(text in reason for text in ("not a regular file", "not recognised", "nimplemented"))


def _blocks_of_ffmpeg(
  source: str | io.BytesIO, sample_rate_hz: int, segment: _Segment | None
) -> Iterator[np.ndarray]:
  target = source if isinstance(source, str) else io.BytesIO(source.getbuffer())
  with ffmpeg.open_recording(target) as recording:
    span_s = segment.span_s(recording.duration_s or segment.stop_s) if segment else None
    yield from _resampled(map(mix, recording.blocks(span_s)), recording.rate_hz, sample_rate_hz)


def _blocks(
  file: soundfile.SoundFile,
  source: str | io.BytesIO,
  decoder: str,
  span_s: tuple[float, float] | None,
) -> Iterator[np.ndarray]:
  """Yields mono float32 blocks of a span of seconds; None: of the whole file."""
  if isinstance(source, str) and span_s is None and _may_use_tensorflow_io(file, decoder):
    yield mix(tensorflow_io.decode(source))
    return
  if decoder == "tensorflow-io":
    raise UnusableAudio(f"tensorflow-io does not decode {file.format} {file.subtype} here")
  if span_s is None:
    yield from _all_blocks(file, source)
    return
  first, last = (round(seconds * file.samplerate) for seconds in span_s)
  file.seek(first)
  block_frames = max(1, _BLOCK_FRAMES // file.channels)
  for start in range(first, last, block_frames):
    yield mix(file.read(min(block_frames, last - start), dtype="float32", always_2d=True))


def _may_use_tensorflow_io(file: soundfile.SoundFile, decoder: str) -> bool:
  has_format = (file.format, file.subtype) in tensorflow_io.FORMATS
  return decoder != "soundfile" and has_format and tensorflow_io.runs()


def _all_blocks(file: soundfile.SoundFile, source: str | io.BytesIO) -> Iterator[np.ndarray]:
  promised_frames = truncation.promised_mp3_frames(file, source)
  frames, block_frames = 0, max(1, _BLOCK_FRAMES // file.channels)
  while len(block := file.read(block_frames, dtype="float32", always_2d=True)):
    frames += len(block)
    yield mix(block)
  if frames < promised_frames:
    raise UnusableAudio(f"truncated: header promises {promised_frames} frames, file holds {frames}")


def _resampled(blocks: Iterable[np.ndarray], from_hz: int, to_hz: int) -> Iterator[np.ndarray]:
  if from_hz == to_hz:
    yield from blocks
    return
  stream = soxr.ResampleStream(from_hz, to_hz, num_channels=1, dtype="float32", quality="HQ")
  for block in blocks:
    yield stream.resample_chunk(np.ascontiguousarray(block))
  yield stream.resample_chunk(np.zeros([0], np.float32), last=True)


def _usable(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Yields the blocks that hold samples; refuses a wave of none, and one that is not finite."""
  is_empty = True
  for block in blocks:
    if not np.isfinite(block).all():
      raise UnusableAudio("contains NaN or Inf samples")
    if len(block):
      is_empty = False
      yield block
  if is_empty:
    raise UnusableAudio("no samples")
