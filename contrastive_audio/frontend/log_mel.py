"""Waves -> log-mels, on the device; every convention is an argument.

Letters: B examples, n samples, T frames, F mel bands.
"""

from collections.abc import Collection
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_WINDOWS = {"hann": tf.signal.hann_window, "hamming": tf.signal.hamming_window}
_FLOORS = ("clip", "add")
_LOGS = {"e": 1.0, "10": float(np.log(10.0))}


@keras.saving.register_keras_serializable("audio")
class LogMel(keras.layers.Layer):
  """Log-mel spectrogram: `[B, n] -> [B, T, F]`, float32 under any precision policy.

  Each example is computed by itself: it never depends on the others of its batch. Mel filters are
  triangles of height one (no area normalisation).

  Args:
    sample_rate_hz: rate of the waves.
    window: "hann" or "hamming", periodic.
    frame_samples: length of the window.
    hop_samples: distance from one frame to the next.
    fft_samples: length of the Fourier transform, at least `frame_samples`.
    padding: "none": frame t starts at sample `t * hop`; or "reflect": the wave is mirrored at both
      ends by half a transform, and frame t is centred on sample `t * hop` (librosa's `center`).
    power: 1 (magnitude) or 2.
    mel_scale: "htk" or "slaney".
    num_mels: F.
    fmin_hz: lower edge of the lowest band.
    fmax_hz: upper edge of the highest band.
    log_base: "e" or "10".
    floor_mode: "clip": `log(clip(mel, floor, ceiling))`; or "add": `log(mel + floor)`.
    floor: see `floor_mode`.
    ceiling: see `floor_mode`.
    wave_epsilon: added to every sample first.
    **kwargs: of keras.layers.Layer.

  Example:
    >>> layer = LogMel(
    ...   sample_rate_hz=16_000, window="hann", frame_samples=400, hop_samples=160,
    ...   fft_samples=1024, padding="none", power=1, mel_scale="htk", num_mels=64, fmin_hz=60.0,
    ...   fmax_hz=7800.0, log_base="e", floor_mode="clip", floor=1e-5,
    ... )
    >>> silence = layer(tf.zeros([1, 15_600]))
    >>> silence.shape, round(float(silence[0, 0, 0]), 3)  # ln 1e-5
    (TensorShape([1, 96, 64]), -11.513)
  """

  def __init__(
    self,
    sample_rate_hz: int,
    window: str,
    frame_samples: int,
    hop_samples: int,
    fft_samples: int,
    padding: str,
    power: int,
    mel_scale: str,
    num_mels: int,
    fmin_hz: float,
    fmax_hz: float,
    log_base: str,
    floor_mode: str,
    floor: float,
    ceiling: float = 1e8,
    wave_epsilon: float = 0.0,
    **kwargs: Any,
  ):
    super().__init__(dtype="float32", autocast=False, trainable=False, **_without_dtype(kwargs))
    self.sample_rate_hz = sample_rate_hz
    self.window = window
    self.frame_samples = frame_samples
    self.hop_samples = hop_samples
    self.fft_samples = fft_samples
    self.padding = padding
    self.power = power
    self.mel_scale = mel_scale
    self.num_mels = num_mels
    self.fmin_hz = fmin_hz
    self.fmax_hz = fmax_hz
    self.log_base = log_base
    self.floor_mode = floor_mode
    self.floor = floor
    self.ceiling = ceiling
    self.wave_epsilon = wave_epsilon
    self.built = True  # there are no weights
    self._require_choices()
    self._filters = self._mel_filters()

  def _require_choices(self) -> None:
    _require("window", self.window, _WINDOWS)
    _require("padding", self.padding, ("none", "reflect"))
    _require("power", self.power, (1, 2))
    _require("log_base", self.log_base, _LOGS)
    _require("floor_mode", self.floor_mode, _FLOORS)

  def _mel_filters(self) -> np.ndarray:
    num_bins = 1 + self.fft_samples // 2
    return mel_filters(
      self.mel_scale, self.num_mels, num_bins, self.sample_rate_hz, self.fmin_hz, self.fmax_hz
    )

  @property
  def decibel(self) -> float:
    """How much a log-mel rises if the wave gets one decibel louder."""
    return self.power * float(np.log(10.0)) / 20 / _LOGS[self.log_base]

  def centres_hz(self) -> np.ndarray:
    """Returns the centre of each band in Hz, float `[F]`."""
    to_mel, to_hz = _SCALES[self.mel_scale]
    low, high = to_mel(np.array([self.fmin_hz, self.fmax_hz]))
    return to_hz(np.linspace(low, high, self.num_mels + 2))[1:-1]

  def num_samples(self, frames: int) -> int:
    """Returns the length of the shortest excerpt with this many frames.

    COLA's 96 frames take 15,600 samples, the 101 frames of mix-back 24,048. With padding "reflect",
    cut the excerpt from the padded clip: then its frames are those of the whole clip.

    Args:
      frames: T.
    """
    first = self.frame_samples if self.padding == "none" else self.fft_samples
    return first + (frames - 1) * self.hop_samples

  def window_values(self) -> np.ndarray:
    """Returns the window, float32 `[frame_samples]`."""
    with tf.init_scope():
      return _WINDOWS[self.window](self.frame_samples).numpy()

  def call(self, waves: tf.Tensor) -> tf.Tensor:
    """Waves `[B, n]` -> log-mels float32 `[B, T, F]`."""
    return self.compress(self.mel_of(self.pad(waves)))

  def pad(self, waves: tf.Tensor) -> tf.Tensor:
    """Mirrors `[B, n]` at both ends, if the padding is "reflect"."""
    if self.padding == "none":
      return waves
    half = self.fft_samples // 2
    return tf.pad(waves, [[0, 0], [half, half]], mode="REFLECT")

  def mel_of(self, padded_waves: tf.Tensor) -> tf.Tensor:
    """Padded waves `[B, n]` -> mel energies, or magnitudes with power 1, `[B, T, F]`."""
    padded_waves = tf.cast(padded_waves, tf.float32) + self.wave_epsilon
    if self.padding == "reflect":  # librosa centres the window in its transform
      margin = (self.fft_samples - self.frame_samples) // 2
      padded_waves = padded_waves[:, margin : tf.shape(padded_waves)[1] - margin]
    spectra = tf.signal.stft(
      padded_waves,
      self.frame_samples,
      self.hop_samples,
      self.fft_samples,
      window_fn=_WINDOWS[self.window],
    )
    bins = tf.square(tf.math.real(spectra)) + tf.square(tf.math.imag(spectra))
    if self.power == 1:
      bins = tf.sqrt(bins)  # on a CPU nearly twice as fast as tf.abs of complex numbers
    return tf.tensordot(bins, tf.constant(self._filters), 1)

  def compress(self, mel: tf.Tensor) -> tf.Tensor:
    """Takes the logarithm: mel energies -> log-mels of the same shape; NaN stays NaN."""
    if self.floor_mode == "clip":
      # Some devices clip NaN to the floor, and it would pass for silence. IsNan is not in TFLite.
      mel = tf.where(mel <= np.inf, tf.clip_by_value(mel, self.floor, self.ceiling), mel)
    else:
      mel = mel + self.floor
    return tf.math.log(mel) / _LOGS[self.log_base]

  def expand(self, log_mel: tf.Tensor) -> tf.Tensor:
    """Inverts `compress`, except where the floor or the ceiling has clipped values."""
    mel = tf.exp(log_mel * _LOGS[self.log_base])
    return mel if self.floor_mode == "clip" else mel - self.floor

  def compute_output_shape(self, input_shape: tuple) -> tuple:
    """Returns `(B, T, F)` for `(B, n)`; T is None if n is."""
    batch, samples = input_shape
    if samples is None:
      return (batch, None, self.num_mels)
    if self.padding == "reflect":
      return (batch, 1 + samples // self.hop_samples, self.num_mels)
    frames = max(0, 1 + (samples - self.frame_samples) // self.hop_samples)
    return (batch, frames, self.num_mels)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of this layer."""
    names = (
      "sample_rate_hz window frame_samples hop_samples fft_samples padding power mel_scale "
      "num_mels fmin_hz fmax_hz log_base floor_mode floor ceiling wave_epsilon"
    )
    return super().get_config() | {name: getattr(self, name) for name in names.split()}


def mel_filters(
  mel_scale: str,
  num_mels: int,
  num_bins: int,
  sample_rate_hz: int,
  fmin_hz: float,
  fmax_hz: float,
) -> np.ndarray:
  """Computes triangular mel filters of height one.

  Args:
    mel_scale: "htk" (triangles on the mel axis, as in tf.signal) or "slaney" (triangles on the
      frequency axis, as in librosa with `norm=None`).
    num_mels: F.
    num_bins: bins of the spectrum, from 0 to half the sample rate.
    sample_rate_hz: rate of the waves.
    fmin_hz: lower edge of the lowest filter.
    fmax_hz: upper edge of the highest filter.

  Returns:
    float32 `[num_bins, F]`.

  Example:
    >>> filters = mel_filters("htk", 4, 129, 16_000, fmin_hz=60.0, fmax_hz=7800.0)
    >>> filters.shape, bool(0.9 < filters.max() <= 1)
    ((129, 4), True)
  """
  _require("mel_scale", mel_scale, _SCALES)
  bins_hz = np.linspace(0.0, sample_rate_hz / 2, num_bins)
  if mel_scale == "htk":
    low, high = _hz_to_htk(np.array([fmin_hz, fmax_hz]))
    axis, edges = _hz_to_htk(bins_hz), np.linspace(low, high, num_mels + 2)
  else:
    low, high = _hz_to_slaney(np.array([fmin_hz, fmax_hz]))
    axis, edges = bins_hz, _slaney_to_hz(np.linspace(low, high, num_mels + 2))
  lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
  rising = (axis[:, None] - lower) / (centre - lower)
  falling = (upper - axis[:, None]) / (upper - centre)
  return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _hz_to_htk(hz: np.ndarray) -> np.ndarray:
  return 1127.0 * np.log1p(hz / 700.0)


def _htk_to_hz(mel: np.ndarray) -> np.ndarray:
  return 700.0 * np.expm1(mel / 1127.0)


# Slaney's scale: linear below 1 kHz (200/3 Hz per mel), logarithmic above (27 mels for a factor of
# 6.4).
_SLANEY_HZ_PER_MEL, _SLANEY_LOG_STEP, _SLANEY_KNEE_HZ = 200.0 / 3, np.log(6.4) / 27, 1000.0


def _hz_to_slaney(hz: np.ndarray) -> np.ndarray:
  knee = _SLANEY_KNEE_HZ / _SLANEY_HZ_PER_MEL
  above = knee + np.log(np.maximum(hz, 1e-9) / _SLANEY_KNEE_HZ) / _SLANEY_LOG_STEP
  return np.where(hz < _SLANEY_KNEE_HZ, hz / _SLANEY_HZ_PER_MEL, above)


def _slaney_to_hz(mel: np.ndarray) -> np.ndarray:
  knee = _SLANEY_KNEE_HZ / _SLANEY_HZ_PER_MEL
  above = _SLANEY_KNEE_HZ * np.exp((mel - knee) * _SLANEY_LOG_STEP)
  return np.where(mel < knee, mel * _SLANEY_HZ_PER_MEL, above)


_SCALES = {"htk": (_hz_to_htk, _htk_to_hz), "slaney": (_hz_to_slaney, _slaney_to_hz)}


def _require(name: str, value: Any, allowed: Collection) -> None:
  if value not in allowed:
    raise ValueError(f"{name}={value!r}: must be one of {', '.join(map(repr, allowed))}")


def _without_dtype(kwargs: dict[str, Any]) -> dict[str, Any]:
  """Drops the arguments of a saved layer that this layer sets by itself."""
  return {key: value for key, value in kwargs.items() if key not in ("dtype", "trainable")}
