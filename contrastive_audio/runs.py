"""A run folder: everything that belongs to one training, enough to resume, evaluate and export it.

config.json      system, configuration, data, front end, versions, command
metrics.jsonl    one JSON object for each logged step; monitors add objects of their own
tensorboard/     the same numbers for TensorBoard, with figures and histograms
tracking.json    ids of the runs of wandb and MLflow, if they were asked for
monitored.json   digest of the clips that evaluate the run
plots/           figures: training.png, knn.png, knn_confusion.png, pairs.png
classifier.npz   of a fine-tuned model, which has no head.keras: embeddings in, scores out
skipped.csv      clips that could not be used, with the reason
missing.csv      clips that the data set lists but does not hold, if there are any
checkpoints/     the last two checkpoints: weights, optimizer slots, step
encoder.keras    the trained encoder: log-mels in, embeddings out
head.keras       the projection head, which only evaluations by its paper need
saved_model/     the encoder with its front end: waveforms in, embeddings out
not_finite.json  step and clips of a loss that was not finite, if that ended the run
lock, lock.json  keep two processes from training in the folder, and say which one does

A folder becomes a run with its config.json; before, it holds nothing but a lock. So the same
command goes on after a kill or a full disk at any moment.
"""

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from contrastive_audio.errors import UserError, reason_of
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.frontend.saved import open_front_end
from contrastive_audio.networks.keras_files import load_network, save_network
from contrastive_audio.utils import run_files
from contrastive_audio.utils.files import make_folder, write_text
from contrastive_audio.utils.json_lines import drop_rows_after, read_rows
from contrastive_audio.utils.locks import FolderLock
from contrastive_audio.utils.presets import model_folder
from contrastive_audio.utils.settings import extended_steps
from contrastive_audio.utils.tracking import TensorBoard, Trackers
from contrastive_audio.utils.versions import versions

Scalar = str | int | float | bool | None

_ACTIVITY = "is training this run"  # of whoever holds the lock
_CURE = "the command that trained the run writes it again from its last checkpoint"


