"""One training, from a store and a model to a finished run folder; it resumes exactly.

The state of a training is its variables and its step, nothing else: excerpts, views and
drop-connect are functions of (seed, step). So a checkpoint is all that a resume needs.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from contrastive_audio.configuration import RunConfig
from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.monitoring.health import HealthMonitor
from contrastive_audio.monitoring.monitor import Monitor
from contrastive_audio.networks import batchnorm
from contrastive_audio.networks.float32_copy import Float32Networks
from contrastive_audio.runs import Run
from contrastive_audio.store import left_out
from contrastive_audio.training import callbacks, plots
from contrastive_audio.training.checkpoints import Checkpoints
from contrastive_audio.training.contrastive import ContrastiveModel, step_seed
from contrastive_audio.utils import progress_bar
from contrastive_audio.views.excerpts import ExcerptPairs, map_in_order


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How a call of `Pretraining.train` ended.

  Attributes:
    step: last finished step.
    finished: whether that was the last one; if not, the user stopped it.
  """

  step: int
  finished: bool


def build(build_model, config, hosts):
  """Builds a model for all replicas; its initial weights are those of the seed.

  Args:
    build_model: a callable, config -> compiled contrastive.ContrastiveModel.
    config: the system's dataclass.
    hosts: distribution.Hosts.

  Returns:
    The model; everything that is built later is float32 again.
  """
  keras.utils.set_random_seed(config.seed)
  if config.deterministic:
    tf.config.experimental.enable_op_determinism()
  keras.config.set_dtype_policy(config.precision)
  try:
    with hosts.strategy.scope():
      model = build_model(config)
      model.optimizer.build(model.trainable_variables)
  finally:
    keras.config.set_dtype_policy("float32")
  if config.precision.startswith("mixed"):
    for network in (model.encoder, model.head):
      batchnorm.keep_in_float32(network)
  model.share(hosts)
  return model


