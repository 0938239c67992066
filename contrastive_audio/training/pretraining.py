"""One training, from a store and a model to a finished run folder; it resumes exactly.

The state of a training is its variables and its step, nothing else: excerpts, views and
drop-connect are functions of (seed, step). So a checkpoint is all that a resume needs.
"""

import contextlib
import dataclasses
import glob
import os
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf
import tqdm

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
from contrastive_audio.training.checkpoints import Checkpoints, require_untrained
from contrastive_audio.training.contrastive import ContrastiveModel
from contrastive_audio.training.recording import DataClock, Recorder
from contrastive_audio.training.step_seeds import step_seed
from contrastive_audio.utils import progress_bar, run_files
from contrastive_audio.utils.pipelines import BATCHES_AHEAD
from contrastive_audio.utils.stopping import StopRequest
from contrastive_audio.views.excerpts import ExcerptPairs
from contrastive_audio.views.system_config import SystemConfig

_CONCLUDED = "mode_agreement"  # of the HealthMonitor, whose row of the last step comes last


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How a call of `Pretraining.train` ended.

  Attributes:
    step: number of the last finished step.
    finished: whether that was the last step of the training; if not, the user stopped it.

  Example:
    >>> Outcome(step=120, finished=False)
    Outcome(step=120, finished=False)
  """

  step: int
  finished: bool


class Pretraining:
  """One training, which the chief monitors, saves, exports and plots.

  `contrastive_audio.cli.training.train_system` makes one from flags.

  Example:
    >>> import types
    >>> config = types.SimpleNamespace(views_on="host")
    >>> Pretraining(None, config, None, None, None, monitors=[], hosts=Hosts(count=2))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: views_on=host needs the clips of all hosts in one place ...
  """

  def __init__(
    self,
    run: Run,
    config: SystemConfig,
    pairs: ExcerptPairs,
    model: ContrastiveModel,
    networks: Float32Networks,
    monitors: Sequence[Monitor],
    hosts: Hosts,
    more_callbacks: Sequence[keras.callbacks.Callback] = (),
  ):
    """Connects the parts of a training.

    Args:
      run: the run folder.
      config: fields used here: seed, steps, batch_size, monitor_every, checkpoint_every,
        reestimate_batches, deterministic and views_on.
      pairs: the excerpts of each step.
      model: compiled, with the weights of step 0.
      networks: the networks of the model, as they are evaluated and exported.
      monitors: evaluate the networks; a HealthMonitor is added.
      hosts: the hosts that share the training.
      more_callbacks: of trackers; the chief's `fit` has them, too.

    Raises:
      UserError: views_on="host" with several hosts.
    """
    if config.views_on == "host":
      hosts.require_one_host("views_on=host")
    self._run, self._config, self._pairs, self._hosts = run, config, pairs, hosts
    self._model, self._networks, self._more_callbacks = model, networks, more_callbacks
    self._front_end = config.front_end()
    health = HealthMonitor(run, pairs, self._front_end, networks.encoder, config.chance)
    self._monitors: list[Monitor] = [*monitors, health]
    self._checkpoints = Checkpoints(run, model)

  def train(self, stop: StopRequest | None = None) -> Outcome:
    """Trains from where the run stopped to its last step.

    Args:
      stop: hears signals already; None: they are heard while this trains.

    Returns:
      The step that was reached.

    Raises:
      UserError: the loss is not finite, another process trains in the run, the disk is full, or no
        checkpoint can be read.
      KeyboardInterrupt: a signal before the first step was done, or a second one.
    """
    lock = self._run.locked() if self._hosts.is_chief else contextlib.nullcontext()
    with lock, contextlib.nullcontext(stop) if stop else StopRequest() as stop:
      # Several hosts stop together: one that ended at once would take the others with it.
      stop.in_set_up = self._hosts.count == 1
      first_step = self._restore()
      if self._hosts.is_chief:
        self._begin(first_step)
      step = self._fit(first_step, stop)
      if self._hosts.is_chief:
        self._conclude(step, was_trained=step > first_step)
      self._hosts.wait()
    return Outcome(step, finished=step >= self._config.num_steps)

  def _restore(self) -> int:
    """Restores the newest whole checkpoint; returns its step, 0 if nothing has been trained."""
    step = self._checkpoints.restore()
    if self._hosts.is_chief and not step:
      require_untrained(self._run, self._config.checkpoint_every)
    if (chosen := int(self._hosts.broadcast_from_chief(step))) != step:
      raise UserError(
        f"the first host goes on from step {chosen}, and this one would from {step}: "
        f"{self._run.folder!r} has to be the same folder for all hosts"
      )
    self._model.steps.set(step, self._model.optimizer)
    return step

  def _begin(self, first_step: int) -> None:
    """Brings the run folder to the state of a step, and evaluates the untrained encoder."""
    run = self._run
    run_files.clear_up(run.folder)
    left_out.copy(self._pairs.store.folders, run.folder)
    # The row of a training that stopped between two rows belongs to the next one.
    goes_on = first_step < self._config.num_steps and self._checkpoints.window
    run.forget_after(first_step, unfinished="loss" if goes_on else None)
    if not os.path.exists(run.path("plots", "pairs.png")):
      seed = step_seed(self._config.seed, 0)
      with progress_bar.stage("drawing pairs.png"):
        plots.draw_pairs(
          run.path("plots"), self._pairs, self._front_end, make_views=self._model.views, seed=seed
        )
      run.trackers.image(0, "train/pairs", run.path("plots", "pairs.png"))
    if first_step == 0:
      run.trackers.describe(run.config["config"])
      self._check(0)

  def _check(self, step: int) -> None:
    """Evaluates the encoder as it is after a step."""
    self._networks.refresh()
    for monitor in self._monitors:
      monitor.check(step)

  def _fit(self, first_step: int, stop: StopRequest) -> int:
    """Runs the remaining steps, and saves the last one; returns its number."""
    num_steps, is_chief = self._config.num_steps, self._hosts.is_chief
    if first_step >= num_steps:
      return first_step
    counter, clock = callbacks.StepCounter(first_step), DataClock()
    batches = self._hosts.batches(
      lambda number, count: self._batches(first_step, (number, count), clock)
    )
    with progress_bar.make(
      num_steps, "training, building the graph", "step", initial=first_step, shown=is_chief
    ) as bar:
      recorder = Recorder(
        self._run, counter, clock, self._config.batch_size, bar, self._checkpoints.window
      )
      self._model.fit(
        batches,
        epochs=1,
        steps_per_epoch=num_steps - first_step,
        verbose=0,
        shuffle=False,  # the dataset defines the order
        callbacks=self._callbacks(counter, recorder, stop),
      )
    if is_chief:
      self._checkpoints.save(counter.step, recorder.window)
    return counter.step

  def _callbacks(
    self, counter: callbacks.StepCounter, recorder: Recorder, stop: StopRequest
  ) -> list[keras.callbacks.Callback]:
    config, is_chief = self._config, self._hosts.is_chief

    def save(step: int) -> None:
      self._checkpoints.save(step, recorder.window)

    guard = callbacks.FiniteGuard(self._run, counter, self._pairs, writes=is_chief)
    chief_callbacks = [
      recorder,
      *self._more_callbacks,
      callbacks.Every(config.monitor_every, counter, self._check_before_the_end),
      callbacks.Every(config.checkpoint_every, counter, save),  # after everything that logs
    ]
    # From the first step on there is something to save before an end.
    heard = callbacks.Every(1, counter, stop.leave_set_up)
    stopper = callbacks.Stopper(stop)
    return [counter, heard, guard, *(chief_callbacks if is_chief else ()), stopper]

  def _check_before_the_end(self, step: int) -> None:
    """Evaluates the encoder, but leaves the last evaluation, of what is exported, to the end."""
    if step < self._config.num_steps:
      self._check(step)

  def _batches(self, first_step: int, share: tuple[int, int], clock: DataClock) -> tf.data.Dataset:
    """Excerpts, or, with views_on="host", the views that the device would make of them."""
    config = self._config
    dataset = self._pairs.dataset(first_step, config.num_steps - first_step, share)
    if config.views_on == "host":
      steps = tf.data.Dataset.range(first_step, config.num_steps)
      # TensorFlow complains where op determinism undoes what is parallel.
      at_once = None if config.deterministic else tf.data.AUTOTUNE
      dataset = tf.data.Dataset.zip((dataset, steps)).map(self._make_views, at_once)
    return clock.stamp(dataset).prefetch(BATCHES_AHEAD)

  @tf.autograph.experimental.do_not_convert
  def _make_views(self, excerpts: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    return self._model.views(excerpts, step_seed(self._config.seed, step))

  def _conclude(self, step: int, was_trained: bool) -> None:
    """Saves the networks, and exports after the last step of the training."""
    run, encoder = self._run, self._networks.encoder
    self._networks.refresh()  # the statistics change, and a resume goes on with those of training
    if self._config.reestimate_batches:
      batchnorm.reestimate(encoder, self._clean_batches())
    run.save_networks(encoder, self._networks.head)
    is_last, is_exported = step >= self._config.num_steps, os.path.exists(run.saved_model)
    is_new = was_trained or (is_last and not self._was_concluded(step))
    # What was exported by fewer steps is replaced; if there were none, it may be the user's.
    if is_new if is_exported else is_last:
      with progress_bar.stage("exporting the SavedModel"):
        export_saved_model(self._front_end, encoder, run.saved_model)
    if is_new:
      self._name_outdated()
    for monitor in self._monitors if is_last else ():  # last: their rows say that all is done
      monitor.check(step)
    plots.draw_curves(run, self._config.chance)

  def _was_concluded(self, step: int) -> bool:
    """Whether a step has been evaluated as the last one, after everything else."""
    steps, _ = self._run.metrics(_CONCLUDED)
    return step in steps

  def _name_outdated(self) -> None:
    """Says which other exports in the run folder are of fewer steps."""
    for kind in ("tflite", "onnx"):
      for path in sorted(glob.glob(f"{glob.escape(self._run.folder)}/*.{kind}")):
        tqdm.tqdm.write(f"outdated   {path} holds the encoder of fewer steps: export it again")

  def _clean_batches(self) -> Iterator[tf.Tensor]:
    """Yields log-mels of excerpts as they are evaluated, without any augmentation."""
    batches = self._config.reestimate_batches
    for excerpts in self._pairs.dataset(0, batches):
      rows = tf.reshape(excerpts[:, :2], [-1, excerpts.shape[-1]])
      size = 2 * self._config.microbatch or len(rows)
      for first in range(0, len(rows), size):
        yield self._front_end(rows[first : first + size])[..., None]
