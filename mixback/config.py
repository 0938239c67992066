"""Every number of mix-back; defaults of the paper (P) or its released configuration (C)."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contrastive_audio.configuration import POSITIVES, SHORT_CLIPS, Deviation, Recipe
from contrastive_audio.errors import UserError
from contrastive_audio.views.system_config import SystemConfig

if TYPE_CHECKING:
  from contrastive_audio.frontend.clip_store import ClipStore
  from contrastive_audio.frontend.front_end import FrontEnd
  from contrastive_audio.frontend.log_mel import LogMel
  from contrastive_audio.views.excerpts import ExcerptPairs

MIXES = ("batch", "within_clip", "none")  # whose sounds become backgrounds
MIX_ENERGIES = ("foreground", "own")  # the energy that a background is brought to
ENCODERS = ("resnet18", "vgg_like", "crnn", "frame_cnn")


@dataclasses.dataclass(frozen=True)
class Config(SystemConfig):
  """A training of mix-back.

  Raises:
    UserError: a value is not allowed.

  Example:
    >>> Config(batch_size=2)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: mix=batch needs two other clips for each: ...
  """

  dataset: str = "fsdnoisy18k"  # P

  # Front end (C)
  sample_rate_hz: int = 22_050
  frame_samples: int = 660  # 30 ms
  hop_samples: int = 220  # 10 ms
  fft_samples: int = 2048
  num_mels: int = 96
  fmin_hz: float = 50.0
  fmax_hz: float = 10_500.0
  frames: int = 101  # 1 s: 24,048 samples of the clip, which is padded by reflection
  short_clips: str = "repeat"  # of clips shorter than 1 s, up to exactly 1 s; or "zeros", "tile"
  patch_hop_frames: int = 50  # between the patches by which a clip is evaluated
  clip_pooling: str = "windows"  # P: mean of patches' embeddings; or "windows_max", "clip": frames'
  mean: float | None = None  # of the log-mels of the training set; None: measured
  std: float | None = None  # as mean; the published code's is too small, see import_weights.py

  # Positives and mix-back (P 2)
  positives: str = "random"  # P; or "same", "separated"
  separation_frames: int = 101  # of "separated": the patches just do not overlap
  mix: str = "batch"  # P: other clips; or "within_clip", "none"
  mix_alpha: float = 0.05  # C: lambda ~ U(0, alpha)
  mix_energy: str = "foreground"  # P: backgrounds get the foreground's; or keep their "own"

  # Augmentations (C), see contrastive_audio.views.augment
  augment: str = "rrc,compress,noise"  # C; its README names SpecAugment, its code leaves it off

  # Encoder and head (C)
  encoder: str = "resnet18"  # or "vgg_like", "crnn"; not in the paper: "frame_cnn", keras:NAME, ...
  batchnorm_momentum: float = 0.9  # PyTorch's 0.1
  hidden_units: int = 512
  projection_units: int = 512
  temperature: float = 0.2

  # Training (C): SGD; or "adam", with decoupled weight decay, warm-up and a cosine to 0
  optimizer: str = "sgd"
  warm_up: float = 0.1  # of "adam": share of the steps
  learning_rate: float = 0.03
  momentum: float = 0.9
  weight_decay: float = 1e-4
  first_drop: float = 0.65  # share of the steps after which the rate is a tenth: epoch 325 of 500
  second_drop: float = 0.85  # share of the steps after which it is a hundredth: epoch 425 of 500
  batch_size: int = 128
  epochs: int = 500

  def __post_init__(self) -> None:
    super().__post_init__()
    self.require_front_end()
    self.require_training()
    self.require_at_least(1, "patch_hop_frames")
    self.require_at_least(0, "separation_frames")
    self.require_between(0, 1, "mix_alpha", "momentum", "first_drop", "second_drop")
    if self.first_drop > self.second_drop:
      raise UserError(
        f"first_drop={self.first_drop:g}: the first drop of the learning rate comes after the "
        f"second one (second_drop={self.second_drop:g})"
      )
    self.require_encoder(ENCODERS)
    self.require("optimizer", ("sgd", "adam"))
    self.require("positives", POSITIVES)
    self.require("mix", MIXES)
    self.require("mix_energy", MIX_ENERGIES)
    self.require("short_clips", SHORT_CLIPS)
    if self.mix == "batch" and self.batch_size < 3:
      raise UserError(
        "mix=batch needs two other clips for each, so batches of three at least: pass "
        "--batch_size=3 or more or, if there are only two clips, --mix=none"
      )
    if self.encoder == "crnn" and self.clip_pooling == "clip":
      raise UserError(
        "clip_pooling=clip: crnn goes through its frames in order, and its embedding is that of "
        "the last one: use clip_pooling=windows or windows_max"
      )

  @classmethod
  def fields_of_front_end(cls, saved: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields that make a front end, or a part of it, of what was saved of one.

    Args:
      saved: `get_config()` of a FrontEnd or LogMel, in JSON types.
    """
    fields = super().fields_of_front_end(saved)
    if "hop_frames" in saved:
      fields["patch_hop_frames"] = saved["hop_frames"]
    return fields

  def unused(self) -> dict[str, str]:
    """Returns the fields that have no effect beside the others: name -> why."""
    without, other = super().unused(), {"adam": "sgd", "sgd": "adam"}[self.optimizer]
    if self.mix == "none":
      without |= dict.fromkeys(("mix_alpha", "mix_energy"), "mix=none")
    if self.positives != "separated":
      without["separation_frames"] = f"it is of positives=separated, not {self.positives}"
    of_other = {"adam": ("warm_up",), "sgd": ("momentum", "first_drop", "second_drop")}[other]
    return without | dict.fromkeys(of_other, f"it is of optimizer={other}, not {self.optimizer}")

  def fixed_steps(self) -> str | None:
    """Returns why a training cannot go on beyond its last step; None if it can."""
    if self.optimizer == "adam":
      return "its learning rate falls to 0 at its last step (optimizer=adam)"
    if min(self.first_drop, self.second_drop) >= 1:
      return None
    drops = f"{100 * self.first_drop:g} % and {100 * self.second_drop:g} %"
    return f"its learning rate drops after {drops} of its steps"

  @property
  def chance(self) -> float:
    """The contrastive accuracy of an encoder that has learned nothing."""
    return 1 / (2 * self.batch_size - 1)  # all other views of the batch

  def log_mel(self) -> "LogMel":
    """Returns the configured LogMel layer."""
    from contrastive_audio.frontend.log_mel import LogMel  # late, because it imports TensorFlow

    return LogMel(
      sample_rate_hz=self.sample_rate_hz,
      window="hamming",
      frame_samples=self.frame_samples,
      hop_samples=self.hop_samples,
      fft_samples=self.fft_samples,
      padding="reflect",
      power=2,
      mel_scale="slaney",
      num_mels=self.num_mels,
      fmin_hz=self.fmin_hz,
      fmax_hz=self.fmax_hz,
      log_base="10",
      floor_mode="add",
      floor=1.1e-8,
      wave_epsilon=1.1e-8,
    )

  def front_end(self) -> "FrontEnd":
    """Returns the front end of training, monitor and export.

    It does not standardise the log-mels as long as mean and std are None.
    """
    from contrastive_audio.frontend.front_end import FrontEnd

    return FrontEnd(
      self.log_mel(),
      self.frames,
      level="clip_peak",
      short_clips=self.short_clips,
      shortest_samples=self.sample_rate_hz,  # C
      hop_frames=self.patch_hop_frames,
      mean=0.0 if self.mean is None else self.mean,
      std=1.0 if self.std is None else self.std,
      clip_pooling=self.clip_pooling,
    )

  def pairs(self, store: "ClipStore") -> "ExcerptPairs":
    """Returns the excerpts of each step: two of each clip, and two more for mix="within_clip".

    Args:
      store: the clips of the training.
    """
    from contrastive_audio.views.excerpts import ExcerptPairs, require_others

    require_others(store)
    return ExcerptPairs(
      store,
      self.batch_size,
      self.front_end().layout,
      self.seed,
      positives=self.positives,
      separation=self.separation_frames,
      backgrounds=self.mix == "within_clip",
      balance=self.balance,
      activity=self.activity(store),
    )


