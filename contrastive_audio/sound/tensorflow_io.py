"""The decoders of tensorflow-io, where its ops run (extra [tfio]).

tests/check_tensorflow_io.py checks for which formats both decoders agree.
"""

import functools

import numpy as np

from contrastive_audio.errors import UnusableAudio
from contrastive_audio.sound.samples import to_float

# tensorflow-io 0.37.1 reads 32-bit integer WAV as float, and neither 64-bit WAV nor AIFF.
FORMATS = {
  ("WAV", "PCM_U8"),
  ("WAV", "PCM_16"),
  ("WAV", "PCM_24"),
  ("WAV", "FLOAT"),
  ("WAVEX", "PCM_16"),
  ("WAVEX", "PCM_24"),
  ("FLAC", "PCM_16"),
  ("FLAC", "PCM_24"),
  ("OGG", "VORBIS"),
  ("MPEG", "MPEG_LAYER_III"),
  ("MP3", "MPEG_LAYER_III"),
}


@functools.cache
def runs() -> bool:
  """Whether the ops of tensorflow-io run; its import also succeeds where none of them does.

  Example:
    >>> runs() in (True, False)
    True
  """
  try:
    import tensorflow_io as tfio

    tfio.audio.resample(np.zeros((8, 1), np.float32), 2, 1)
  except (ImportError, NotImplementedError, AttributeError, OSError):
    return False
  return True


def decode(path: str) -> np.ndarray:
  """Decodes a file -> float32 `[n, channels]`.

  Args:
    path: a file in one of FORMATS, where `runs()`.

  Raises:
    UnusableAudio: with the reason.

  Example:
    >>> import soundfile
    >>> soundfile.write("stereo.wav", np.zeros([100, 2]), 16_000)
    >>> decode("stereo.wav").shape if runs() else (100, 2)
    (100, 2)
  """
  import tensorflow as tf
  import tensorflow_io as tfio

  try:
    samples = tfio.audio.AudioIOTensor(path).to_tensor().numpy()
  except tf.errors.OpError as error:
    raise UnusableAudio(f"cannot be decoded: {error.message.splitlines()[0]}") from error
  return to_float(samples, own_full_scale=True)