class Pretraining:
  """One training, which the chief monitors, saves, exports and draws."""

  def __init__(
    self,
    run: Run,
    config: RunConfig,
    pairs: ExcerptPairs,
    model: ContrastiveModel,
    networks: Float32Networks,
    monitors: Sequence[Monitor],
    hosts: Hosts,
  ):
    """Takes what is trained, on what, and where.

    Args:
      run: the run folder.
      config: fields used here: seed, steps, batch_size, monitor_every, checkpoint_every,
        reestimate_batches and views_on.
      pairs: the excerpts of each step.
      model: compiled, with the weights of step 0.
      networks: those of the model, as they are evaluated and exported.
      monitors: evaluate the networks, beside a HealthMonitor.
      hosts: which share the training.

    Raises:
      UserError: views_on="host" with several hosts.
    """
    if config.views_on == "host" and hosts.count > 1:
      raise UserError(
        "views_on=host needs the clips of all hosts in one place: use views_on=device"
      )
    self._run, self._config, self._pairs, self._hosts = run, config, pairs, hosts
    self._model, self._networks = model, networks
    self._front_end = config.front_end()
    health = HealthMonitor(run, pairs, self._front_end, networks.encoder)
    self._monitors = [*monitors, health]
    self._checkpoints = Checkpoints(run, model)

  def train(self) -> Outcome:
    """Trains from where the run stopped to its last step.

    Returns:
      An Outcome.

    Raises:
      UserError: loss not finite, another process in the run, no space on disk.
    """
    lock = self._run.locked() if self._hosts.is_chief else contextlib.nullcontext()
    with lock, callbacks.StopRequest() as stop:
      first_step = self._checkpoints.restore()
      if self._hosts.is_chief:
        self._begin(first_step)
      step = self._fit(first_step, stop)
      if self._hosts.is_chief:
        self._conclude(step)
      self._hosts.wait()
    return Outcome(step, step >= self._config.steps)

  def _begin(self, first_step: int) -> None:
    """Brings the run folder to the state of a step, and evaluates the untrained encoder."""
    run, seed = self._run, step_seed(self._config.seed, 0)
    left_out.copy(self._pairs.store, run.folder)
    run.forget_after(first_step)
    if not os.path.exists(run.path("plots", "pairs.png")):
      folder, views = run.path("plots"), self._model.views
      plots.positive_pairs(folder, self._pairs, self._front_end, views, seed)
    if first_step == 0:
      self._check(0)

  def _check(self, step: int) -> None:
    """Evaluates the encoder as it is after a step."""
    self._networks.refresh()
    self._evaluate(step)

  def _evaluate(self, step: int) -> None:
    for monitor in self._monitors:
      monitor.check(step)

  def _fit(self, first_step: int, stop: callbacks.StopRequest) -> int:
    """Runs the remaining steps; returns the number of the last finished one."""
    config, counter = self._config, callbacks.StepCounter(first_step)
    if first_step >= config.steps:
      return first_step
    clock = callbacks.DataClock()
    batches = self._hosts.batches(lambda *share: self._batches(first_step, share, clock))
    shown = self._hosts.is_chief
    bar = progress_bar.make(config.steps, "training", "step", initial=first_step, shown=shown)
    with bar:
      self._model.fit(
        batches,
        epochs=1,
        steps_per_epoch=config.steps - first_step,
        verbose=0,
        shuffle=False,  # the order is the dataset's
        callbacks=self._callbacks(counter, clock, bar, stop),
      )
    return counter.step

  def _callbacks(self, counter, clock, bar, stop) -> list[keras.callbacks.Callback]:
    config, is_chief = self._config, self._hosts.is_chief
    guard = callbacks.FiniteGuard(self._run, counter, self._pairs, is_chief)
    of_chief = [
      callbacks.Recorder(self._run, counter, clock, config.batch_size, bar),
      callbacks.Every(config.monitor_every, counter, self._check_before_the_end),
      # After all logging.
      callbacks.Every(config.checkpoint_every, counter, self._checkpoints.save),
    ]
    return [counter, guard, *(of_chief if is_chief else ()), callbacks.Stopper(stop)]

  def _check_before_the_end(self, step: int) -> None:
    """The last evaluation is of what is exported, whose statistics are not there yet."""
    if step < self._config.steps:
      self._check(step)

  def _batches(self, first_step: int, share: tuple[int, int], clock: callbacks.DataClock):
    """Excerpts, or, with views_on="host", the views the device would make of them."""
    config = self._config
    parallel = not config.deterministic
    dataset = self._pairs.dataset(first_step, config.steps - first_step, parallel, share)
    if config.views_on == "host":
      steps = tf.data.Dataset.range(first_step, config.steps)
      dataset = map_in_order(tf.data.Dataset.zip((dataset, steps)), self._make_views, parallel)
    return clock.stamp(dataset).prefetch(tf.data.AUTOTUNE)

  def _make_views(self, excerpts: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    return self._model.views(excerpts, step_seed(self._config.seed, step))

  def _conclude(self, step: int) -> None:
    """Saves after the last step of this call, and exports after the last of all."""
    run, config, encoder = self._run, self._config, self._networks.encoder
    # Before the statistics change: a resume continues with those of training.
    self._checkpoints.save(step)
    self._networks.refresh()
    if config.reestimate_batches:
      batchnorm.reestimate(encoder, self._clean_batches())
    run.save_encoder(encoder)
    if step >= config.steps:
      self._evaluate(step)
      export_saved_model(self._front_end, encoder, run.saved_model)
    plots.curves(run)

  def _clean_batches(self) -> Iterator[tf.Tensor]:
    """Yields log-mels of excerpts as they are evaluated, without any augmentation."""
    # Not in parallel: TensorFlow reports its own parallel maps to the terminal.
    for excerpts in self._pairs.dataset(0, self._config.reestimate_batches, parallel=False):
      log_mels = self._front_end(excerpts[:, :2])
      yield tf.reshape(log_mels, [-1, *log_mels.shape[2:], 1])
