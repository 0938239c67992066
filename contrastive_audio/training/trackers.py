"""wandb and MLflow: a training is shown there by their own Keras callbacks, and the rest beside.

The callbacks log what `fit` does; losses of single steps, therefore, where TensorBoard has means.
What monitors measure, speed, figures and hyper-parameters come from the trackers. A training that
goes on is the same run there.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.runs import Run
from contrastive_audio.utils.files import read_json, write_json
from contrastive_audio.utils.tracking import Trackers

PROJECT = "contrastive-audio"
EVERY = 10  # steps
_IDS = "tracking.json"  # in the run folder: name of a tracker -> id of the run there

Callbacks = list[keras.callbacks.Callback]


@contextlib.contextmanager
def tracked(run: Run, names: Sequence[str]) -> Iterator[Callbacks]:
  """Adds trackers to a run until the block ends.

  Args:
    run: what is trained.
    names: some of utils.extras.TRACKERS.

  Yields:
    The callbacks that `fit` needs.

  Raises:
    UserError: a tracker cannot be reached.

  Example:
    >>> layer = keras.layers.Identity()
    >>> run = Run.start_or_resume("run", "cola", config={}, data={}, front_end=layer)
    >>> with tracked(run, []) as callbacks:
    ...   len(callbacks), len(run.trackers)
    (0, 0)
  """
  kept = run.trackers
  with contextlib.ExitStack() as at_the_end:
    opened = [at_the_end.enter_context(_opened(name, run)) for name in names if name in _OPENERS]
    run.trackers = Trackers([*(kept if "tensorboard" in names else ()), *opened])
    try:
      yield [tracker.callback for tracker in opened]
    finally:
      run.trackers = kept


@contextlib.contextmanager
def _opened(name: str, run: Run) -> Iterator[Any]:
  """Opens a tracker; the run there is the one that this training had when it stopped."""
  path = run.path(_IDS)
  ids = read_json(path) or {}
  try:
    tracker = _OPENERS[name](run.folder, ids.get(name))
  except Exception as error:  # each has classes of its own
    raise UserError(f"--log_to={name}: {reason_of(error)}") from error
  write_json(path, ids | {name: tracker.id})
  failed = True
  try:
    yield tracker
    failed = False
  finally:
    tracker.close(failed)


class _Wandb:
  """Weights & Biases; WANDB_MODE=offline, WANDB_PROJECT and the like mean what they always do."""

  def __init__(self, folder: str, run_id: str | None):
    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    class Logger(WandbMetricsLogger):
      def on_train_begin(self, logs: Any = None) -> None:
        taken = self.model.steps.taken(self.model.optimizer)
        self.global_batch = self.global_step = int(taken)

    self._wandb = wandb
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    name = os.path.basename(os.path.abspath(folder))
    self._run = wandb.init(project=project, name=name, dir=folder, id=run_id, resume="allow")
    self.id = self._run.id
    self.callback = Logger(log_freq=EVERY)

  def log(self, step: int, numbers: Mapping[str, float]) -> None:
    if rest := _not_of_fit(numbers):
      self._run.log(rest | {"train_step": step})

  def image(self, step: int, name: str, path: str) -> None:
    self._run.log({name: self._wandb.Image(path), "train_step": step})

  def histogram(self, step: int, name: str, values: np.ndarray) -> None:
    self._run.log({name: self._wandb.Histogram(values), "train_step": step})

  def describe(self, settings: Mapping[str, Any]) -> None:
    self._run.config.update(dict(settings), allow_val_change=True)

  def close(self, failed: bool) -> None:
    self._run.finish(exit_code=int(failed))


class _Mlflow:
  """MLflow; MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say where."""

  def __init__(self, folder: str, run_id: str | None):
    import mlflow
    from mlflow.tensorflow import MlflowCallback

    self._mlflow = mlflow
    if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
      mlflow.set_experiment(PROJECT)
    name = os.path.basename(os.path.abspath(folder))
    self.id = mlflow.start_run(run_id, run_name=name).info.run_id
    self.callback = MlflowCallback(log_every_epoch=False, log_every_n_steps=EVERY)

  def log(self, step: int, numbers: Mapping[str, float]) -> None:
    if rest := _not_of_fit(numbers):
      self._mlflow.log_metrics(rest, step)

  def image(self, step: int, name: str, path: str) -> None:
    self._mlflow.log_artifact(path)

  def histogram(self, step: int, name: str, values: np.ndarray) -> None:
    """MLflow has none."""

  def describe(self, settings: Mapping[str, Any]) -> None:
    known = self._mlflow.get_run(self.id).data.params  # which MLflow never changes
    self._mlflow.log_params({name: settings[name] for name in settings.keys() - known.keys()})

  def close(self, failed: bool) -> None:
    self._mlflow.end_run("FAILED" if failed else "FINISHED")


_OPENERS: dict[str, Callable[[str, str | None], Any]] = {"wandb": _Wandb, "mlflow": _Mlflow}


def _not_of_fit(numbers: Mapping[str, float]) -> dict[str, float]:
  """Returns what the callbacks do not log by themselves."""
  return {name: value for name, value in numbers.items() if not name.startswith("train/")}
