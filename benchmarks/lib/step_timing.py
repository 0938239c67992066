"""The steps of a whole training loop beside bare steps on log-mels that are ready."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.lib import systems


def time_loop(
  system: str, config, steps_per_turn: int, dataset: str = "synthetic", store_dir: str | None = None
) -> "TurnTimer":
  """Trains, and times each step of the loop and of the bare step.

  Args:
    system: one of systems.SYSTEMS.
    config: of the system.
    steps_per_turn: steps of the loop, after which as many bare steps follow.
    dataset: what it trains on.
    store_dir: where that is decoded; None: in the user's cache.
  """
  from contrastive_audio import datasets
  from contrastive_audio.distributed.hosts import Hosts
  from contrastive_audio.networks.float32_copy import Float32Networks
  from contrastive_audio.runs import Run
  from contrastive_audio.store import preparation
  from contrastive_audio.training import building, pretraining

  store = preparation.prepare(datasets.open_source(dataset), config.sample_rate_hz, store_dir)
  model = building.build(systems.model_builder(system), config, Hosts())
  timer = TurnTimer(BareStep(model, config), steps_per_turn)

  class TimedPretraining(pretraining.Pretraining):
    def _callbacks(self, *arguments):
      return [*super()._callbacks(*arguments), timer.callback()]

    def _conclude(self, step: int, was_trained: bool) -> None:
      """Exports nothing, which takes longer than the steps."""

  with tempfile.TemporaryDirectory() as folder:
    path, data = os.path.join(folder, "run"), {"digest": store.digest}
    training = TimedPretraining(
      run=Run.start_or_resume(path, system, {}, data, config.front_end()),
      config=config,
      pairs=config.pairs(store),
      model=model,
      networks=Float32Networks(model),
      monitors=[],
      hosts=Hosts(),
    )
    training.train()
  return timer


class BareStep:
  """The train_step of a model on log-mels that are computed beforehand; each call is one step."""

  def __init__(self, model, config):
    """Takes a ContrastiveModel and its configuration."""
    import tensorflow as tf

    shape = [config.batch_size, 2, config.frames, config.num_mels]
    self._views = tf.constant(np.random.default_rng(0).normal(-3, 2, shape), tf.float32)
    model.optimizer.build(model.trainable_variables)
    self._variables = [*model.variables, *model.optimizer.variables]
    self._step = tf.function(model.train_step, jit_compile=model.jit_compile)  # as the loop does

  def seconds(self) -> float:
    """Runs one step; returns how long it took."""
    start_s = time.perf_counter()
    float(self._step(self._views)["loss"])
    return time.perf_counter() - start_s

  @contextlib.contextmanager
  def restoring_variables(self) -> Iterator[None]:
    """Restores all variables after the block: the bare steps are not part of the training."""
    values = [variable.numpy() for variable in self._variables]
    yield
    for variable, value in zip(self._variables, values):
      variable.assign(value)


class TurnTimer:
  """Times the steps of the loop, and after each turn as many bare steps.

  Attributes:
    loop_s: seconds of each step of the loop.
    bare_s: seconds of each bare step.
  """

  def __init__(self, bare: BareStep, steps_per_turn: int):
    """Takes the bare step, and the number of steps of a turn."""
    self.loop_s: list[float] = []
    self.bare_s: list[float] = []
    self._bare, self._steps_per_turn = bare, steps_per_turn
    self._last_s: float | None = None
    self._count = 0

  def callback(self):
    """Returns the Keras callback that belongs at the end of the loop's callbacks."""
    import keras

    return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: self._end_step())

  def _end_step(self) -> None:
    if self._last_s is not None:  # not the first step, which builds the graph
      self.loop_s.append(time.perf_counter() - self._last_s)
    self._count += 1
    if self._count % self._steps_per_turn == 0:
      self._run_bare_steps()
    self._last_s = time.perf_counter()

  def _run_bare_steps(self) -> None:
    with self._bare.restoring_variables():
      self._bare.seconds()
      self.bare_s += [self._bare.seconds() for _ in range(self._steps_per_turn)]
