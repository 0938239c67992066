"""One training, from a store and a model to a finished run folder; it resumes exactly.

The state of a training is its variables and its step, nothing else: excerpts, views and
drop-connect are functions of (seed, step). So a checkpoint is all that a resume needs.
"""

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


def seed_everything(seed, deterministic):
  """Fixes the initial weights and, if asked, the order in which a machine adds numbers."""
  keras.utils.set_random_seed(seed)
  if deterministic:
    tf.config.experimental.enable_op_determinism()


def pretrain(run, config, pairs, model, monitor):
  """Trains from where the run stopped to its last step, judges, exports and draws.

  Args:
    run: a runs.Run.
    config: the system's dataclass; its fields seed, steps, batch_size, monitor_every,
      checkpoint_every and views_on are used here.
    pairs: the ExcerptPairs.
    model: a compiled contrastive.ContrastiveModel, weights as for step 0.
    monitor: a monitor.Monitor.

  Returns:
    An Outcome.

  Raises:
    UserError: loss not finite, another process in the run, no space on disk.
  """
  with run.locked(), callbacks.StopRequest() as stop:
    lists.copy(pairs.store, run.folder)
    windows = config.windows()
    check = _checks(monitor, HealthMonitor(run, pairs, windows, model.encoder))
    checkpoints = Checkpoints(run, model)
    first_step = checkpoints.restore()
    run.forget_after(first_step)
    if not os.path.exists(run.path("plots", "pairs.png")):
      plots.positive_pairs(
        run.path("plots"), pairs, windows, model.views, step_seed(config.seed, 0)
      )
    if first_step == 0:
      check(0)
    step = _fit(run, config, model, pairs, checkpoints, check, stop, first_step)
    return _conclude(run, config, model, pairs, checkpoints, check, step)


def _checks(*monitors):
  def check(step):
    for monitor in monitors:
      monitor.check(step)

  return check


def _fit(run, config, model, pairs, checkpoints, check, stop, first_step):
  """Runs the remaining steps; returns the number of the last finished one."""
  if first_step >= config.steps:
    return first_step
  clock = callbacks.DataClock()
  dataset = _batches(config, model, pairs, first_step)
  dataset = clock.stamp(dataset).prefetch(tf.data.AUTOTUNE)
  with progress_bar.make(config.steps, "training", "step", initial=first_step) as bar:
    counter = callbacks.StepCounter(first_step)
    model.fit(
      dataset,
      epochs=1,
      verbose=0,
      shuffle=False,  # the order is the dataset's
      callbacks=[
        counter,
        callbacks.FiniteGuard(run, counter, pairs),
        callbacks.Recorder(run, counter, clock, config.batch_size, bar),
        callbacks.Every(config.monitor_every, counter, _before_the_end(config, check)),
        callbacks.Every(config.checkpoint_every, counter, checkpoints.save),  # after all logging
        callbacks.Stopper(stop),
      ],
    )
  return counter.step


def _before_the_end(config, check):
  """The last check is of what is exported, whose statistics are not there yet."""
  return lambda step: check(step) if step < config.steps else None


def _batches(config, model, pairs, first_step):
  """Excerpts, or, with views_on="host", the views the device would make of them."""
  parallel = not config.deterministic
  dataset = pairs.dataset(first_step, config.steps - first_step, parallel)
  if config.views_on == "device":
    return dataset

  def make_views(excerpts, step):
    return model.views(excerpts, step_seed(config.seed, step))

  steps = tf.data.Dataset.range(first_step, config.steps)
  return map_in_order(tf.data.Dataset.zip((dataset, steps)), make_views, parallel)


def _conclude(run, config, model, pairs, checkpoints, check, step):
  windows, finished = config.windows(), step >= config.steps
  checkpoints.save(step)  # before the statistics are changed: a resume goes on with training's
  if config.reestimate_batches:
    normalisation.reestimate(model.encoder, _clean_batches(config, pairs, windows))
  run.save_encoder(model.encoder)
  if finished:
    check(step)
    export_saved_model(windows, model.encoder, run.saved_model)
  plots.curves(run)
  return Outcome(step, finished)


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
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    self._optimizer = model.optimizer
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
    return int(self._optimizer.iterations.numpy())

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
