"""What happens between two steps: counting, guarding, stopping; see also recording.py."""

import math
from collections.abc import Callable, Mapping

import keras

from contrastive_audio.errors import UserError
from contrastive_audio.runs import Run
from contrastive_audio.training.optimizers import rate_of_last_step
from contrastive_audio.utils.files import write_json
from contrastive_audio.utils.stopping import StopRequest
from contrastive_audio.views.excerpts import ExcerptPairs

_SHOWN_CLIPS = 64  # in the message about a loss that is not finite


class StepCounter(keras.callbacks.Callback):
  """Counts finished steps over all resumes; comes first in the list.

  Attributes:
    step: number of the last finished step.

  Example:
    >>> counter = StepCounter(first_step=100)
    >>> counter.on_train_batch_end(0)
    >>> counter.step
    101
  """

  def __init__(self, first_step: int):
    """Starts the count.

    Args:
      first_step: number of steps that earlier calls have finished.
    """
    super().__init__()
    self.step = first_step

  def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
    self.step += 1


class Every(keras.callbacks.Callback):
  """Calls a function after every n-th step.

  Example:
    >>> counter = StepCounter(0)
    >>> every = Every(2, counter, print)
    >>> for batch in range(4):
    ...   counter.on_train_batch_end(batch)
    ...   every.on_train_batch_end(batch)
    2
    4
  """

  def __init__(self, every: int, counter: StepCounter, action: Callable[[int], object]):
    """Chooses the function and its steps.

    Args:
      every: steps from one call to the next; 0: it is never called.
      counter: knows the current step.
      action: `(step)`.
    """
    super().__init__()
    self._every, self._counter, self._action = every, counter, action

  def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
    if self._every and self._counter.step % self._every == 0:
      self._action(self._counter.step)


class FiniteGuard(keras.callbacks.Callback):
  """Ends the run at the first loss or gradient that is not finite, before anything is saved.

  Example:
    >>> import types
    >>> guard = FiniteGuard(run=None, counter=StepCounter(0), pairs=None)
    >>> guard.set_model(types.SimpleNamespace(optimizer=keras.optimizers.SGD(0.1)))
    >>> guard.on_train_batch_end(0, {"loss": 2.5, "gradient_norm": 0.1})  # all is well
  """

  def __init__(self, run: Run, counter: StepCounter, pairs: ExcerptPairs, writes: bool = True):
    """Prepares the report.

    Args:
      run: its folder gets not_finite.json.
      counter: knows the current step.
      pairs: names the clips of a step.
      writes: whether this host writes the report.
    """
    super().__init__()
    self._run, self._counter, self._pairs, self._writes = run, counter, pairs, writes

  def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
    logs = logs or {}
    is_finite = math.isfinite(logs["loss"])
    if not is_finite or not (math.isfinite(logs["gradient_norm"]) or self._is_skipped()):
      self._end(logs["loss"], logs["gradient_norm"])

  def _end(self, loss: float, gradient_norm: float) -> None:
    step, path = self._counter.step, self._run.path("not_finite.json")
    clip_ids = self._pairs.clip_ids(step - 1).numpy().tolist()
    learning_rate = self._learning_rate(gradient_norm)
    if self._writes:
      report = {"step": step, "learning_rate": learning_rate, "clip_ids": clip_ids}
      report["clips"] = self._pairs.store.keys(clip_ids)
      write_json(path, report)
    shown = ", ".join(map(str, clip_ids[:_SHOWN_CLIPS])) + ", ..." * (len(clip_ids) > _SHOWN_CLIPS)
    raise UserError(
      f"step {step}: loss {loss:g}, gradient norm {gradient_norm:g}, learning rate "
      f"{learning_rate:g}, clip ids {shown} (names in {path}). "
      "Nothing of this step was saved; a lower learning rate is the usual cure"
    )

  def _learning_rate(self, gradient_norm: float) -> float:
    """Returns that of the step; loss scaling makes no update of gradients that are not finite."""
    optimizer = self.model.optimizer
    scales = getattr(optimizer, "dynamic_scale", None) is not None
    was_made = math.isfinite(gradient_norm) or not scales
    return rate_of_last_step(optimizer) if was_made else float(optimizer.learning_rate)

  def _is_skipped(self) -> bool:
    """Whether loss scaling skips the step and halves its scale: in float16 some steps overflow."""
    scale = getattr(self.model.optimizer, "dynamic_scale", None)
    return scale is not None and float(scale.value.numpy()) >= 1


class Stopper(keras.callbacks.Callback):
  """Ends `fit` after the step in which a stop was requested; comes last in the list.

  With several hosts, a host tells the others in the next step, and all end after that one.

  Example:
    >>> import types
    >>> model = types.SimpleNamespace(request_stop=lambda stop: None, stop_training=False)
    >>> stopper = Stopper(types.SimpleNamespace(requested=True))
    >>> stopper.set_model(model)
    >>> stopper.on_train_batch_end(0, {})
    >>> model.stop_training
    True
  """

  def __init__(self, stop: StopRequest):
    """Connects it with the signals.

    Args:
      stop: knows whether a stop was requested.
    """
    super().__init__()
    self._stop = stop

  def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
    if self._stop.requested:
      self.model.request_stop(True)
    if (logs or {}).get("stop", self._stop.requested):
      self.model.stop_training = True
