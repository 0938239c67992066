"""Every number of COLA; the defaults are the paper's (P) or, where it is silent, its code's (C)."""

import dataclasses
from typing import TYPE_CHECKING

from contrastive_audio.configuration import INPUT_SCALINGS, SHORT_CLIPS, Deviation, Recipe
from contrastive_audio.views.system_config import SystemConfig

if TYPE_CHECKING:
  from contrastive_audio.frontend.clip_store import ClipStore
  from contrastive_audio.frontend.front_end import FrontEnd
  from contrastive_audio.frontend.log_mel import LogMel
  from contrastive_audio.views.excerpts import ExcerptPairs

ENCODERS = ("efficientnet_b0", "frame_cnn")
SIMILARITIES = ("bilinear", "cosine")


@dataclasses.dataclass(frozen=True)
class Config(SystemConfig):
  """A training of COLA.

  Example:
    >>> config = Config(similarity="cosine")
    >>> config.batch_size, config.learning_rate  # the paper
    (1024, 0.0001)
  """

  dataset: str = "audioset"  # P 3.1

  # Front end (P 3.2)
  sample_rate_hz: int = 16_000  # C
  frame_samples: int = 400  # P: 25 ms
  hop_samples: int = 160  # P: 10 ms
  fft_samples: int = 1024  # C
  num_mels: int = 64  # P
  fmin_hz: float = 60.0  # P
  fmax_hz: float = 7800.0  # P
  frames: int = 96  # P: T = 96, "960 ms"; 15,600 samples
  short_clips: str = "zeros"  # C: zeros on both sides; or "tile", "repeat"
  clip_pooling: str = "windows"  # P: mean of windows' embeddings; or "windows_max", "clip": frames'
  mean: float | None = 0.0  # of the log-mels, subtracted (P: nothing is); None: measured
  std: float | None = 1.0  # the log-mels are divided by it (P: they are not); None: measured

  # Encoder and head (P 2)
  encoder: str = "efficientnet_b0"  # P; or "frame_cnn", "keras:NAME", "module:function"
  pooling: str = "max"  # P: global max pooling, 1280-d
  input_scaling: str = "keras"  # C: Keras' EfficientNet divides its input by 255; "none" undoes it
  batchnorm_momentum: float = 0.99  # C: Keras' default
  head: str = "dense"  # P: with LayerNorm and tanh for "bilinear"; or "plain", without; or "mlp"
  hidden_units: int = 512  # of "mlp"
  projection_units: int = 512  # P
  similarity: str = "bilinear"  # P; or "cosine"
  temperature: float = 0.2  # P, of "cosine"; "bilinear" has none
  directions: int = 1  # P: anchors look for positives; 2: positives also look for anchors

  # Training
  learning_rate: float = 1e-4  # P: Adam; the published flag says 1e-3
  warm_up: float = 0.0  # P: constant rate; else share of steps of a warm-up, then a cosine to 0
  weight_decay: float = 0.0  # P: none; decoupled, without biases and normalisation layers
  batch_size: int = 1024  # P 3.3: best of 256 ... 2048
  epochs: int = 500  # P, which has passes over AudioSet; C has epoch_steps=1000

  def __post_init__(self) -> None:
    super().__post_init__()
    self.require_front_end()
    self.require_training()
    self.require_encoder(ENCODERS)
    self.require("head", ("dense", "plain", "mlp"))
    self.require("directions", (1, 2))
    self.require("input_scaling", INPUT_SCALINGS)
    self.require("pooling", ("max", "avg"))
    self.require("short_clips", SHORT_CLIPS)
    self.require("similarity", SIMILARITIES)

  def unused(self) -> dict[str, str]:
    """Returns the fields that have no effect beside the others: name -> why."""
    without, network = super().unused(), f"encoder={self.encoder} does without it"
    if self.similarity == "bilinear":
      without["temperature"] = "it is of similarity=cosine"
    if self.head != "mlp":
      of_mlp = dict.fromkeys(
        ("hidden_units", "head_input"), f"it is of head=mlp, and head={self.head}"
      )
      without |= of_mlp
    if self.encoder != "efficientnet_b0":
      without["input_scaling"] = network
    if self.encoder == "frame_cnn" or self.is_own_encoder:
      without["pooling"] = network
    if self.is_own_encoder and self.head != "mlp":
      without["batchnorm_momentum"] = network
    return without

  def fixed_steps(self) -> str | None:
    """Returns why a training cannot go on beyond its last step; None if it can."""
    if not self.warm_up:
      return None
    return f"its learning rate falls to 0 at its last step (warm_up={self.warm_up:g})"

  def log_mel(self) -> "LogMel":
    """Returns the configured LogMel layer."""
    from contrastive_audio.frontend.log_mel import LogMel  # late, because it imports TensorFlow

    return LogMel(
      sample_rate_hz=self.sample_rate_hz,
      window="hann",  # C
      frame_samples=self.frame_samples,
      hop_samples=self.hop_samples,
      fft_samples=self.fft_samples,
      padding="none",  # C
      power=1,  # C: magnitude
      mel_scale="htk",  # C
      num_mels=self.num_mels,
      fmin_hz=self.fmin_hz,
      fmax_hz=self.fmax_hz,
      log_base="e",  # C
      floor_mode="clip",  # C
      floor=1e-5,  # C
      ceiling=1e8,  # C
    )

  def front_end(self) -> "FrontEnd":
    """Returns the front end of training, monitor and export; it l2-normalises each excerpt.

    The published code normalises in three different ways, this project in one.
    """
    from contrastive_audio.frontend.front_end import FrontEnd

    return FrontEnd(
      self.log_mel(),
      self.frames,
      level="excerpt_l2",
      short_clips=self.short_clips,
      mean=0.0 if self.mean is None else self.mean,
      std=1.0 if self.std is None else self.std,
      clip_pooling=self.clip_pooling,
    )

  def pairs(self, store: "ClipStore") -> "ExcerptPairs":
    """Returns the excerpts of each step: two of each clip, their starts uniform (P 2).

    Args:
      store: the clips of the training.
    """
    from contrastive_audio.views.excerpts import ExcerptPairs, require_others

    layout, activity = self.front_end().layout, self.activity(store)
    require_others(store)
    return ExcerptPairs(
      store, self.batch_size, layout, self.seed, balance=self.balance, activity=activity
    )