class Run:
  """One run folder.

  Attributes:
    folder: its path.
    config: the content of config.json.
    trackers: TensorBoard, and whatever else shows the training.

  Example:
    >>> front_end = keras.layers.Identity()  # stands in for a FrontEnd
    >>> run = Run.start_or_resume("run", "cola", {"steps": 20}, {"clips": 8}, front_end)
    >>> run.log(10, {"loss": 1.5})
    >>> Run.open("run").metrics("loss")
    (array([10]), array([1.5]))
  """

  def __init__(self, folder: str, config: dict[str, Any], lock: FolderLock | None = None):
    """Describes a folder; see `open` and `start_or_resume`.

    Args:
      folder: its path.
      config: the content of its config.json.
      lock: what this process has locked it with, or will; None: a lock of its own.
    """
    self.folder = folder
    self.config = config
    self._lock = lock or self.lock(folder)
    self.trackers = Trackers([TensorBoard(self.path("tensorboard"))])

  @classmethod
  def open(cls, folder: str) -> "Run":
    """Opens an existing run.

    Args:
      folder: its path, or preset:NAME.

    Raises:
      UserError: the folder is not a run, or there is no such preset.
    """
    folder = model_folder(folder)
    return cls(folder, run_files.read_config(folder))

  @staticmethod
  def lock(folder: str) -> FolderLock:
    """Returns what keeps other processes from training in a folder, once it is held.

    Args:
      folder: of a run, or of one that will be made.
    """
    return FolderLock(folder, _ACTIVITY)

  @classmethod
  def start_or_resume(
    cls,
    folder: str,
    system: str,
    config: Mapping[str, Scalar],
    data: Mapping[str, Scalar],
    front_end: keras.layers.Layer,
    command: str = "train",
    defaults: Mapping[str, Scalar] | None = None,
    fixed_steps: str | None = None,
    lock: FolderLock | None = None,
  ) -> "Run":
    """Creates a run folder, or opens it if it is a run with the same settings, see `settings`.

    Args:
      folder: its path.
      system: "cola" or "mixback".
      config: fields of the system's configuration.
      data: what identifies the clips: their number, a digest.
      front_end: the FrontEnd of the run.
      command: the command of the system that creates the run.
      defaults: defaults of the configuration's fields, for runs of versions that lacked some.
      fixed_steps: why the number of steps cannot grow; None: it can.
      lock: `Run.lock(folder)`, if the caller holds it; None: it is held while this looks.

    Raises:
      UserError: the folder is a run with other settings, or not a run; or another process trains.
    """
    settings = {"system": system, "config": dict(config), "data": dict(data)}
    if not run_files.has_config(folder):
      run_files.require_free(folder)
    make_folder(folder)
    lock = lock or cls.lock(folder)
    with lock.held():
      if run_files.has_config(folder):
        return cls.resume(folder, settings, defaults, fixed_steps, lock)
      return cls.create(folder, settings, front_end, f"{system}.{command}", lock)

  @classmethod
  def create(
    cls,
    folder: str,
    settings: Mapping[str, Any],
    front_end: keras.layers.Layer,
    module: str,
    lock: FolderLock | None = None,
  ) -> "Run":
    """Makes a run of a folder, whatever else stands in it; for whoever holds its lock.

    Args:
      folder: its path.
      settings: system, config and data, see `start_or_resume`; fine_tuning, of a fine-tuned model.
      front_end: the FrontEnd of the run.
      module: of the command that creates the run.
      lock: see `start_or_resume`.
    """
    run_files.clear_up(folder)
    record = dict(settings) | {
      "input": keras.saving.serialize_keras_object(front_end),
      "versions": versions(),
      "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
    }
    run = cls(folder, json.loads(json.dumps(record)), lock)
    run._write_config()
    return run

  @classmethod
  def resume(
    cls,
    folder: str,
    settings: Mapping[str, Any],
    defaults: Mapping[str, Scalar] | None = None,
    fixed_steps: str | None = None,
    lock: FolderLock | None = None,
  ) -> "Run":
    """Opens a run if it has some settings; extends it if only their number of steps is larger.

    Args:
      folder: its path.
      settings: see `create`.
      defaults: see `start_or_resume`.
      fixed_steps: see `start_or_resume`.
      lock: see `start_or_resume`.

    Raises:
      UserError: the run has other settings.
    """
    run, new = cls(folder, run_files.read_config(folder), lock), json.loads(json.dumps(settings))
    if steps := extended_steps(folder, run.config, new, defaults or {}, fixed_steps):
      run.config["config"]["steps"] = steps
      run._write_config()
    return run

  def _write_config(self) -> None:
    write_text(self.path(run_files.CONFIG), json.dumps(self.config, indent=2) + "\n")

  def path(self, *names: str) -> str:
    """Returns a path inside the folder.

    Args:
      *names: folders, then a file.
    """
    return os.path.join(self.folder, *names)

  @property
  def saved_model(self) -> str:
    """Path of the SavedModel."""
    return self.path("saved_model")

  @contextlib.contextmanager
  def locked(self) -> Iterator[None]:
    """Keeps other processes from training in this folder.

    Raises:
      UserError: another process is training in it; the message says which one.
    """
    with self._lock.held():
      yield

  def front_end(self) -> FrontEnd:
    """Returns the front end of this run.

    Raises:
      UserError: config.json is damaged, or of a version that has other front ends.
    """
    try:
      return open_front_end(self.config["input"])
    except Exception as error:  # whatever stands there
      raise UserError(
        f"{self.path(run_files.CONFIG)} holds no front end that this version can build "
        f"({reason_of(error)}): update this package, or bring the file back from a copy"
      ) from error

  def encoder(self) -> keras.Model:
    """Returns the trained encoder.

    Raises:
      UserError: the run has none yet, or it is damaged.
    """
    if not os.path.exists(self.path("encoder.keras")):
      raise UserError(f"{self.folder!r} has no encoder.keras yet: let its training end or stop it")
    return load_network(self.path("encoder.keras"), _CURE, rank=4)

  def head(self) -> keras.Model | None:
    """Returns the projection head; None if the run has none.

    Raises:
      UserError: it is damaged.
    """
    path = self.path("head.keras")
    return load_network(path, _CURE, rank=2) if os.path.exists(path) else None

  def save_networks(self, encoder: keras.Model, head: keras.Model | None = None) -> None:
    """Writes encoder.keras and head.keras, each atomically.

    Args:
      encoder: log-mels -> embeddings.
      head: embeddings -> projections; None if it is not known.
    """
    for name, network in (("head", head), ("encoder", encoder)):
      if network is not None:
        save_network(network, self.path(f"{name}.keras"))

  def log(self, step: int, values: Mapping[str, float]) -> None:
    """Appends measurements to metrics.jsonl, and tells them to the trackers.

    Args:
      step: the step they belong to.
      values: metric -> value.
    """
    numbers = {name: float(value) for name, value in values.items()}
    line = json.dumps({"step": int(step), **numbers})
    with open(self.path("metrics.jsonl"), "a", encoding="utf-8") as file:
      file.write(line + "\n")
    self.trackers.log(int(step), numbers)

  def metrics(self, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns (steps, values) of one metric; both are empty if it was never logged.

    Args:
      name: the metric.
    """
    rows = [row for row in read_rows(self.path("metrics.jsonl")).rows if name in row]
    return np.array([row["step"] for row in rows]), np.array([row[name] for row in rows])

  def forget_after(self, step: int, unfinished: str | None = None) -> None:
    """Drops the metrics of later steps, which a resumed training will repeat.

    Args:
      step: the last step whose metrics are kept.
      unfinished: a metric; its row of that very step, too, will be repeated.
    """
    drop_rows_after(self.path("metrics.jsonl"), step, unfinished)
