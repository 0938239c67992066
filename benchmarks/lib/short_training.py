"""A training of some steps on the synthetic set, whose losses are kept."""

import dataclasses
import functools
import time

import numpy as np

from benchmarks.lib import systems


@dataclasses.dataclass(frozen=True)
class ShortTraining:
  """What some steps gave.

  Attributes:
    losses: of each step.
    not_finite: steps whose loss or gradient is not finite.
    pairs_per_s: of the steps after the first, which traces and compiles; of it, if there is no
      other.
  """

  losses: tuple[float, ...]
  not_finite: int
  pairs_per_s: float


def train(system: str, config, jit_compile: bool = False) -> ShortTraining:
  """Trains on the synthetic set, with its own mean and standard deviation.

  Args:
    system: one of systems.SYSTEMS.
    config: of the system.
    jit_compile: whether XLA compiles the step.

  Example:
    >>> len(train("cola", systems.recipe_config("cola", "small", steps=2, batch_size=4)).losses)
    2
  """
  import tensorflow as tf

  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.training import building

  store, mean, std = _measured_store(dataclasses.replace(config, precision="float32"))
  config = dataclasses.replace(config, mean=mean, std=std)
  model = building.build(systems.model_builder(system), config, Hosts())
  step = tf.function(model.train_step, jit_compile=jit_compile)
  losses, norms, ends_s = [], [], [time.perf_counter()]
  for batch in config.pairs(store).dataset(0, config.steps):
    logs = step(batch)
    losses.append(float(logs["loss"]))
    norms.append(float(logs["gradient_norm"]))
    ends_s.append(time.perf_counter())
  not_finite = sum(not np.isfinite(pair).all() for pair in zip(losses, norms))
  timed_s = ends_s[1:] if len(ends_s) > 2 else ends_s
  rate = (len(timed_s) - 1) * config.batch_size / (timed_s[-1] - timed_s[0])
  return ShortTraining(tuple(losses), not_finite, rate)


@functools.lru_cache(maxsize=2)
def _measured_store(config):
  """Returns the synthetic set as a Store, and mean and standard deviation of its log-mels."""
  from contrastive_audio import datasets
  from contrastive_audio.frontend.statistics import log_mel_statistics
  from contrastive_audio.store import preparation

  front_end = config.front_end()
  store = preparation.prepare(datasets.open_source("synthetic"), front_end.sample_rate_hz)
  return store, *log_mel_statistics(store, front_end)
