"""Which excerpts hold no sound, so that mix-back does not amplify what only looks like one.

The mel energies of digital silence are not zero. The front end adds `wave_epsilon` to each sample,
and removing the mean of a clip turns its silent stretches into another constant. A constant is
inaudible, but the window of a Fourier transform lets a little of it leak into the lowest bands. In
a sound that is nothing; in silence it is all there is, and scaled up to the energy of another
excerpt it would be a hum.

Letters: B clips, E excerpts of a clip, N samples, T frames, F mel bands.
"""

from collections.abc import Callable

import tensorflow as tf

from contrastive_audio.frontend.front_end import FrontEnd

# Largest share of the energy of a sound that may leak in from its mean value: 20 dB below the rest.
# Sounds stay far below it, silence is at 1 (docs/differences.md, mix-back).
MAX_LEAK = 0.01

IsSilent = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def detector(front_end: FrontEnd) -> IsSilent:
  """Returns the function that tells which excerpts are silent.

  What leaks from the mean value of an excerpt follows from that value alone, because energies grow
  with its square. So a background is recognised by its own wave, whatever else is in the batch.

  Args:
    front_end: of mix-back; its level is "clip_peak".

  Returns:
    `(excerpts [B, E, N], their mel energies [B, E, T, F]) -> bool [B, E]`.

  Example:
    >>> from mixback.config import Config
    >>> front_end = Config().front_end()
    >>> constants = tf.constant([[[0.0], [0.2]]]) * tf.ones([24_048])
    >>> excerpts = tf.concat([constants, tf.random.normal([1, 1, 24_048], stddev=1e-5)], axis=1)
    >>> detector(front_end)(excerpts, front_end.energies(excerpts)).numpy()
    array([[ True,  True, False]])
  """
  log_mel = front_end.log_mel
  leak_of_one = float(tf.reduce_sum(log_mel.mel_of(tf.ones([1, front_end.num_samples]))))
  mirrors = log_mel.padding == "reflect"
  margin = (log_mel.fft_samples - log_mel.frame_samples) // 2 if mirrors else 0  # no frame sees it

  def is_silent(excerpts: tf.Tensor, energies: tf.Tensor) -> tf.Tensor:
    seen = tf.cast(excerpts[..., margin : front_end.num_samples - margin], tf.float32)
    mean = tf.reduce_mean(seen, axis=-1) + log_mel.wave_epsilon
    leak = leak_of_one * tf.abs(mean) ** log_mel.power
    return leak >= MAX_LEAK * tf.reduce_sum(energies, axis=[2, 3])

  return is_silent
