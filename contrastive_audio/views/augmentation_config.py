"""The numbers of all augmentations, and what --augment may name; without TensorFlow."""

import dataclasses

from contrastive_audio.configuration import RunConfig
from contrastive_audio.errors import UserError

# Augmentation -> its arguments -> the configuration fields that hold their values. Augmentations
# are applied in this order: that of the published code of mix-back, with level, fader and equalise
# before anything is hidden.
AUGMENTATIONS = {
  "time_shift": {"shift_frames_max": "shift_frames_max"},
  "frequency_shift": {"shift_bands_max": "shift_bands_max"},
  "pitch_shift": {"bands_max": "pitch_bands_max"},
  "rrc": {"scale_min": "crop_scale_min", "ratio_max": "crop_ratio_max"},
  "compress": {"gain_min": "compress_gain_min"},
  "level": {"db_max": "level_db_max"},
  "fader": {"db_max": "fader_db_max"},
  "equalise": {"db_std": "equaliser_db_std", "knots": "equaliser_knots"},
  "specaugment": {
    "mask_frames_max": "mask_frames_max",
    "mask_bands_max": "mask_bands_max",
    "masks": "masks",
    "fill": "mask_fill",
  },
  "noise": {"std_max": "noise_std_max"},
}
ALL = "rrc,compress,noise,specaugment"  # of mix-back's paper


@dataclasses.dataclass(frozen=True)
class AugmentConfig(RunConfig):
  """The numbers of all augmentations; (C): of mix-back's released configuration.

  Example:
    >>> AugmentConfig(augment="echo")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: augment='echo': no augmentation is called echo; ...
  """

  augment: str = "none"  # names separated by commas, in any order; "all" or "none"
  crop_scale_min: float = 0.8  # rrc: smallest share of the area, up to 1 (C)
  crop_ratio_max: float = 4 / 3  # rrc: bands to frames of the crop, down to the inverse (C)
  compress_gain_min: float = 0.75  # compress: smallest gain on the log-mel, up to 1 (C)
  level_db_max: float = 13.0  # level: largest change, louder or quieter
  fader_db_max: float = 9.0  # fader: largest change at each end, louder or quieter
  equaliser_db_std: float = 4.5  # equalise: standard deviation of the gains
  equaliser_knots: int = 6  # equalise: points along the bands at which gains are drawn
  noise_std_max: float = 0.01  # noise: largest standard deviation on the log-mel, from 0 (C)
  mask_frames_max: int = 20  # specaugment: widest mask in time, exclusive (C)
  mask_bands_max: int = 20  # specaugment: widest mask in frequency, exclusive (C)
  masks: int = 2  # specaugment: masks of each kind (C)
  mask_fill: str = "minimum"  # specaugment: masked values become the patch's minimum (C) or "mean"
  shift_frames_max: int = 30  # time_shift: largest shift, exclusive (C)
  shift_bands_max: int = 10  # frequency_shift: largest shift, exclusive (C)
  pitch_bands_max: int = 5  # pitch_shift: largest shift, up or down

  def __post_init__(self) -> None:
    super().__post_init__()
    self.require("mask_fill", ("minimum", "mean"))
    parse_augment(self.augment)
    self.require_between(0, 1, "crop_scale_min", "compress_gain_min")
    self.require_at_least(1, "crop_ratio_max", "equaliser_knots")
    self.require_at_least(1, "mask_frames_max", "mask_bands_max")  # exclusive, as the shifts
    self.require_at_least(2, "shift_frames_max", "shift_bands_max")  # a shift of 1, at least
    self.require_at_least(0, "level_db_max", "fader_db_max", "equaliser_db_std")
    self.require_at_least(0, "noise_std_max", "masks", "pitch_bands_max")


def parse_augment(text: str) -> list[str]:
  """Returns the names of a composition, in the order in which they are applied.

  Args:
    text: names separated by commas; "all" or "none".

  Raises:
    UserError: an unknown name.

  Example:
    >>> parse_augment("noise,rrc")
    ['rrc', 'noise']
  """
  names = {name.strip() for name in {"all": ALL, "none": ""}.get(text, text).split(",")} - {""}
  if unknown := names - AUGMENTATIONS.keys():
    raise UserError(
      f"augment={text!r}: no augmentation is called {', '.join(sorted(unknown))}; there are "
      f"{', '.join(AUGMENTATIONS)}, and all, none"
    )
  return [name for name in AUGMENTATIONS if name in names]
