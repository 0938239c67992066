"""A run folder: everything that belongs to one training, enough to resume, evaluate and export it.

config.json      system, configuration, data, front end, versions, command
metrics.jsonl    one JSON object for each logged step; monitors add objects of their own
tensorboard/     the same numbers for TensorBoard
plots/           figures: training.png, knn.png, pairs.png
skipped.csv      clips that could not be used, with the reason
missing.csv      clips that the data set lists but does not hold, if there are any
checkpoints/     the last two checkpoints: weights, optimizer slots, step
encoder.keras    the trained encoder: log-mels in, embeddings out
head.keras       the projection head, which only evaluations by its paper need
saved_model/     the encoder with its front end: waveforms in, embeddings out
not_finite.json  step and clips of a loss that was not finite, if that ended the run
lock             keeps two processes from training in the folder
"""

import contextlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import filelock
import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.utils.files import make_folder, replacing, write_text

Scalar = str | int | float | bool | None

# A run is another one if any of these changes; versions and command are only recorded.
_IDENTITY = ("system", "config", "data")


class Run:
  """One run folder.

  Attributes:
    folder: its path.
    config: the content of config.json.

  Example:
    >>> front_end = keras.layers.Identity()  # stands in for a FrontEnd
    >>> run = Run.start_or_resume("run", "cola", {"steps": 20}, {"clips": 8}, front_end)
    >>> run.log(10, {"loss": 1.5})
    >>> Run.open("run").metrics("loss")
    (array([10]), array([1.5]))
  """

  def __init__(self, folder: str, config: dict[str, Any]):
    """Describes a folder; see `open` and `start_or_resume`.

    Args:
      folder: its path.
      config: the content of its config.json.
    """
    self.folder = folder
    self.config = config
    self._board: Any = None  # TensorBoard's writer, once something is logged

  @classmethod
  def open(cls, folder: str) -> "Run":
    """Opens an existing run.

    Args:
      folder: its path.

    Raises:
      UserError: the folder is not a run.
    """
    path = os.path.join(folder, "config.json")
    try:
      with open(path, encoding="utf-8") as file:
        return cls(folder, json.load(file))
    except (OSError, json.JSONDecodeError) as error:
      raise UserError(f"{folder!r} is not a run folder: cannot read {path}") from error

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
  ) -> "Run":
    """Creates a run folder, or opens it if it is a run with the same settings.

    Args:
      folder: its path.
      system: "cola" or "mixback".
      config: fields of the system's configuration.
      data: what identifies the clips: their number, a digest.
      front_end: the FrontEnd of the run.
      command: the command of the system that creates the run.
      defaults: defaults of the configuration's fields, for runs of versions that lacked some.

    Returns:
      The run.

    Raises:
      UserError: the folder is a run with other settings, which the message names, or not a run.
    """
    settings = {"system": system, "config": dict(config), "data": dict(data)}
    if os.path.exists(os.path.join(folder, "config.json")):
      run = cls.open(folder)
      run._require_same(settings, defaults or {})
      return run
    if os.path.isdir(folder) and set(os.listdir(folder)) - {"lock"}:
      raise UserError(f"{folder!r} holds files but not a run: choose another folder with --run")
    make_folder(os.path.join(folder, "plots"))
    record = settings | {
      "input": keras.saving.serialize_keras_object(front_end),
      "versions": versions(),
      "command": shlex.join(["python", "-m", f"{system}.{command}", *sys.argv[1:]]),
    }
    text = json.dumps(record, indent=2) + "\n"
    write_text(os.path.join(folder, "config.json"), text)
    return cls(folder, json.loads(text))

  def _require_same(self, settings: dict[str, Any], defaults: Mapping[str, Scalar]) -> None:
    settings = json.loads(json.dumps(settings))
    old, new = ({key: c.get(key) for key in _IDENTITY} for c in (self.config, settings))
    if old["system"] != new["system"]:
      raise UserError(
        f"{self.folder!r} holds a run of {old['system']}, not of {new['system']}: "
        "choose another folder with --run"
      )
    old["config"] = dict(defaults) | (old["config"] or {})
    if differences := list(_differences(old, new)):
      raise UserError(
        f"{self.folder!r} holds a run with other settings: {'; '.join(differences)}. "
        "Use its settings to resume it, or another --run"
      )

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
      UserError: another process is training in it.
    """
    lock = filelock.FileLock(self.path("lock"))
    try:
      lock.acquire(timeout=0)
    except filelock.Timeout as error:
      raise UserError(f"another process is training in {self.folder!r}") from error
    try:
      yield
    finally:
      lock.release()

  def front_end(self) -> FrontEnd:
    """Returns the front end of this run."""
    return keras.saving.deserialize_keras_object(self.config["input"])

  def encoder(self) -> keras.Model:
    """Returns the trained encoder.

    Raises:
      UserError: the run has none yet.
    """
    if not os.path.exists(self.path("encoder.keras")):
      raise UserError(f"{self.folder!r} has no encoder.keras yet: let its training end or stop it")
    return keras.saving.load_model(self.path("encoder.keras"), compile=False)

  def head(self) -> keras.Model | None:
    """Returns the projection head; None if the run has none."""
    if not os.path.exists(self.path("head.keras")):
      return None
    return keras.saving.load_model(self.path("head.keras"), compile=False)

  def save_networks(self, encoder: keras.Model, head: keras.Model | None = None) -> None:
    """Writes encoder.keras and head.keras, each atomically.

    Args:
      encoder: log-mels -> embeddings.
      head: embeddings -> projections; None if it is not known.
    """
    for name, network in (("head", head), ("encoder", encoder)):
      if network is not None:
        with replacing(self.path(f"{name}.keras")) as unfinished:
          network.save(unfinished)

  def log(self, step: int, values: Mapping[str, float]) -> None:
    """Appends measurements to metrics.jsonl and to TensorBoard's file.

    Args:
      step: the step they belong to.
      values: metric -> value.
    """
    numbers = {name: float(value) for name, value in values.items()}
    line = json.dumps({"step": int(step), **numbers})
    with open(self.path("metrics.jsonl"), "a", encoding="utf-8") as file:
      file.write(line + "\n")
    if self._board is None:
      self._board = tf.summary.create_file_writer(self.path("tensorboard"))
    with self._board.as_default(step=int(step)):
      for name, value in numbers.items():
        tf.summary.scalar(name, value)
    self._board.flush()

  def metrics(self, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values that one metric had.

    Args:
      name: the metric.

    Returns:
      (steps, values); both empty if the metric was never logged.
    """
    rows = [row for row in self._metric_rows() if name in row]
    return np.array([row["step"] for row in rows]), np.array([row[name] for row in rows])

  def forget_after(self, step: int) -> None:
    """Drops the metrics of later steps, which a resumed training will repeat.

    Args:
      step: the last step whose metrics are kept.
    """
    lines = [json.dumps(row) for row in self._metric_rows() if row["step"] <= step]
    write_text(self.path("metrics.jsonl"), "".join(line + "\n" for line in lines))

  def _metric_rows(self) -> list[dict[str, Any]]:
    if not os.path.exists(self.path("metrics.jsonl")):
      return []
    with open(self.path("metrics.jsonl"), encoding="utf-8") as file:
      return list(_complete_rows(file))


def versions() -> dict[str, str]:
  """Returns the versions that results depend on.

  Example:
    >>> sorted(versions())
    ['keras', 'numpy', 'python', 'tensorflow']
  """
  return {
    "python": platform.python_version(),
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "numpy": np.__version__,
  }


def _complete_rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
  """Parses lines; skips one that a killed process left unfinished."""
  for line in lines:
    with contextlib.suppress(json.JSONDecodeError):
      yield json.loads(line)


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[str]:
  for key in sorted(old.keys() | new.keys()):
    before, after = old.get(key), new.get(key)
    if isinstance(before, dict) and isinstance(after, dict):
      yield from _differences(before, after, f"{prefix}{key}.")
    elif before != after:
      name = f"{prefix}{key}".removeprefix("config.")
      yield f"{name} was {before!r} and is now {after!r}"
