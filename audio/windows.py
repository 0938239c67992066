"""A clip of any length -> the log-mel windows that an encoder was trained on.

Training, monitor and export all use this layer, so that one run has one front end.

Letters: B clips, n samples, W windows, N samples of a window, T frames, F mel bands.
"""

import keras
import tensorflow as tf

from audio.frontend import LogMel

FRAME_HOP_S = 0.05  # of `centred`; HEAR 2021 asks for at most 50 ms


@keras.saving.register_keras_serializable("audio")
class LogMelWindows(keras.layers.Layer):
  """Cuts windows of T frames, normalises each by itself, and takes log-mels.

  Args:
    log_mel: a LogMel layer without padding.
    frames: T.
    l2_normalise: divide each window by its l2 norm (COLA; the published code does it in three
      different ways, this project in one).
  """

  def __init__(self, log_mel, frames, l2_normalise, **kwargs):
    kwargs.pop("dtype", None)
    super().__init__(dtype="float32", autocast=False, **kwargs)
    self.log_mel = log_mel
    self.frames = frames
    self.l2_normalise = l2_normalise
    self.num_samples = log_mel.num_samples(frames)
    self.sample_rate_hz = log_mel.sample_rate_hz
    self.built = True  # there are no weights

  def call(self, excerpts):
    """Excerpts float32 `[..., N]` -> log-mels float32 `[..., T, F]`."""
    lead = tf.shape(excerpts)[:-1]
    flat = tf.reshape(excerpts, [-1, excerpts.shape[-1] or tf.shape(excerpts)[-1]])
    features = self.log_mel(self.normalise(flat))
    shape = tf.concat([lead, [self.frames, self.log_mel.num_mels]], 0)
    static = [*excerpts.shape[:-1], self.frames, self.log_mel.num_mels]
    return tf.ensure_shape(tf.reshape(features, shape), static)

  def normalise(self, excerpts):
    """Scales each excerpt `[B, N]` as the system asks; silence stays silence."""
    if not self.l2_normalise:
      return excerpts
    # On the peak-normalised excerpt, so that the squares of a quiet one do not underflow.
    peak = tf.reduce_max(tf.abs(excerpts), axis=-1, keepdims=True)
    return tf.math.l2_normalize(tf.math.divide_no_nan(excerpts, peak), axis=-1, epsilon=1e-9)

  def covering_starts(self, num_samples):
    """Returns int32 `[W]`: as few windows as cover the clip, spread evenly, flush at both ends."""
    spare = tf.cast(num_samples - self.num_samples, tf.float64)
    count = tf.cast(tf.math.ceil(num_samples / self.num_samples), tf.int32)
    return tf.cast(tf.round(tf.linspace(tf.constant(0.0, tf.float64), spare, count)), tf.int32)

  def cut_covering(self, waves):
    """Cuts clips `[B, n]`, zero-padded at both ends to at least N -> excerpts `[B, W, N]`."""
    waves = self.pad(waves)
    return self.cut(waves, self.covering_starts(tf.shape(waves)[1]))

  def centred(self, waves):
    """Prepares windows centred on 0, 50, 100 ... ms, up to the end of the clip.

    Args:
      waves: float32 `[B, n]`.

    Returns:
      (waves with half a window of zeros on both sides, int32 starts `[W]`, float32 centres `[W]`
      in milliseconds).
    """
    half = self.num_samples // 2
    padded = tf.pad(waves, [[0, 0], [half, self.num_samples - half]])
    hop_samples = FRAME_HOP_S * self.sample_rate_hz
    count = 1 + tf.cast(tf.cast(tf.shape(waves)[1], tf.float32) / hop_samples, tf.int32)
    indices = tf.cast(tf.range(count), tf.float32)
    return padded, tf.cast(tf.round(indices * hop_samples), tf.int32), indices * FRAME_HOP_S * 1000

  def cut(self, waves, starts):
    """Cuts `[B, n]` at `starts` `[W]` -> excerpts `[B, W, N]`."""
    return tf.gather(waves, starts[:, None] + tf.range(self.num_samples), axis=1)

  def pad(self, waves):
    """Puts clips `[B, n]` shorter than a window into the middle of one, in zeros."""
    missing = tf.maximum(0, self.num_samples - tf.shape(waves)[1])
    return tf.pad(waves, [[0, 0], [missing // 2, missing - missing // 2]])

  def get_config(self):
    own = {
      "log_mel": self.log_mel.get_config(),
      "frames": self.frames,
      "l2_normalise": self.l2_normalise,
    }
    return super().get_config() | own

  @classmethod
  def from_config(cls, config):
    return cls(**(config | {"log_mel": LogMel(**config["log_mel"])}))


def covering_windows(layer, wave):
  """Returns the log-mel windows `[W, T, F]` of a clip `[n]`, as `embed` of the export sees them."""
  return layer(layer.cut_covering(wave[None])[0])
