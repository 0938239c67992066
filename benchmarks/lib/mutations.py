"""Small sound files of many formats, and damages to them, for fuzzing."""

import io
import random

import av
import numpy as np
import soundfile

RATE_HZ = 16_000
_LIBSNDFILE = {  # name -> format and subtype
  "wav": ("WAV", "PCM_16"),
  "adpcm.wav": ("WAV", "IMA_ADPCM"),
  "gsm.wav": ("WAV", "GSM610"),
  "rf64": ("RF64", "PCM_16"),
  "w64": ("W64", "PCM_24"),
  "flac": ("FLAC", "PCM_16"),
  "ogg": ("OGG", "VORBIS"),
  "opus": ("OGG", "OPUS"),
  "mp3": ("MP3", "MPEG_LAYER_III"),
  "aiff": ("AIFF", "PCM_16"),
  "au": ("AU", "PCM_16"),
  "caf": ("CAF", "ALAC_16"),
  "sph": ("NIST", "PCM_16"),
  "voc": ("VOC", "ULAW"),
  "iff": ("SVX", "PCM_16"),
}
_FFMPEG = {  # name -> format and codec
  "m4a": ("ipod", "aac"),
  "alac.m4a": ("ipod", "alac"),
  "3gp": ("3gp", "aac"),
  "flv": ("flv", "aac"),
  "mka": ("matroska", "libopus"),
  "avi": ("avi", "mp3"),
  "wma": ("asf", "wmav2"),
  "ts": ("mpegts", "aac"),
  "mpg": ("mpeg", "mp2"),
  "aac": ("adts", "aac"),
  "ac3": ("ac3", "ac3"),
  "wv": ("wv", "wavpack"),
  "tta": ("tta", "tta"),
  "ac3.wav": ("wav", "ac3"),
  "rm": ("rm", "ac3"),
}
_FFMPEG_RATE_HZ = 48_000  # one that every codec takes
# What damaged and malicious headers hold: the least, the largest, and around them.
_TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD_BYTES = 256  # where headers stand


def make_files(seconds: float = 0.4) -> dict[str, bytes]:
  """Returns name -> content of an undamaged file in every format that can be written here.

  Args:
    seconds: duration of each.
  """
  files = {}
  for name, (form, subtype) in _LIBSNDFILE.items():
    content = io.BytesIO()
    with soundfile.SoundFile(
      content, "w", RATE_HZ, 1, format=form, subtype=subtype, closefd=False
    ) as file:
      file.write(_wave(seconds, RATE_HZ))
    files[name] = content.getvalue()
  for name, (form, codec) in _FFMPEG.items():
    files[name] = _encode(form, codec, _wave(seconds, _FFMPEG_RATE_HZ))
  return files


def _wave(seconds: float, rate_hz: int) -> np.ndarray:
  time_s = np.arange(round(seconds * rate_hz)) / rate_hz
  noise = np.random.default_rng(0).normal(0, 0.02, len(time_s))
  return (0.3 * np.sin(2 * np.pi * 440 * time_s) + noise).astype(np.float32)


def _encode(form: str, codec: str, wave: np.ndarray) -> bytes:
  content = io.BytesIO()
  with av.open(content, "w", format=form) as container:
    stream = container.add_stream(codec, rate=_FFMPEG_RATE_HZ, layout="mono")
    stream.bit_rate = 64_000
    frame = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
    frame.rate = _FFMPEG_RATE_HZ
    to_codec = av.AudioResampler(
      stream.format.name, "mono", _FFMPEG_RATE_HZ, stream.frame_size or None
    )
    for piece in [*to_codec.resample(frame), *to_codec.resample(None)]:
      container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
  return content.getvalue()


def mutate(content: bytes, source: random.Random) -> bytes:
  """Returns damaged content: a few of its bytes flipped, overwritten, lost, doubled or cut off.

  Args:
    content: of a file.
    source: of random numbers; the same state gives the same damage.

  Example:
    >>> mutate(b"RIFF", random.Random(0)) == mutate(b"RIFF", random.Random(0))
    True
  """
  damaged = bytearray(content)
  for _ in range(source.choice((1, 1, 2, 3, 8, 30))):
    source.choice(_DAMAGES)(damaged, source)
  return bytes(damaged)


def _position(damaged: bytearray, source: random.Random) -> int:
  within = source.choice((min(_HEAD_BYTES, len(damaged)), len(damaged)))
  return source.randrange(within) if within else 0


def _flip_bit(damaged: bytearray, source: random.Random) -> None:
  if damaged:
    damaged[_position(damaged, source)] ^= 1 << source.randrange(8)


def _overwrite(damaged: bytearray, source: random.Random) -> None:
  number, width = source.choice(_TELLING), source.choice((1, 2, 4, 8))
  written = (number % 256**width).to_bytes(width, source.choice(("big", "little")))
  position = _position(damaged, source)
  damaged[position : position + width] = written


def _randomise(damaged: bytearray, source: random.Random) -> None:
  position = _position(damaged, source)
  width = min(source.randrange(1, 64), len(damaged) - position)
  damaged[position : position + width] = source.randbytes(width)


def _lose(damaged: bytearray, source: random.Random) -> None:
  position = _position(damaged, source)
  del damaged[position : position + source.randrange(1, 512)]


def _double(damaged: bytearray, source: random.Random) -> None:
  position = _position(damaged, source)
  piece = damaged[position : position + source.randrange(1, 512)]
  damaged[position:position] = piece


def _cut_off(damaged: bytearray, source: random.Random) -> None:
  del damaged[_position(damaged, source) :]


_DAMAGES = (_flip_bit, _flip_bit, _overwrite, _overwrite, _randomise, _lose, _double, _cut_off)
