"""What a training on several replicas sends and holds, in numbers; see docs/scaling.md.

Letters: R replicas, G clips of all replicas, B = G / R clips of one replica, E excerpts of a clip,
N samples of an excerpt, T frames, F mel bands, P units of a projection.
"""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  import cola.config
  import mixback.config
  from contrastive_audio.training.contrastive import ContrastiveModel

FLOAT_BYTES = 4
PCM_BYTES = 2


@dataclasses.dataclass(frozen=True)
class Training:
  """The sizes of a training.

  Attributes:
    weights: trained weights of encoder and head.
    normalised_channels: channels of all BatchNorm layers, summed.
    normalisation_layers: number of BatchNorm layers, times the passes of a step.
    projection_units: P.
    gathers: arrays `[B, P]` that each replica sends to all: 1 for COLA in one direction, else 2.
    mixed_floats: floats of a clip that are sent to all because clips are mixed: 2 * T * F or 0.
    excerpts: E.
    excerpt_samples: N.

  Example:
    >>> training = Training(
    ...   weights=100,
    ...   normalised_channels=6,
    ...   normalisation_layers=2,
    ...   projection_units=3,
    ...   gathers=1,
    ...   mixed_floats=0,
    ...   excerpts=2,
    ...   excerpt_samples=10,
    ... )
    >>> messages(training)
    15
  """

  weights: int
  normalised_channels: int
  normalisation_layers: int
  projection_units: int
  gathers: int
  mixed_floats: int
  excerpts: int
  excerpt_samples: int


def of_model(
  model: "ContrastiveModel", config: "cola.config.Config | mixback.config.Config"
) -> Training:
  """Returns the sizes of a model's training.

  Args:
    model: built.
    config: its configuration.

  Example:
    >>> from benchmarks.lib import systems
    >>> config = systems.recipe_config("cola", "small", mean=0.0, std=1.0)
    >>> training = of_model(systems.model_builder("cola")(config), config)
    >>> training.projection_units, training.gathers
    (128, 1)
  """
  mixes = getattr(config, "mix", "none") == "batch"
  layers = [*model.encoder.layers, *model.head.layers]
  normalisation = [layer for layer in layers if type(layer).__name__ == "BatchNormalization"]
  passes = 2 if model.separate_passes else 1
  return Training(
    weights=sum(int(w.value.shape.num_elements()) for w in model.trainable_weights),
    normalised_channels=passes * sum(layer.moving_mean.shape[0] for layer in normalisation),
    normalisation_layers=passes * len(normalisation),
    projection_units=config.projection_units,
    gathers=getattr(config, "directions", 2),
    mixed_floats=2 * config.frames * config.num_mels if mixes else 0,
    excerpts=2,
    excerpt_samples=config.front_end().num_samples,
  )


def sent_bytes(training: Training, batch_size: int, replicas: int) -> dict[str, int]:
  """Returns what all replicas together send in a step, in bytes (rings, float32).

  Gathering `[B, P]` to all sends each row R - 1 times; its gradient is a sum of `[G, P]`. A sum of
  n floats over R replicas sends 2 (R - 1) n floats. BatchNorm sums three arrays forward (sum, sum
  of squares, count) and two backward.

  Args:
    training: its sizes.
    batch_size: G.
    replicas: R.

  Returns:
    What is sent -> bytes.

  Example:
    >>> training = Training(100, 6, 2, 3, 1, 0, 2, 10)
    >>> sent_bytes(training, batch_size=8, replicas=2)["gradients of the weights"]
    800
  """
  others = replicas - 1
  rows = batch_size * training.projection_units * training.gathers
  floats = {
    "projections": others * rows,
    "their gradients": 2 * others * rows,
    "backgrounds": others * batch_size * training.mixed_floats,
    "gradients of the weights": 2 * others * training.weights,
    "BatchNorm": 2 * others * 5 * training.normalised_channels,
  }
  return {name: FLOAT_BYTES * count for name, count in floats.items()}


def messages(training: Training) -> int:
  """Returns how many collective operations a step waits for, one after the other.

  Args:
    training: its sizes.

  Example:
    >>> messages(Training(100, 6, 2, 3, 1, 0, 2, 10))  # 5 per BatchNorm layer, 2 per gather, 3
    15
  """
  return 5 * training.normalisation_layers + 2 * training.gathers + 3


def logits_bytes(batch_size: int, replicas: int, views: int = 1, block: int = 0) -> int:
  """Returns the size of one replica's logits, in bytes.

  Args:
    batch_size: G.
    replicas: R.
    views: rows of a clip: 1 for COLA, 2 for NT-Xent.
    block: rows that are in memory at once; 0: all.

  Example:
    >>> logits_bytes(1024, replicas=8), logits_bytes(1024, replicas=8, block=64)
    (524288, 262144)
  """
  rows = batch_size // replicas * views
  return FLOAT_BYTES * min(rows, block or rows) * batch_size * views


def input_bytes_per_s(training: Training, pairs_per_s: float) -> float:
  """Returns what a host reads from its store, in bytes per second.

  Args:
    training: its sizes.
    pairs_per_s: of all replicas of the host.

  Example:
    >>> input_bytes_per_s(Training(100, 6, 2, 3, 1, 0, 2, 10), pairs_per_s=5.0)
    200.0
  """
  return PCM_BYTES * training.excerpts * training.excerpt_samples * pairs_per_s


def epoch_hours(
  clips: int,
  pairs_per_s_of_one: float,
  replicas: int,
  batch_size: int,
  step_wait_s: float = 0.0,
) -> float:
  """Returns the hours of an epoch.

  Args:
    clips: of the data set.
    pairs_per_s_of_one: pairs per second of one replica by itself.
    replicas: R.
    batch_size: G.
    step_wait_s: seconds of each step in which replicas wait for each other.

  Example:
    >>> epoch_hours(3600, 1.0, replicas=2, batch_size=60)
    0.5
  """
  step_s = batch_size / replicas / pairs_per_s_of_one + step_wait_s
  return clips / batch_size * step_s / 3600
