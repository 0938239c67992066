"""A clip of any length -> the log-mel windows that an encoder was trained on.

Training, monitoring and export all use this layer, so that each run has exactly one front end.

Letters: B clips, E excerpts of a clip, n samples, W windows, N samples of a window, T frames, F mel
bands.
"""

from typing import Any

import keras
import tensorflow as tf

from contrastive_audio.configuration import CLIP_POOLINGS, SHORT_CLIPS
from contrastive_audio.frontend.clip_layout import HEAD_ROOM, ClipLayout
from contrastive_audio.frontend.log_mel import LogMel

FRAME_HOP_S = 0.05  # of `centred`; HEAR 2021 asks for at most 50 ms
LEVELS = ("excerpt_l2", "clip_peak")
WINDOWS = ("covering", "padded", "hopping")  # how a clip is cut: methods of FrontEnd


def energies_by_clip(front_end: "FrontEnd", excerpts: tf.Tensor) -> tf.Tensor:
  """Computes mel energies; on a CPU clip by clip.

  The spectra of a whole batch (200 MB) do not fit into the caches of a processor, those of one clip
  do. That is four times faster.

  Args:
    front_end: a FrontEnd.
    excerpts: float32 `[B, E, N]`.

  Returns:
    float32 `[B, E, T, F]`.

  Example:
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> energies_by_clip(front_end, tf.zeros([3, 2, 15_600])).shape
    TensorShape([3, 2, 96, 64])
  """
  if tf.config.list_physical_devices("GPU"):
    return front_end.energies(excerpts)
  return tf.map_fn(front_end.energies, excerpts, parallel_iterations=10)