RECIPES: dict[str, Recipe] = {
  "paper": {},
  "all": {
    "augment": Deviation(
      "all", "with SpecAugment, which the paper considers; its code leaves it off"
    ),
  },
  "quick": {
    "encoder": Deviation("vgg_like", "a small network for a small set"),
    "batch_size": Deviation(16, "small sets lack clips, two cores lack time"),
    "steps": Deviation(100, "minutes on two cores"),
    "monitor_every": Deviation(50, "a curve to look at"),
  },
}

# As in cola/config.py: each field has a reason; only `clip_pooling` was measured alone.
RECIPES["small"] = {
  "encoder": Deviation("frame_cnn", "small and fast; never averages over frequency"),
  "augment": Deviation(
    "pitch_shift,level,equalise", "pitch, level and colour give a recording away"
  ),
  "projection_units": Deviation(128, "enough for a batch of 64"),
  "optimizer": Deviation("adam", "few steps"),
  "learning_rate": Deviation(1e-3, "of Adam"),
  "batch_size": Deviation(64, "small sets lack clips"),
  "steps": Deviation(400, "minutes on two cores"),
  "clip_pooling": Deviation("windows_max", "+3.9 points on tasks of development (evaluation.md)"),
  "monitor_every": Deviation(100, "a curve to look at"),
}

# As in cola/config.py: for going on from weights; no value was measured yet.
RECIPES["adapt"] = {
  **{
    name: Deviation(RECIPES["small"][name].value, "as in small; not measured here yet")
    for name in ("augment", "projection_units", "batch_size", "steps", "monitor_every")
  },
  "optimizer": Deviation(
    "adam", "as in small, with its warm-up over a tenth of the steps; not measured here yet"
  ),
  "learning_rate": Deviation(
    3e-4, "a third of small's: the weights should adapt, not be lost; not measured yet"
  ),
}

SMALL_DATA_SET_CLIPS = 5_000  # with fewer, `small` is the default; the paper's set has 15,813


def default_recipe(num_clips: int) -> str:
  """Returns the name of the default recipe for a data set.

  Args:
    num_clips: clips of the data set.

  Example:
    >>> default_recipe(400), default_recipe(15_813)
    ('small', 'paper')
  """
  return "small" if num_clips < SMALL_DATA_SET_CLIPS else "paper"
