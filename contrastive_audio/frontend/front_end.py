"""A clip of any length -> the log-mel windows that an encoder was trained on.

Training, monitor and export all use this layer, so that one run has one front end.

Letters: B clips, n samples, W windows, N samples of a window, T frames, F mel bands.
"""

import keras
import tensorflow as tf

from contrastive_audio.configuration import SHORT_CLIPS
from contrastive_audio.frontend.clip_layout import HEAD_ROOM, ClipLayout
from contrastive_audio.frontend.log_mel import LogMel

FRAME_HOP_S = 0.05  # of `centred`; HEAR 2021 asks for at most 50 ms
LEVELS = ("excerpt_l2", "clip_peak")


def energies_by_clip(front_end, excerpts):
  """Excerpts `[B, E, N]` -> mel energies `[B, E, T, F]`; on a CPU clip by clip.

  The spectra of a whole batch (200 MB) do not fit into the caches of a processor, those of a clip
  do: that is four times faster.

  Args:
    front_end: a FrontEnd.
    excerpts: float32 `[B, E, N]`.
  """
  if tf.config.list_physical_devices("GPU"):
    return front_end.energies(excerpts)
  return tf.map_fn(front_end.energies, excerpts, parallel_iterations=10)


# The name of version 0.1, by which runs are saved.
@keras.saving.register_keras_serializable("audio", "LogMelWindows")
class FrontEnd(keras.layers.Layer):
  """Cuts windows of T frames, brings them to a level, takes log-mels, standardises them.

  With a LogMel that pads by reflection the clip is mirrored once, and windows are cut from that:
  their frames are those of the log-mel of the whole clip.

  Args:
    log_mel: a LogMel layer.
    frames: T.
    level: "excerpt_l2": each window is divided by its l2 norm (COLA; the published code does it in
      three different ways, this project in one); "clip_peak": mean removed, divided by the largest
      absolute value of the clip (mix-back).
    short_clips: what becomes of a clip that is too short, see layout.ClipLayout.
    shortest_samples: clips shorter than this are filled up to it; None: to N.
    hop_frames: largest step between the windows that cover a clip; None: T.
    mean: subtracted from the log-mels.
    std: the log-mels are divided by it.
  """

  def __init__(
    self,
    log_mel,
    frames,
    level,
    short_clips="zeros",
    shortest_samples=None,
    hop_frames=None,
    mean=0.0,
    std=1.0,
    **kwargs,
  ):
    kwargs.pop("dtype", None)
    super().__init__(dtype="float32", autocast=False, **kwargs)
    if level not in LEVELS or short_clips not in SHORT_CLIPS:
      raise ValueError(f"{level=}, {short_clips=}: they can be {LEVELS}, {SHORT_CLIPS}")
    self.log_mel = log_mel
    self.frames = frames
    self.level = level
    self.short_clips = short_clips
    self.shortest_samples = shortest_samples
    self.hop_frames = hop_frames or frames
    self.mean = mean
    self.std = std
    self.num_samples = log_mel.num_samples(frames)
    self.num_mels = log_mel.num_mels
    self.sample_rate_hz = log_mel.sample_rate_hz
    self.layout = self._layout()
    self.built = True  # there are no weights

  def _layout(self):
    reflects = self.log_mel.padding == "reflect"
    return ClipLayout(
      num_samples=self.num_samples,
      shortest_samples=self.shortest_samples or self.num_samples,
      short_clips=self.short_clips,
      mirrored_samples=self.log_mel.fft_samples // 2 if reflects else 0,
      grid_samples=self.log_mel.hop_samples if reflects else 1,
      level="clip_peak" if self.level == "clip_peak" else "as_is",
    )

  def call(self, excerpts):
    """Excerpts float32 `[..., N]` -> standardised log-mels float32 `[..., T, F]`."""
    return self.standardise(self.log_mel.compress(self.energies(excerpts)))

  def energies(self, excerpts):
    """Excerpts float32 `[..., N]` -> mel energies (or magnitudes) `[..., T, F]`."""
    lead = tf.shape(excerpts)[:-1]
    flat = tf.reshape(excerpts, [-1, excerpts.shape[-1] or tf.shape(excerpts)[-1]])
    energies = self.log_mel.mel_of(self.normalise(flat))
    shape = tf.concat([lead, [self.frames, self.log_mel.num_mels]], 0)
    static = [*excerpts.shape[:-1], self.frames, self.log_mel.num_mels]
    return tf.ensure_shape(tf.reshape(energies, shape), static)

  def standardise(self, log_mels):
    """Subtracts the mean of the training set, divides by its standard deviation."""
    return (log_mels - self.mean) / self.std

  def normalise(self, excerpts):
    """Scales each excerpt `[B, N]` by itself if the level asks for it; silence stays silence."""
    if self.level != "excerpt_l2":
      return excerpts
    # On the peak-normalised excerpt, so that the squares of a quiet one do not underflow.
    peak = tf.reduce_max(tf.abs(excerpts), axis=-1, keepdims=True)
    return tf.math.l2_normalize(tf.math.divide_no_nan(excerpts, peak), axis=-1, epsilon=1e-9)

  def lay_out(self, waves):
    """Clips `[B, n]` -> level, filled up if short, mirrored at the ends: ready to be cut."""
    return self.log_mel.pad(self._fill(self.level_of_clip(waves)))

  def level_of_clip(self, waves):
    """Scales each clip `[B, n]` as a whole if the level asks for it."""
    if self.level != "clip_peak":
      return waves
    centred = waves - tf.reduce_mean(waves, axis=1, keepdims=True)
    return centred / (tf.reduce_max(tf.abs(centred), axis=1, keepdims=True) + HEAD_ROOM)

  def _fill(self, waves):
    num_samples = tf.shape(waves)[1]
    shortest = self.layout.shortest_samples
    if self.short_clips == "zeros":
      missing = tf.maximum(0, shortest - num_samples)
      return tf.pad(waves, [[0, 0], [missing // 2, missing - missing // 2]])
    filled = tf.maximum(num_samples, shortest)
    return tf.gather(waves, tf.range(filled) % num_samples, axis=1)

  def covering_starts(self, num_samples):
    """Returns int32 `[W]`: few windows that cover the laid-out clip, evenly, flush at both ends."""
    grid = self.layout.grid_samples
    spare = (num_samples - self.num_samples) // grid
    overlaps = self.hop_frames < self.frames
    hop = self.hop_frames * self.log_mel.hop_samples if overlaps else self.num_samples
    last = (spare * grid + hop - 1) // hop
    return grid * _evenly(spare, last)

  def hop_starts(self, num_samples):
    """Returns int32 `[W]`: a window every `hop_frames`; what is left at the end is not covered."""
    hop = self.hop_frames * self.log_mel.hop_samples
    return tf.range(0, num_samples - self.num_samples + 1, hop)

  def covering(self, waves):
    """Lays out clips `[B, n]` and finds where to cut windows that cover them.

    Returns:
      (`[B, n']`, int32 starts `[W]`).
    """
    laid_out = self.lay_out(waves)
    return laid_out, self.covering_starts(tf.shape(laid_out)[1])

  def hopping(self, waves):
    """The same with a window every `hop_frames`."""
    laid_out = self.lay_out(waves)
    return laid_out, self.hop_starts(tf.shape(laid_out)[1])

  def centred(self, waves):
    """Prepares windows centred on 0, 50, 100 ... ms, up to the end of the clip.

    Args:
      waves: float32 `[B, n]`.

    Returns:
      (waves with half a window of zeros on both sides, int32 starts `[W]`, float32 centres `[W]`
      in milliseconds).
    """
    half = self.num_samples // 2
    padded = tf.pad(self.level_of_clip(waves), [[0, 0], [half, self.num_samples - half]])
    hop_samples = FRAME_HOP_S * self.sample_rate_hz
    count = 1 + tf.cast(tf.cast(tf.shape(waves)[1], tf.float32) / hop_samples, tf.int32)
    indices = tf.cast(tf.range(count), tf.float32)
    starts = tf.cast(tf.round(indices * hop_samples), tf.int32)
    return padded, starts, indices * (1000 * FRAME_HOP_S)  # in this order exact multiples

  def cut(self, waves, starts):
    """Cuts `[B, n]` at `starts` `[W]` -> excerpts `[B, W, N]`."""
    return tf.gather(waves, starts[:, None] + tf.range(self.num_samples), axis=1)

  def get_config(self):
    names = ("frames", "level", "short_clips", "shortest_samples", "hop_frames", "mean", "std")
    own = {name: getattr(self, name) for name in names}
    return super().get_config() | own | {"log_mel": self.log_mel.get_config()}

  @classmethod
  def from_config(cls, config):
    return cls(**(config | {"log_mel": LogMel(**config["log_mel"])}))


def _evenly(end, last):
  """Returns int32 `[last + 1]`, from 0 to `end` evenly; halves are rounded to even numbers.

  In whole numbers: not every runtime has others that are exact.
  """
  index, divisor = tf.range(last + 1), tf.maximum(last, 1)
  rest = index * (end % divisor)  # in two parts, so that no product gets too large
  below = index * (end // divisor) + rest // divisor
  twice = 2 * (rest % divisor)
  is_half, is_odd = tf.equal(twice, divisor), tf.equal(below % 2, 1)
  rounds_up = tf.logical_or(twice > divisor, tf.logical_and(is_half, is_odd))
  return below + tf.cast(rounds_up, tf.int32)
