"""Checks, where the ops of tensorflow-io run, that both decoders agree: `pip install -e ".[tfio]"`.

Writes a stereo clip in every format, reads it by soundfile and by tensorflow-io, prints a table and
fails if a format that reading.py leaves to tensorflow-io differs by more than TOLERANCE, or if none
is decoded. Real files may be named as arguments.
"""

import os
import sys
import tempfile

import numpy as np
import soundfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound import reading, tensorflow_io

TOLERANCE = 1e-5  # of full scale; lossy codecs are decoded with floats by either
FORMATS = [
  *[("wav", "WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")],
  ("wav", "WAV", "DOUBLE"),
  *[("wav", "WAVEX", subtype) for subtype in ("PCM_16", "PCM_24")],
  *[("flac", "FLAC", subtype) for subtype in ("PCM_16", "PCM_24")],
  ("ogg", "OGG", "VORBIS"),
  ("mp3", "MP3", "MPEG_LAYER_III"),
  ("aiff", "AIFF", "PCM_16"),
]


def main(paths):
  if not tensorflow_io.runs():
    sys.exit(
      'no op of tensorflow-io runs here; install the pair that fits: pip install -e ".[tfio]"'
    )
  with tempfile.TemporaryDirectory() as folder:
    results = [compare(path) for path in [*write_all(folder), *paths]]
  failed = [path for path, difference in results if difference and difference > TOLERANCE]
  decoded = sum(difference is not None for _, difference in results)
  print(f"{decoded} of {len(results)} files decoded by both, {len(failed)} differ")
  sys.exit(1 if failed or not decoded else 0)


def write_all(folder):
  rng = np.random.default_rng(0)
  stereo = rng.normal(0, 0.1, [44_100, 2]).astype("f")
  for extension, form, subtype in FORMATS:
    path = os.path.join(folder, f"{form}_{subtype}.{extension}")
    soundfile.write(path, stereo, 44_100, format=form, subtype=subtype)
    yield path


def compare(path):
  """Returns (path, largest difference), None where reading.py does not use tensorflow-io."""
  by_soundfile = reading.read(path, 16_000, decoder="soundfile")
  try:
    by_tensorflow = reading.read(path, 16_000, decoder="tensorflow-io")
  except UnusableAudio as reason:
    print(f"{os.path.basename(path):32} left to soundfile: {reason}")
    return path, None
  same_length = len(by_soundfile) == len(by_tensorflow)
  difference = float(np.abs(by_soundfile - by_tensorflow).max()) if same_length else np.inf
  print(f"{os.path.basename(path):32} largest difference {difference:.1e}")
  return path, difference


if __name__ == "__main__":
  main(sys.argv[1:])
