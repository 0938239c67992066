"""A front end out of the JSON that it was saved as, with every number looked at first.

What a layer is built from ends in native code, some of which ends the process on sizes that no
front end has.
"""

import math
from collections.abc import Mapping
from typing import Any

import keras

from contrastive_audio.frontend.front_end import FrontEnd

_LARGEST = 1 << 24  # samples, bands or frames: 17 minutes at 16 kHz
_SIZES = ("sample_rate_hz", "frame_samples", "hop_samples", "fft_samples", "num_mels", "frames")
_SIZES_OR_NONE = ("shortest_samples", "hop_frames")
_NUMBERS = ("fmin_hz", "fmax_hz", "floor", "ceiling", "wave_epsilon", "mean", "std")


def open_front_end(saved: Mapping[str, Any]) -> FrontEnd:
  """Returns the front end that `keras.saving.serialize_keras_object` has saved.

  Args:
    saved: in JSON types.

  Raises:
    ValueError: it is none, or none that can exist.
    Exception: whatever Keras raises about what it does not know.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> saved = keras.saving.serialize_keras_object(FrontEnd(log_mel, 96, level="excerpt_l2"))
    >>> open_front_end(saved).num_samples
    15600
    >>> saved["config"]["log_mel"]["fft_samples"] = 0
    >>> open_front_end(saved)
    Traceback (most recent call last):
    ValueError: fft_samples=0
  """
  config = saved["config"]
  log_mel = config["log_mel"]
  _require_possible({**log_mel, **{name: config[name] for name in config if name != "log_mel"}})
  if not log_mel["frame_samples"] <= log_mel["fft_samples"]:
    raise ValueError(f"frame_samples={log_mel['frame_samples']}: longer than fft_samples")
  if not 0 <= log_mel["fmin_hz"] < log_mel["fmax_hz"] <= log_mel["sample_rate_hz"] / 2:
    raise ValueError(f"fmin_hz={log_mel['fmin_hz']}, fmax_hz={log_mel['fmax_hz']}")
  if config["frames"] * log_mel["hop_samples"] > _LARGEST:
    raise ValueError(f"frames={config['frames']}: too long")
  front_end = keras.saving.deserialize_keras_object(saved)
  if not isinstance(front_end, FrontEnd):
    raise ValueError(f"it is a {type(front_end).__name__}")
  return front_end


def _require_possible(fields: Mapping[str, Any]) -> None:
  for name in (*_SIZES, *_SIZES_OR_NONE):
    value = fields.get(name)
    may_lack = name in _SIZES_OR_NONE and value is None
    if not may_lack and not (type(value) is int and 1 <= value <= _LARGEST):
      raise ValueError(f"{name}={value!r}")
  for name in _NUMBERS:
    value = fields.get(name, 0.0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
      raise ValueError(f"{name}={value!r}")
  if not fields.get("std", 1.0) > 0:
    raise ValueError(f"std={fields['std']!r}")
