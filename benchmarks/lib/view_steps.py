"""Each step of mix-back's views, with an input that is computed beforehand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ALL_STEPS = "all of recipe paper"


class Step(NamedTuple):
  """A step of the views.

  Attributes:
    function: `(input, seed [2]) -> output`, all of TensorFlow.
    batch: its input.
  """

  function: Callable
  batch: object


def make_steps(batch_size: int) -> dict[str, Step]:
  """Returns each step of the views by its name, and ALL_STEPS."""
  import tensorflow as tf

  from contrastive_audio.frontend.front_end import energies_by_clip
  from contrastive_audio.views import augment
  from contrastive_audio.views.augmentation_config import AUGMENTATIONS
  from mixback import silence
  from mixback.config import Config
  from mixback.model import make_views, mix

  config = Config(augment="all")
  front_end = config.front_end()
  log_mel, find_silence = front_end.log_mel, silence.detector(front_end)
  rng = np.random.default_rng(0)
  waves = tf.constant(rng.normal(0, 0.1, [batch_size, 2, front_end.num_samples]), tf.float32)
  energies = front_end.energies(waves)
  log_mels = tf.reshape(log_mel.compress(energies), [-1, config.frames, config.num_mels])
  steps = {
    "mel energies (STFT, filters)": Step(lambda x, seed: energies_by_clip(front_end, x), waves),
    "mix-back": Step(lambda x, seed: mix(config, x[1], find_silence(*x), seed), (waves, energies)),
    "logarithm": Step(lambda x, seed: log_mel.compress(x), energies),
  }
  for name in AUGMENTATIONS:
    steps[name] = Step(augment.augmentation(config, name), log_mels)
  return steps | {ALL_STEPS: Step(make_views(Config()), waves)}


def on_device(step: Step) -> Callable[[int], np.ndarray]:
  """Returns what computes a step as train_step does; takes the number of the call as a seed."""
  import tensorflow as tf

  compiled = tf.function(step.function)
  return lambda number: compiled(step.batch, tf.constant([0, number])).numpy()
