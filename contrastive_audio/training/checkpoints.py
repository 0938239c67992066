"""The checkpoints of a training: all variables, so that it resumes exactly."""

import os
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from contrastive_audio.errors import UserError, disk_reason, reason_of
from contrastive_audio.runs import Run
from contrastive_audio.training.verified_checkpoints import VerifiedCheckpoints
from contrastive_audio.utils.json_lines import read_rows

Window = Mapping[str, Sequence[float]]  # metric -> its values since the last row, see recording


class Checkpoints:
  """Saves and restores all variables of a training: weights, optimizer slots and step.

  Attributes:
    window: values of the metrics that were saved with the checkpoint that was restored.

  Example:
    >>> layer = keras.layers.Identity()
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1))
    >>> checkpoints = Checkpoints(run, model)
    >>> checkpoints.restore()  # there is none
    0
    >>> checkpoints.save(step=5, window={"loss": [0.5]})
    >>> checkpoints.restore(), checkpoints.window
    (5, {'loss': [0.5]})
  """

  def __init__(self, run: Run, model: keras.Model):
    """Finds the checkpoints of a run.

    Args:
      run: the run folder.
      model: compiled, with a built optimizer.
    """
    variables = [*model.variables, *model.optimizer.variables]
    checkpoint = tf.train.Checkpoint(variables=[v.value for v in variables])
    self._checkpoints = VerifiedCheckpoints(checkpoint, run.path("checkpoints"), "step")
    self.window: Window = {}

  def restore(self) -> int:
    """Restores the newest checkpoint that is whole.

    Returns:
      Its step; 0 if there is no checkpoint.

    Raises:
      UserError: there are checkpoints, and none of them is whole.
    """
    restored = self._checkpoints.restore()
    if restored is None:
      return 0
    self.window = restored.notes.get("window", {})
    return restored.number

  def save(self, step: int, window: Window | None = None) -> None:
    """Saves the state after a step, unless it is saved already.

    Args:
      step: number of the last finished step.
      window: values of the metrics since the last row that was logged.

    Raises:
      UserError: the checkpoint cannot be written.
    """
    try:
      self._checkpoints.save(step, {"window": window or {}})
    except (tf.errors.OpError, OSError) as error:
      raise UserError(
        f"cannot save the checkpoint of step {step}: {disk_reason(error) or reason_of(error)}. "
        "The one before it is kept: free some space and run the same command again"
      ) from error


def require_untrained(run: Run, checkpoint_every: int) -> None:
  """Refuses to begin at step 0 where a training has lost its checkpoints.

  Args:
    run: a run folder without checkpoints.
    checkpoint_every: steps between checkpoints; after more there has been one.

  Raises:
    UserError: it was trained further than that, or to its end.

  Example:
    >>> layer = keras.layers.Identity()
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> run.log(10, {"loss": 1.5})
    >>> require_untrained(run, checkpoint_every=10)  # killed before the first was written
    >>> require_untrained(run, checkpoint_every=5)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: 'run' was trained to step 10 or later, but ...
  """
  rows = read_rows(run.path("metrics.jsonl")).rows
  logged = max((row["step"] for row in rows), default=0)
  if logged > checkpoint_every or os.path.exists(run.path("encoder.keras")):
    raise UserError(
      f"{run.folder!r} was trained to step {logged} or later, but {run.path('checkpoints')} has no "
      "checkpoint any more. Nothing was changed: bring that folder back from a copy, or choose "
      "another --run to train from the beginning"
    )
