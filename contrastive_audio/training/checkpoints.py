"""The checkpoints of a training: all variables, so that it resumes exactly."""

import tensorflow as tf

from contrastive_audio.errors import UserError, disk_reason


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