# The name of version 0.1, under which runs are saved.
@keras.saving.register_keras_serializable("audio", "LogMelWindows")
class FrontEnd(keras.layers.Layer):
  """Cuts windows of T frames, normalises their level, takes log-mels and standardises them.

  With a LogMel that pads by reflection, the clip is mirrored once and windows are cut from the
  result. Their frames are then those of the log-mel of the whole clip.

  Args:
    log_mel: a LogMel layer.
    frames: T.
    level: "excerpt_l2": each window is divided by its l2 norm (COLA; the published code does it
      in three different ways, this project in one); "clip_peak": the mean is removed, and the
      clip is divided by its largest absolute value (mix-back).
    short_clips: how clips that are too short are filled up, see clip_layout.ClipLayout.
    shortest_samples: clips shorter than this are filled up to it, or as far as an excerpt needs;
      None: N.
    hop_frames: largest step between the windows that cover a clip; None: T.
    mean: subtracted from the log-mels.
    std: the log-mels are divided by it.
    clip_pooling: how the embedding of a clip is made: "windows": the mean over those that cover it;
      "windows_max": their maximum; "clip": of all its frames at once, see whole_clip.
    **kwargs: of keras.layers.Layer.

  Example:
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> front_end = FrontEnd(log_mel, frames=96, level="excerpt_l2")
    >>> laid_out, starts = front_end.covering(tf.zeros([1, 40_000]))  # 2.5 s
    >>> starts.numpy().tolist()
    [0, 12200, 24400]
    >>> front_end(front_end.cut(laid_out, starts)).shape
    TensorShape([1, 3, 96, 64])
  """

  def __init__(
    self,
    log_mel: LogMel,
    frames: int,
    level: str,
    short_clips: str = "zeros",
    shortest_samples: int | None = None,
    hop_frames: int | None = None,
    mean: float = 0.0,
    std: float = 1.0,
    clip_pooling: str = "windows",
    **kwargs: Any,
  ):
    kwargs.pop("dtype", None)
    super().__init__(dtype="float32", autocast=False, **kwargs)
    if level not in LEVELS:
      raise ValueError(f"{level=}: must be one of {', '.join(LEVELS)}")
    if short_clips not in SHORT_CLIPS:
      raise ValueError(f"{short_clips=}: must be one of {', '.join(SHORT_CLIPS)}")
    if clip_pooling not in CLIP_POOLINGS:
      raise ValueError(f"{clip_pooling=}: must be one of {', '.join(CLIP_POOLINGS)}")
    self.log_mel = log_mel
    self.frames = frames
    self.level = level
    self.short_clips = short_clips
    self.shortest_samples = shortest_samples
    self.hop_frames = hop_frames or frames
    self.mean = mean
    self.std = std
    self.clip_pooling = clip_pooling
    self.num_samples = log_mel.num_samples(frames)
    self.num_mels = log_mel.num_mels
    self.sample_rate_hz = log_mel.sample_rate_hz
    self.layout = self._layout()
    self.built = True  # there are no weights

  def _layout(self) -> ClipLayout:
    reflects = self.log_mel.padding == "reflect"
    mirrored_samples = self.log_mel.fft_samples // 2 if reflects else 0
    span_samples = self.num_samples - 2 * mirrored_samples  # only the margins are mirrored
    return ClipLayout(
      num_samples=self.num_samples,
      shortest_samples=max(self.shortest_samples or self.num_samples, span_samples),
      short_clips=self.short_clips,
      mirrored_samples=mirrored_samples,
      grid_samples=self.log_mel.hop_samples if reflects else 1,
      level="clip_peak" if self.level == "clip_peak" else "as_is",
    )

  def call(self, excerpts: tf.Tensor) -> tf.Tensor:
    """Excerpts float32 `[..., N]` -> standardised log-mels float32 `[..., T, F]`."""
    return self.standardise(self.log_mel.compress(self.energies(excerpts)))

  def energies(self, excerpts: tf.Tensor) -> tf.Tensor:
    """Excerpts float32 `[..., N]` -> mel energies (or magnitudes) `[..., T, F]`."""
    leading = tf.shape(excerpts)[:-1]
    flat = tf.reshape(excerpts, [-1, excerpts.shape[-1] or tf.shape(excerpts)[-1]])
    energies = self.log_mel.mel_of(self.normalise(flat))
    shape = tf.concat([leading, [self.frames, self.log_mel.num_mels]], 0)
    static_shape = [*excerpts.shape[:-1], self.frames, self.log_mel.num_mels]
    return tf.ensure_shape(tf.reshape(energies, shape), static_shape)

  def standardise(self, log_mels: tf.Tensor) -> tf.Tensor:
    """Subtracts the mean of the training set, divides by its standard deviation."""
    return (log_mels - self.mean) / self.std

  def normalise(self, excerpts: tf.Tensor) -> tf.Tensor:
    """Divides each excerpt `[B, N]` by its l2 norm, if the level is "excerpt_l2"."""
    if self.level != "excerpt_l2":
      return excerpts
    # By the peak first: otherwise the squares of a quiet excerpt underflow. Silence stays silence.
    peak = tf.reduce_max(tf.abs(excerpts), axis=-1, keepdims=True)
    return tf.math.l2_normalize(tf.math.divide_no_nan(excerpts, peak), axis=-1, epsilon=1e-9)

  def normalise_clips(self, waves: tf.Tensor) -> tf.Tensor:
    """Scales each clip `[B, n]` as a whole, if the level is "clip_peak"."""
    if self.level != "clip_peak":
      return waves
    centred = waves - tf.reduce_mean(waves, axis=1, keepdims=True)
    return centred / (tf.reduce_max(tf.abs(centred), axis=1, keepdims=True) + HEAD_ROOM)

  def lay_out(self, waves: tf.Tensor) -> tf.Tensor:
    """Normalises clips `[B, n]`, fills up short ones and mirrors the ends: ready to be cut."""
    return self.log_mel.pad(self._fill(self.normalise_clips(waves)))

  def _fill(self, waves: tf.Tensor) -> tf.Tensor:
    num_samples = tf.shape(waves)[1]
    shortest = self.layout.shortest_samples
    if self.short_clips == "zeros":
      missing = tf.maximum(0, shortest - num_samples)
      return tf.pad(waves, [[0, 0], [missing // 2, missing - missing // 2]])
    filled = tf.maximum(num_samples, shortest)
    return tf.gather(waves, tf.range(filled) % num_samples, axis=1)

  def covering_starts(self, num_samples: int | tf.Tensor) -> tf.Tensor:
    """Returns int32 `[W]`: where to cut windows that cover a clip, evenly and flush at both ends.

    There are as few as steps of `hop_frames` allow. The grid of the layout limits how exact the
    last start and the distances are: to one step of it.

    Args:
      num_samples: length of the laid-out clip.
    """
    grid_samples = self.layout.grid_samples
    end = (num_samples - self.num_samples) // grid_samples
    overlaps = self.hop_frames < self.frames
    hop_samples = self.hop_frames * self.log_mel.hop_samples if overlaps else self.num_samples
    last = (end * grid_samples + hop_samples - 1) // hop_samples
    return grid_samples * _evenly_spaced(end, last)

  def hopping_starts(self, num_samples: int | tf.Tensor) -> tf.Tensor:
    """Returns int32 `[W]`: a window every `hop_frames`; what is left at the end is not covered.

    Args:
      num_samples: length of the laid-out clip.
    """
    hop_samples = self.hop_frames * self.log_mel.hop_samples
    return tf.range(0, num_samples - self.num_samples + 1, hop_samples)

  def padded_starts(self, num_samples: int | tf.Tensor) -> tf.Tensor:
    """Returns int32 `[W]`: windows end to end; the last may go on beyond the end.

    Args:
      num_samples: length of the laid-out clip.
    """
    return tf.range(0, num_samples, self.num_samples)

  def centred_starts(self, num_samples: int | tf.Tensor) -> tf.Tensor:
    """Returns int64 `[W]`: a window every 50 ms, in a clip with half a window before it.

    Args:
      num_samples: length of the clip itself.
    """
    hop_samples = FRAME_HOP_S * self.sample_rate_hz
    # In float32 a clip of twenty minutes would have more samples than whole numbers.
    count = 1 + tf.cast(tf.cast(num_samples, tf.float64) / hop_samples, tf.int64)
    return tf.cast(tf.round(tf.cast(tf.range(count), tf.float64) * hop_samples), tf.int64)

  def covering(self, waves: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Lays out clips `[B, n]` and returns where to cut windows that cover them.

    Returns:
      (`[B, n']`, int32 starts `[W]`).
    """
    laid_out = self.lay_out(waves)
    return laid_out, self.covering_starts(tf.shape(laid_out)[1])

  def hopping(self, waves: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Lays out clips `[B, n]` and returns where to cut a window every `hop_frames`.

    Returns:
      (`[B, n']`, int32 starts `[W]`).
    """
    laid_out = self.lay_out(waves)
    return laid_out, self.hopping_starts(tf.shape(laid_out)[1])

  def padded(self, waves: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Lays out clips `[B, n]` and returns where to cut windows that do not overlap.

    The last window is filled up with zeros (COLA, section 3.1, and its published code).

    Returns:
      (`[B, n']`, int32 starts `[W]`).
    """
    laid_out = self.lay_out(waves)
    starts = self.padded_starts(tf.shape(laid_out)[1])
    missing = tf.shape(starts)[0] * self.num_samples - tf.shape(laid_out)[1]
    return tf.pad(laid_out, [[0, 0], [0, missing]]), starts

  def centred(self, waves: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Prepares windows centred on 0, 50, 100 ... ms, up to the end of the clip.

    Args:
      waves: float32 `[B, n]`.

    Returns:
      (waves with half a window of zeros on both sides, int64 starts `[W]`, float32 centres `[W]`
      in milliseconds).
    """
    half = self.num_samples // 2
    padded = tf.pad(self.normalise_clips(waves), [[0, 0], [half, self.num_samples - half]])
    starts = self.centred_starts(tf.shape(waves)[1])
    indices = tf.cast(tf.range(tf.shape(starts)[0]), tf.float32)
    return padded, starts, indices * (1000 * FRAME_HOP_S)  # in this order exact multiples

  def cut(self, waves: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Cuts `[B, n]` at `starts` `[W]` -> excerpts `[B, W, N]`."""
    indices = starts[:, None] + tf.range(self.num_samples, dtype=starts.dtype)
    return tf.gather(waves, indices, axis=1)

  def pooled(self, clip_pooling: str | None) -> "FrontEnd":
    """Returns the same front end with another `clip_pooling`; None: itself."""
    if clip_pooling is None:
      return self
    return FrontEnd.from_config(self.get_config() | {"clip_pooling": clip_pooling})

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of this layer."""
    names = "frames level short_clips shortest_samples hop_frames mean std clip_pooling"
    own = {name: getattr(self, name) for name in names.split()}
    return super().get_config() | own | {"log_mel": self.log_mel.get_config()}

  @classmethod
  def from_config(cls, config: dict[str, Any]) -> "FrontEnd":
    """Builds the layer from `get_config`."""
    return cls(**(config | {"log_mel": LogMel(**config["log_mel"])}))


def _evenly_spaced(end: int | tf.Tensor, last: int | tf.Tensor) -> tf.Tensor:
  """Returns int32 `[last + 1]`: `index * end / last`, from 0 to `end`, to the nearest whole number.

  The product is split in two, so that it fits into int32 for up to 46,341 windows: 12 hours of
  COLA's, 6 hours of mix-back's. Not all runtimes have larger integers; those that have pass int64.
  """
  index, divisor = tf.range(last + 1), tf.maximum(last, 1)
  return index * (end // divisor) + (index * (end % divisor) + divisor // 2) // divisor
