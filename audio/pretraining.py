"""One training, from a store and a model to a finished run folder; it resumes exactly.

The state of a training is its variables and its step, nothing else: excerpts, views and
drop-connect are functions of (seed, step). So a checkpoint is all that a resume needs.
"""

import contextlib
import dataclasses
import os

import keras
import tensorflow as tf

from audio import callbacks, lists, normalisation, plots, progress_bar
from audio.contrastive import step_seed
from audio.errors import UserError, disk_reason
from audio.excerpts import map_in_order
from audio.export import export_saved_model
from audio.health import HealthMonitor


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How a call of `pretrain` ended.

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
      normalisation.keep_in_float32(network)
  model.share(hosts)
  return model


def pretrain(run, config, pairs, model, judged, monitor, hosts):
  """Trains from where the run stopped to its last step; the chief judges, exports and draws.

  Args:
    run: a runs.Run.
    config: the system's dataclass; its fields seed, steps, batch_size, monitor_every,
      checkpoint_every and views_on are used here.
    pairs: the ExcerptPairs.
    model: a compiled contrastive.ContrastiveModel, weights as for step 0.
    judged: the judged.Judged networks of the model.
    monitor: a monitor.Monitor of them.
    hosts: distribution.Hosts.

  Returns:
    An Outcome.

  Raises:
    UserError: loss not finite, another process in the run, no space on disk.
  """
  if config.views_on == "host" and hosts.count > 1:
    raise UserError("views_on=host needs the clips of all hosts in one place: use views_on=device")
  checkpoints = Checkpoints(run, model)
  lock = run.locked() if hosts.is_chief else contextlib.nullcontext()
  with lock, callbacks.StopRequest() as stop:
    training = _Training(run, config, pairs, model, judged, monitor, hosts, checkpoints, stop)
    first_step = checkpoints.restore()
    if hosts.is_chief:
      training.begin(first_step)
    step = training.fit(first_step)
    if hosts.is_chief:
      training.conclude(step)
    hosts.wait()
  return Outcome(step, step >= config.steps)


@dataclasses.dataclass(frozen=True)
class _Training:
  """The parts of a training; see `pretrain`."""

  run: object
  config: object
  pairs: object
  model: object
  judged: object
  monitor: object
  hosts: object
  checkpoints: object
  stop: object

  def begin(self, first_step):
    """Brings the run folder to the state of a step, and judges the encoder if it is untrained."""
    run, config = self.run, self.config
    lists.copy(self.pairs.store, run.folder)
    run.forget_after(first_step)
    if not os.path.exists(run.path("plots", "pairs.png")):
      seed = step_seed(config.seed, 0)
      views = self.model.views
      plots.positive_pairs(run.path("plots"), self.pairs, config.windows(), views, seed)
    if first_step == 0:
      self.check(0)

  def check(self, step):
    """Judges the encoder as it is after a step."""
    self.judged.refresh()
    self._judge(step)

  def _judge(self, step):
    self.monitor.check(step)
    windows = self.config.windows()
    HealthMonitor(self.run, self.pairs, windows, self.judged.encoder).check(step)

  def fit(self, first_step):
    """Runs the remaining steps; returns the number of the last finished one."""
    config, counter = self.config, callbacks.StepCounter(first_step)
    if first_step >= config.steps:
      return first_step
    clock = callbacks.DataClock()
    batches = self.hosts.batches(lambda *part: self._batches(first_step, part, clock))
    shown = self.hosts.is_chief
    bar = progress_bar.make(config.steps, "training", "step", initial=first_step, shown=shown)
    with bar:
      self.model.fit(
        batches,
        epochs=1,
        steps_per_epoch=config.steps - first_step,
        verbose=0,
        shuffle=False,  # the order is the dataset's
        callbacks=[
          counter,
          callbacks.FiniteGuard(self.run, counter, self.pairs, self.hosts.is_chief),
          *(self._of_chief(counter, clock, bar) if self.hosts.is_chief else ()),
          callbacks.Stopper(self.stop),
        ],
      )
    return counter.step

  def _of_chief(self, counter, clock, bar):
    config = self.config
    return [
      callbacks.Recorder(self.run, counter, clock, config.batch_size, bar),
      callbacks.Every(config.monitor_every, counter, self._check_before_the_end),
      callbacks.Every(config.checkpoint_every, counter, self.checkpoints.save),  # after all logging
    ]

  def _check_before_the_end(self, step):
    """The last check is of what is exported, whose statistics are not there yet."""
    if step < self.config.steps:
      self.check(step)

  def _batches(self, first_step, part, clock):
    """Excerpts, or, with views_on="host", the views the device would make of them."""
    config = self.config
    parallel = not config.deterministic
    dataset = self.pairs.dataset(first_step, config.steps - first_step, parallel, part)
    if config.views_on == "host":
      steps = tf.data.Dataset.range(first_step, config.steps)
      dataset = map_in_order(tf.data.Dataset.zip((dataset, steps)), self._make_views, parallel)
    return clock.stamp(dataset).prefetch(tf.data.AUTOTUNE)

  def _make_views(self, excerpts, step):
    return self.model.views(excerpts, step_seed(self.config.seed, step))

  def conclude(self, step):
    """Saves after the last step of this call, and exports after the last of all."""
    run, config, encoder = self.run, self.config, self.judged.encoder
    windows = config.windows()
    self.checkpoints.save(step)  # before the statistics change: a resume goes on with training's
    self.judged.refresh()
    if config.reestimate_batches:
      normalisation.reestimate(encoder, _clean_batches(config, self.pairs, windows))
    run.save_encoder(encoder)
    if step >= config.steps:
      self._judge(step)
      export_saved_model(windows, encoder, run.saved_model)
    plots.curves(run)


