"""The checkpoints of a training: all variables, so that it resumes exactly."""

import keras
import tensorflow as tf

from contrastive_audio.errors import UserError, disk_reason
from contrastive_audio.runs import Run


class Checkpoints:
  """Saves and restores all variables of a training: weights, optimizer slots and step.

  Example:
    >>> layer = keras.layers.Identity()
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1))
    >>> checkpoints = Checkpoints(run, model)
    >>> checkpoints.restore()  # there is none
    0
    >>> checkpoints.save(step=5)
    >>> checkpoints.restore()
    5
  """

  def __init__(self, run: Run, model: keras.Model):
    """Finds the checkpoints of a run.

    Args:
      run: the run folder.
      model: compiled, with a built optimizer.
    """
    variables = [*model.variables, *model.optimizer.variables]
    self._checkpoint = tf.train.Checkpoint(variables=[v.value for v in variables])
    self._manager = tf.train.CheckpointManager(
      self._checkpoint, run.path("checkpoints"), max_to_keep=2, checkpoint_name="step"
    )

  def restore(self) -> int:
    """Restores the newest checkpoint.

    Returns:
      Its step; 0 if there is no checkpoint.

    Raises:
      UserError: the checkpoint cannot be read.
    """
    latest = self._manager.latest_checkpoint
    if not latest:
      return 0
    try:
      self._checkpoint.restore(latest).assert_consumed()
    except (tf.errors.OpError, AssertionError, ValueError) as error:
      raise UserError(
        f"cannot read the checkpoint {latest}: {str(error).splitlines()[0]}. To resume from the "
        "one before, delete its files and its lines in the file 'checkpoint' beside it"
      ) from error
    # The optimizer does not count the steps that loss scaling skips.
    return int(latest.rsplit("-", 1)[1])

  def save(self, step: int) -> None:
    """Saves the state after a step, unless it is saved already.

    Args:
      step: number of the last finished step.

    Raises:
      UserError: the checkpoint cannot be written.
    """
    if self._manager.latest_checkpoint and self._manager.latest_checkpoint.endswith(f"-{step}"):
      return
    try:
      self._manager.save(checkpoint_number=step)
    except (tf.errors.OpError, OSError) as error:
      raise UserError(
        f"cannot save the checkpoint of step {step}: {disk_reason(error) or error}. The one before "
        "it is kept: free some space and run the same command again"
      ) from error
