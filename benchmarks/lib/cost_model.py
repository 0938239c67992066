"""What a training of several replicas moves and holds, in numbers; see docs/scaling.md.

Letters: R replicas, G clips of all replicas, B = G / R of one.
"""

import dataclasses

FLOAT_BYTES = 4
PCM_BYTES = 2


@dataclasses.dataclass(frozen=True)
class Training:
  """The sizes of a training.

  Attributes:
    weights: trained weights of encoder and head.
    normalised_channels: channels of all BatchNorm layers, summed.
    normalisation_layers: how many layers there are, times the passes of a step.
    projection_units: P.
    gathers: arrays `[B, P]` that each replica sends to all: 1 for COLA in one direction, else 2.
    mixed_floats: floats of a clip that are sent to all because clips are mixed: 2 * T * F or 0.
    excerpts: E, of a clip.
    excerpt_samples: N.
  """

  weights: int
  normalised_channels: int
  normalisation_layers: int
  projection_units: int
  gathers: int
  mixed_floats: int
  excerpts: int
  excerpt_samples: int


def of_model(model, config):
  """Returns the Training of a contrastive.ContrastiveModel and its configuration."""
  mixes = getattr(config, "mix", "none") == "batch"
  layers = [*model.encoder.layers, *model.head.layers]
  normalisation = [layer for layer in layers if type(layer).__name__ == "BatchNormalization"]
  passes = 2 if model.separate_passes else 1
  return Training(
    weights=sum(int(v.shape.num_elements()) for v in (w.value for w in model.trainable_weights)),
    normalised_channels=passes * sum(layer.moving_mean.shape[0] for layer in normalisation),
    normalisation_layers=passes * len(normalisation),
    projection_units=config.projection_units,
    gathers=getattr(config, "directions", 2),
    mixed_floats=2 * config.frames * config.num_mels if mixes else 0,
    excerpts=2,
    excerpt_samples=config.front_end().num_samples,
  )


def sent_bytes(training, batch_size, replicas):
  """Returns what -> bytes that all replicas together send in a step (rings, float32).

  Gathering `[B, P]` to all sends each row R - 1 times; its gradient is a sum of `[G, P]`. A sum of
  n floats over R replicas sends 2 (R - 1) n floats. BatchNorm sums three arrays forward (sum, sum
  of squares, count) and two backward.
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
  return {what: FLOAT_BYTES * count for what, count in floats.items()}


def messages(training):
  """Returns how many collective operations a step waits for, one after the other."""
  return 5 * training.normalisation_layers + 2 * training.gathers + 3


def logits_bytes(batch_size, replicas, views=1, block=0):
  """Returns bytes of the logits of one replica; views: 1 for COLA, 2 for NT-Xent."""
  rows = batch_size // replicas * views
  return FLOAT_BYTES * min(rows, block or rows) * batch_size * views


def input_bytes_per_s(training, pairs_per_s):
  """Returns what a host reads from its store, bytes/s, for the pairs/s of its replicas."""
  return PCM_BYTES * training.excerpts * training.excerpt_samples * pairs_per_s


def epoch_hours(clips, pairs_per_s_of_one, replicas, batch_size, step_wait_s=0.0):
  """Returns hours of an epoch, when replicas wait for each other `step_wait_s` in each step."""
  step_s = batch_size / replicas / pairs_per_s_of_one + step_wait_s
  return clips / batch_size * step_s / 3600
