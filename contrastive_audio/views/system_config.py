"""What training reads of the configuration of a system; without TensorFlow."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contrastive_audio.configuration import CLIP_POOLINGS
from contrastive_audio.errors import UserError
from contrastive_audio.views.augmentation_config import AUGMENTATIONS, AugmentConfig, parse_augment

PIECE_EXCERPTS = 1.5  # the shortest `piece_s`: see store.pieces, which round to whole pieces

if TYPE_CHECKING:
  from contrastive_audio.frontend.clip_store import ClipStore
  from contrastive_audio.frontend.front_end import FrontEnd
  from contrastive_audio.frontend.log_mel import LogMel
  from contrastive_audio.views.activity import Activity
  from contrastive_audio.views.excerpts import ExcerptPairs


@dataclasses.dataclass(frozen=True)
class SystemConfig(AugmentConfig):
  """The base of the configurations of all systems, such as `cola.config.Config`.

  A system adds fields, at least those that RunConfig announces, and implements these methods.

  Example:
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config(SystemConfig):
    ...   sample_rate_hz: int = 16_000
    ...   batch_size: int = 1024
    >>> Config(precision="mixed_bfloat16").batch_size
    1024
  """

  if TYPE_CHECKING:
    # For type checkers only, as in RunConfig.
    frame_samples: int = 0
    hop_samples: int = 0
    fft_samples: int = 0
    frames: int = 0
    num_mels: int = 0
    fmin_hz: float = 0.0
    fmax_hz: float = 0.0
    clip_pooling: str = ""

  def require_front_end(self) -> None:
    """Raises a UserError unless the fields of the front end fit together."""
    self.require_at_least(1, "sample_rate_hz", "frame_samples", "hop_samples", "num_mels", "frames")
    self.require_at_least(self.frame_samples, "fft_samples")
    self.require_between(0, self.sample_rate_hz / 2, "fmin_hz", "fmax_hz")
    self.require_positive("std")
    self.require_between(-1e6, 1e6, "mean")
    if (self.mean is None) != (self.std is None):
      raise UserError("mean and std: set both, or neither, and both are measured")
    self.require("clip_pooling", CLIP_POOLINGS)
    self._require_masks_within_excerpts()
    excerpt_s = self.frames * self.hop_samples / self.sample_rate_hz
    if 0 < self.piece_s < PIECE_EXCERPTS * excerpt_s:
      raise UserError(
        f"piece_s={self.piece_s:g}: pieces may be a third shorter than that, and an excerpt has "
        f"{excerpt_s:.2f} s: use at least {PIECE_EXCERPTS * excerpt_s:.2f}; 0 takes whole clips"
      )
    if self.fmin_hz >= self.fmax_hz:
      raise UserError(f"fmin_hz={self.fmin_hz:g}: must be below fmax_hz={self.fmax_hz:g}")

  def unused(self) -> dict[str, str]:
    """Returns the fields that have no effect beside the others: name -> why."""
    views = parse_augment(self.augment)
    without = {
      field: f"augment={self.augment} has no {name}"
      for name, arguments in AUGMENTATIONS.items()
      for field in arguments.values()
      if name not in views
    }
    if self.encoder != "frame_cnn":
      why = f"it is of frame_cnn, and encoder={self.encoder}"
      without |= dict.fromkeys(("encoder_width", "head_input"), why)
    return without

  @property
  def is_own_encoder(self) -> bool:
    """Whether the encoder is a function of the user."""
    return ":" in self.encoder and not self.encoder.startswith("keras:")

  def _require_masks_within_excerpts(self) -> None:
    """Raises a UserError if a mask of SpecAugment could be wider than what it masks."""
    if "specaugment" not in parse_augment(self.augment):
      return
    limits = {"mask_frames_max": self.frames + 1, "mask_bands_max": self.num_mels + 1}
    for name, limit in limits.items():
      if getattr(self, name) > limit:
        raise UserError(
          f"{name}={getattr(self, name)}: masks are narrower than that, and at most as wide as the "
          f"excerpt: {name}={limit} would do"
        )

  def require_training(self) -> None:
    """Raises a UserError unless the fields of the optimisation make sense."""
    self.require_at_least(2, "batch_size")  # a pair needs another clip as its negative
    self.require_at_least(1, "epochs", "projection_units", "hidden_units")
    self.require_at_least(0, "learning_rate", "weight_decay")
    self.require_positive("temperature")
    self.require_between(0, 1, "batchnorm_momentum", "warm_up")
    self._require_equal_parts()

  def _require_equal_parts(self) -> None:
    """Raises a UserError unless microbatches of one size make up a batch."""
    size, whole = self.microbatch, self.batch_size
    if not 0 < size < whole or whole % size == 0:
      return
    fitting = [divisor for divisor in range(2, whole + 1) if whole % divisor == 0]
    below = [divisor for divisor in fitting if divisor < size][-1:]
    above = [divisor for divisor in fitting if divisor > size][:1]
    raise UserError(
      f"microbatch={size}: batch_size={whole} is no multiple of it; "
      f"{' or '.join(map(str, below + above))} would do"
    )

  def require_encoder(self, names: Sequence[str]) -> None:
    """Raises a UserError unless the encoder is known, or may be a network of others.

    Args:
      names: of the encoders of the system.
    """
    if self.encoder in names or re.fullmatch(r"[^\W\d][\w.]*:[^\W\d]\w*", self.encoder):
      return
    raise UserError(
      f"encoder={self.encoder!r}: must be one of {', '.join(names)}, or keras:NAME for one of "
      "keras.applications, or module:function for your own"
    )

  @classmethod
  def fields_of_front_end(cls, saved: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields that make a front end, or a part of it, of what was saved of one.

    Args:
      saved: `get_config()` of a FrontEnd or LogMel, in JSON types.
    """
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: value for name, value in saved.items() if name in names}

  def fixed_steps(self) -> str | None:
    """Returns why a training cannot go on beyond its last step; None if it can."""
    return None

  @property
  def chance(self) -> float:
    """The contrastive accuracy of an encoder that has learned nothing."""
    return 1 / self.batch_size

  def log_mel(self) -> "LogMel":
    """Returns the log-mel layer."""
    raise NotImplementedError

  def front_end(self) -> "FrontEnd":
    """Returns the front end of training, monitoring and export."""
    raise NotImplementedError

  def activity(self, store: "ClipStore") -> "Activity | None":
    """Returns how likely excerpts are at each place of the clips; None: all places are alike.

    Args:
      store: the training clips.
    """
    if not self.active:
      return None
    from contrastive_audio.views.activity import Activity  # late, as the front end

    return Activity(store, self.front_end().layout, self.sample_rate_hz)

  def pairs(self, store: "ClipStore") -> "ExcerptPairs":
    """Returns the excerpts of each step.

    Args:
      store: the training clips.
    """
    raise NotImplementedError