# Each field has a reason; only `clip_pooling` and pitch_shift of `small` have been measured by
# themselves.
RECIPES: dict[str, Recipe] = {
  "paper": {},
  "quick": {
    "batch_size": Deviation(32, "half a second a step on two cores; small sets lack 1024 clips"),
    "steps": Deviation(150, "a minute or two on two cores"),
    "learning_rate": Deviation(1e-3, "few steps; the default of the published code"),
    "similarity": Deviation(
      "cosine", "the first bilinear logits deviate by 10, which takes long to unlearn"
    ),
    "input_scaling": Deviation("none", "the first layers get inputs of the expected size"),
    "batchnorm_momentum": Deviation(
      0.9, "with 0.99, inference mode lags hundreds of steps behind training mode"
    ),
    "monitor_every": Deviation(50, "a curve to look at"),
  },
}

# docs/learning-from-little-audio.md has what the recipe reaches as a whole, and the command that
# measures what a field contributes.
RECIPES["small"] = {
  "encoder": Deviation("frame_cnn", "small and fast; never averages over frequency"),
  "short_clips": Deviation("tile", "the silence around a short clip gives it away"),
  "mean": Deviation(None, "of the training clips: inputs of mean 0 and deviation 1"),
  "std": Deviation(None, "as the mean"),
  "augment": Deviation(
    "pitch_shift,level,equalise,specaugment", "pitch, level and colour give a recording away"
  ),
  "masks": Deviation(1, "one of each kind, so that the pretext task is not too easy"),
  "mask_frames_max": Deviation(24, "up to a quarter of the frames"),
  "mask_bands_max": Deviation(12, "up to a fifth of the bands"),
  "mask_fill": Deviation("mean", "the minimum depends on the noise of the recording"),
  "batchnorm_momentum": Deviation(0.9, "inference mode catches up within few steps"),
  "head": Deviation("mlp", "what only the pretext task needs stays in the head"),
  "projection_units": Deviation(128, "enough for a batch of 64"),
  "similarity": Deviation("cosine", "few steps, as in quick"),
  "learning_rate": Deviation(1e-3, "few steps"),
  "batch_size": Deviation(64, "small sets lack 1024 clips"),
  "steps": Deviation(400, "a minute or two on two cores"),
  "clip_pooling": Deviation("windows_max", "+3.4 points on tasks of development (evaluation.md)"),
  "monitor_every": Deviation(100, "a curve to look at"),
}

# For a pool of many collections; the recipe of the preset `general`, whose tables are in
# docs/general.md. What single choices are worth: `benchmarks.general_encoder --variants`.
RECIPES["general"] = {
  **{
    name: Deviation(RECIPES["small"][name].value, "as in small")
    for name in (
      *("encoder", "short_clips", "mean", "std", "augment", "masks", "mask_bands_max"),
      *("mask_fill", "batchnorm_momentum", "head", "projection_units", "similarity"),
      "learning_rate",
    )
  },
  "frames": Deviation(192, "two seconds: more of a sound in each view"),
  "mask_frames_max": Deviation(48, "as in small, up to a quarter of the frames"),
  "pitch_bands_max": Deviation(8, "instruments gain, speakers lose nothing"),
  "encoder_width": Deviation(2, "perhaps 1.6 points more than 1; 0.6 M weights"),
  "head_input": Deviation("all", "the loss reaches all of the embedding: 0.9 points"),
  "hidden_units": Deviation(256, "the head takes 5120 inputs; half as large a file"),
  "clip_pooling": Deviation("clip", "statistics and maxima over all frames of a clip"),
  "batch_size": Deviation(96, "more negatives than in small"),
  "steps": Deviation(2000, "under half an hour on two idle cores"),
  "monitor_every": Deviation(500, "a curve to look at"),
}

# For going on from weights (--init), the default there. Front end, encoder and head are those of
# the source, whatever a recipe says. Views and batches are those of `small`. What it is worth as a
# whole is in docs/presets.md; no field has been measured by itself.
RECIPES["adapt"] = {
  **{
    name: Deviation(RECIPES["small"][name].value, "as in small; not measured here yet")
    for name in (
      *("mean", "std", "augment", "masks", "mask_frames_max", "mask_bands_max", "mask_fill"),
      *("batchnorm_momentum", "head", "projection_units", "similarity", "batch_size", "steps"),
      "monitor_every",
    )
  },
  "learning_rate": Deviation(
    3e-4, "a third of small's: the weights should adapt, not be lost; not measured yet"
  ),
  "warm_up": Deviation(
    0.1, "Adam's first steps are the largest, and its averages are empty; not measured yet"
  ),
}

SMALL_DATA_SET_CLIPS = 20_000  # with fewer (20 batches of the paper), `small` is the default


def default_recipe(num_clips: int) -> str:
  """Returns the name of the default recipe for a data set.

  Args:
    num_clips: clips of the data set.

  Example:
    >>> default_recipe(400), default_recipe(2_000_000)
    ('small', 'paper')
  """
  return "small" if num_clips < SMALL_DATA_SET_CLIPS else "paper"