def _clean_batches(config, pairs, windows):
  """Yields log-mels of excerpts as they are judged, without any augmentation."""
  # Not in parallel: TensorFlow reports its own parallel maps to the terminal.
  for excerpts in pairs.dataset(0, config.reestimate_batches, parallel=False):
    log_mels = windows(excerpts[:, :2])
    yield tf.reshape(log_mels, [-1, *log_mels.shape[2:], 1])


class Checkpoints:
  """Saves and restores all variables of a training: weights, optimiser slots, step."""

  def __init__(self, run, model):
    """Takes a Run and a compiled model, whose optimiser is built here."""
    variables = [*model.variables, *model.optimizer.variables]
    self._checkpoint = tf.train.Checkpoint(variables=[v.value for v in variables])
    self._manager = tf.train.CheckpointManager(
      self._checkpoint, run.path("checkpoints"), max_to_keep=2, checkpoint_name="step"
    )

  def restore(self):
    """Restores the newest checkpoint, if there is one; returns its step, otherwise 0."""
    latest = self._manager.latest_checkpoint
    if latest:
      try:
        self._checkpoint.restore(latest).assert_consumed()
      except (tf.errors.OpError, AssertionError, ValueError) as error:
        raise UserError(
          f"cannot read the checkpoint {latest}: {str(error).splitlines()[0]}. Delete its files "
          "and its lines in the file 'checkpoint' beside it to go on from the one before"
        ) from error
    # Not the optimiser's count, which leaves out the steps that loss scaling skips.
    return int(latest.rsplit("-", 1)[1]) if latest else 0

  def save(self, step):
    """Saves after `step`, unless that is saved already."""
    if self._manager.latest_checkpoint and self._manager.latest_checkpoint.endswith(f"-{step}"):
      return
    try:
      self._manager.save(checkpoint_number=step)
    except (tf.errors.OpError, OSError) as error:
      raise UserError(
        f"cannot save the checkpoint of step {step}: {disk_reason(error) or error}. The one before "
        "it is kept: free some space and run the same command again"
      ) from error
