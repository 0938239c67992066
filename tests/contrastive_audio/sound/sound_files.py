"""Contents of sound files that several tests read."""

import io
import struct

import av
import numpy as np
import soundfile

RATE_HZ = 16_000
NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ).astype("f")


def encode(form, subtype, wave=NOISE, rate_hz=RATE_HZ):
  """A file of libsndfile."""
  content = io.BytesIO()
  with soundfile.SoundFile(
    content, "w", rate_hz, 1, format=form, subtype=subtype, closefd=False
  ) as file:
    file.write(wave)
  return content.getvalue()


def encode_by_ffmpeg(form, codec, wave=NOISE, rate_hz=48_000):
  """A file of ffmpeg, mono."""
  content = io.BytesIO()
  with av.open(content, "w", format=form) as container:
    stream = container.add_stream(codec, rate=rate_hz, layout="mono")
    stream.bit_rate = 64_000
    frame = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
    frame.rate = rate_hz
    to_codec = av.AudioResampler(stream.format.name, "mono", rate_hz, stream.frame_size or None)
    for piece in [*to_codec.resample(frame), *to_codec.resample(None), None]:
      container.mux([packet for packet in stream.encode(piece) if packet.size])
  return content.getvalue()


def patched(content, position, layout, *values):
  """The content with values written at a position, as `struct.pack` writes them."""
  changed = bytearray(content)
  struct.pack_into(layout, changed, position, *values)
  return bytes(changed)
