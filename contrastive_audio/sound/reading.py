"""A file, its bytes or an array -> mono float32 at one sample rate.

libsndfile (by soundfile) reads most formats; what it does not open is left to ffmpeg; where the ops
of tensorflow-io run, they decode the formats on which both agree. soxr resamples. A file whose
header promises more than the file holds is refused, because half a clip is not the clip.
"""

import contextlib
import io
import os
import re
import stat

import numpy as np
import soundfile
import soxr

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import ffmpeg, tensorflow_io
from contrastive_audio.sound.samples import mix, to_float

# Names of audio files: what soundfile 0.13 opens, and what ffmpeg does.
EXTENSIONS = ffmpeg.EXTENSIONS | {
  *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc")
}

_BLOCK_FRAMES = 1 << 20  # 24 s at 44.1 kHz: bounds the memory of decoding, not its result
_CHUNK_SHORTER_THAN_PROMISED = re.compile(r"(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)")


def read(source, sample_rate_hz, decoder="auto", start_s=None, stop_s=None, slack_s=None):
  """Reads a recording, or a piece of it, as mono at the wanted sample rate.

  Args:
    source: a path (str, bytes decoded by `os.fsdecode`, path-like), or the content of a file
      (memoryview, bytearray or io.BytesIO); WAV, FLAC, OGG, MP3, AIFF, or what ffmpeg opens.
    sample_rate_hz: rate of the result; the file is resampled (soxr, high quality) if it differs.
    decoder: "soundfile", "tensorflow-io", or "auto": the latter where its ops run.
    start_s, stop_s: the piece that is wanted; None: all.
    slack_s: for segments of longer recordings, of which the file may hold either: None: the file is
      the recording. Otherwise a file at most this much longer than the segment is the segment; one
      that reaches to its end is the recording; any other begins with the segment.

  Returns:
    float32 `[n]`, n >= 1, nominally in [-1, 1] (float files may exceed it and are not clipped).

  Raises:
    UnusableAudio: with the reason, if the file cannot be decoded in full.
  """
  source = _checked(source)
  piece = None if start_s is None else (start_s, stop_s, slack_s)
  try:
    with soundfile.SoundFile(_as_soundfile_takes_it(source)) as file:
      _require_complete(file, source)
      span_s = piece and _span(file.frames / file.samplerate, *piece)
      blocks = _blocks(file, source, decoder, span_s)
      samples = _resample_stream(blocks, file.samplerate, sample_rate_hz)
  except soundfile.LibsndfileError as error:
    if not _is_of_another_format(error):
      raise UnusableAudio(f"cannot be decoded: {error.error_string.strip()}") from error
    samples = _read_by_ffmpeg(source, sample_rate_hz, piece)
  return _require_samples(samples)


def to_mono(samples, from_hz, to_hz):
  """Brings decoded samples to mono at another rate.

  Args:
    samples: `[n]` or `[n, channels]`; float as it is, integers by their 16-bit full scale, or by
      the 32-bit one if any sample exceeds 16 bits.
    from_hz: rate of `samples`.
    to_hz: rate of the result.

  Returns:
    float32 `[m]`, m >= 1.

  Raises:
    UnusableAudio: if nothing is left, or if it is not finite.
  """
  scaled = to_float(np.asarray(samples))
  return _require_samples(_resample_stream([mix(scaled)], from_hz, to_hz))


def _checked(source):
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


def _is_of_another_format(error):
  """Whether libsndfile does not know the format, rather than finds the file damaged.

  It believes the name .mp3. Where the MPEG decoder then finds no frame of MPEG audio, it says that
  the file does not exist or is not a regular one; `_checked` has made sure that it is.
  """
  reason = error.error_string
  if "not a regular file" in reason:
    return True
  return "not recognised" in reason or "nimplemented" in reason


def _as_soundfile_takes_it(source):
  if isinstance(source, str):
    return os.fsencode(source)
  source.seek(0)
  return source


