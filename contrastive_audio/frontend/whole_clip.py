"""The log-mels of a whole clip, on the level that its frames have in training.

Letters: B clips, n samples, N samples of a window, T frames, F mel bands.
"""

import math

import tensorflow as tf

from contrastive_audio.frontend.front_end import FrontEnd


def whole_log_mels(front_end: FrontEnd, laid_out: tf.Tensor) -> tf.Tensor:
  """Computes the log-mels of all frames of laid-out clips, or of pieces of them.

  With the level "excerpt_l2" each frame has the level of the window that is centred on it; at the
  ends of the clip, of the first and the last window. So a clip of one window has the log-mels of
  that window, and a quiet passage those that it has in training. With "clip_peak" the clips are at
  their level already.

  Args:
    front_end: a FrontEnd.
    laid_out: float32 `[B, n]`, at least N samples, see FrontEnd.lay_out.

  Returns:
    float32 `[B, T, F]`.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> wave = tf.random.normal([1, 15_600])  # one window
    >>> difference = whole_log_mels(front_end, wave) - front_end(wave)
    >>> bool(tf.reduce_max(tf.abs(difference)) < 1e-3)
    True
  """
  if front_end.level != "excerpt_l2":
    return front_end.standardise(front_end.log_mel.compress(front_end.log_mel.mel_of(laid_out)))
  # By the peak first: otherwise the squares of a quiet clip underflow. Silence stays silence.
  peak = tf.reduce_max(tf.abs(laid_out), axis=1, keepdims=True)
  scaled = tf.math.divide_no_nan(laid_out, peak)
  energies = front_end.log_mel.mel_of(scaled)
  gains = _gains(front_end, scaled, tf.shape(energies)[1])
  energies *= tf.expand_dims(tf.pow(gains, float(front_end.log_mel.power)), -1)
  return front_end.standardise(front_end.log_mel.compress(energies))


def _gains(front_end: FrontEnd, waves: tf.Tensor, num_frames: tf.Tensor) -> tf.Tensor:
  """Returns `[B, T]`: one over the l2 norm of the window around each frame; 0 in silence."""
  window, hop = front_end.num_samples, front_end.log_mel.hop_samples
  piece = math.gcd(window, hop)
  whole = tf.shape(waves)[1] // piece * piece
  pieces = tf.reshape(tf.square(waves[:, :whole]), tf.stack([tf.shape(waves)[0], -1, piece]))
  sums = tf.reduce_sum(pieces, axis=2, keepdims=True)
  means = tf.nn.avg_pool1d(sums, window // piece, hop // piece, "VALID")
  squares = tf.squeeze(means, 2) * (window // piece)  # of the window that starts at each frame
  last = num_frames - front_end.frames
  starts = tf.clip_by_value(tf.range(num_frames) - front_end.frames // 2, 0, last)
  norms = tf.sqrt(tf.gather(squares, starts, axis=1))
  return tf.math.divide_no_nan(tf.ones_like(norms), norms)