@contextlib.contextmanager
def _raw(source):
  """Opens a path for reading; takes content as it is, from its beginning."""
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


def _read_by_ffmpeg(source, sample_rate_hz, piece):
  target = source if isinstance(source, str) else io.BytesIO(source.getbuffer())
  with ffmpeg.open_recording(target) as recording:
    span_s = piece and _span(recording.duration_s or piece[1], *piece)
    blocks = map(mix, recording.blocks(span_s))
    return _resample_stream(blocks, recording.rate_hz, sample_rate_hz)


def _span(duration_s, start_s, stop_s, slack_s):
  """Returns which seconds of a file hold the piece; None: all of them. See `read`."""
  if slack_s is not None:
    length_s = stop_s - start_s
    if duration_s <= length_s + slack_s:
      return None
    if duration_s < stop_s - slack_s:
      return 0.0, length_s
  if start_s >= duration_s:
    raise UnusableAudio(f"it ends after {duration_s:.1f} s, the clip begins at {start_s:.1f} s")
  return start_s, stop_s


def _require_complete(file, source):
  """Refuses a file that holds less than its header promises.

  WAV and AIFF say it by the size of a chunk, OGG by its last page; FLAC and MP3 show it while they
  are decoded.
  """
  if match := _CHUNK_SHORTER_THAN_PROMISED.search(file.extra_info):
    promised, present = map(int, match.groups())
    if promised > present:
      raise UnusableAudio(f"truncated: header promises {promised} bytes, file holds {present}")
  if file.format == "OGG" and not _ogg_has_last_page(source):
    raise UnusableAudio("truncated: the stream has no last page")


def _ogg_has_last_page(source):
  with _raw(source) as raw:
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - 65_307))  # the largest page there can be
    tail = raw.read()
  page = tail.rfind(b"OggS")
  return page >= 0 and len(tail) > page + 5 and bool(tail[page + 5] & 4)  # end-of-stream flag


def _blocks(file, source, decoder, span_s):
  """Yields mono float32 blocks, by whichever decoder serves this format."""
  wanted = decoder != "soundfile" and (file.format, file.subtype) in tensorflow_io.FORMATS
  if wanted and isinstance(source, str) and span_s is None and tensorflow_io.runs():
    yield mix(tensorflow_io.decode(source))
    return
  if decoder == "tensorflow-io":
    raise UnusableAudio(f"tensorflow-io does not decode {file.format} {file.subtype} here")
  if span_s is None:
    yield from _all_blocks(file, source)
    return
  first, last = (round(seconds * file.samplerate) for seconds in span_s)
  file.seek(first)
  for start in range(first, last, _BLOCK_FRAMES):
    yield mix(file.read(min(_BLOCK_FRAMES, last - start), dtype="float32", always_2d=True))


def _all_blocks(file, source):
  promised_frames = _promised_mp3_frames(file, source)
  frames = 0
  while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
    frames += len(block)
    yield mix(block)
  if frames < promised_frames:
    raise UnusableAudio(f"truncated: header promises {promised_frames} frames, file holds {frames}")


def _promised_mp3_frames(file, source):
  """Sample frames named by an MP3's Xing or Info tag; 0 where there is none."""
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


def _resample_stream(blocks, from_hz, to_hz):
  blocks = list(blocks) if from_hz == to_hz else list(_resampled(blocks, from_hz, to_hz))
  return np.concatenate(blocks) if blocks else np.zeros([0], np.float32)


def _resampled(blocks, from_hz, to_hz):
  stream = soxr.ResampleStream(from_hz, to_hz, num_channels=1, dtype="float32", quality="HQ")
  for block in blocks:
    yield stream.resample_chunk(np.ascontiguousarray(block))
  yield stream.resample_chunk(np.zeros([0], np.float32), last=True)


def _require_samples(samples):
  if not len(samples):
    raise UnusableAudio("no samples")
  if not np.isfinite(samples).all():
    raise UnusableAudio("contains NaN or Inf samples")
  return samples
