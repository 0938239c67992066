"""A run folder: everything that belongs to one training, enough to resume, judge and export it.

config.json      the configuration, the data, the front end, versions, the command
metrics.jsonl    a line per log step; monitors add their own lines
checkpoints/     weights, optimiser and step
tensorboard/     the same numbers for TensorBoard
skipped.csv      clips that could not be used
encoder.keras    the trained encoder (log-mels in)
saved_model/     the same with its front end (waveform in)
plots/           figures
"""

import contextlib
import json
import os
import platform
import shlex
import sys

import filelock
import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder, replacing, write_text

# A change of one of these makes another training; versions and command are only kept.
_IDENTITY = ("system", "config", "data")


class Run:
  """One run folder.

  Attributes:
    folder: path.
    config: content of config.json.
  """

  def __init__(self, folder, config):
    self.folder = folder
    self.config = config
    self._board = None

  @classmethod
  def open(cls, folder):
    """Opens an existing run.

    Raises:
      UserError: if the folder is not one.
    """
    path = os.path.join(folder, "config.json")
    try:
      with open(path, encoding="utf-8") as file:
        return cls(folder, json.load(file))
    except (OSError, json.JSONDecodeError) as error:
      raise UserError(f"{folder!r} is no run folder: cannot read {path}") from error

  @classmethod
  def start_or_resume(cls, folder, system, config, data, front_end, command="train", defaults=None):
    """Makes a run folder, or opens it if it is a run of the same configuration.

    Args:
      folder: path.
      system: "cola" or "mixback".
      config: dictionary, the dataclass of the system.
      data: dictionary that identifies the clips.
      front_end: the FrontEnd of the run.
      command: which command of the system makes it.
      defaults: of the configuration's fields, for runs of versions that lacked some.

    Returns:
      A Run.

    Raises:
      UserError: the folder is another run (the fields that differ are named), or not a run.
    """
    wanted = {"system": system, "config": config, "data": data}
    if os.path.exists(os.path.join(folder, "config.json")):
      run = cls.open(folder)
      run._require_same(wanted, defaults or {})
      return run
    if os.path.isdir(folder) and set(os.listdir(folder)) - {"lock"}:
      raise UserError(f"{folder!r} holds files but no run: choose another folder with --run")
    make_folder(os.path.join(folder, "plots"))
    wanted["input"] = keras.saving.serialize_keras_object(front_end)
    wanted["versions"] = versions()
    wanted["command"] = shlex.join(["python", "-m", f"{system}.{command}", *sys.argv[1:]])
    run = cls(folder, json.loads(json.dumps(wanted)))
    write_text(run.path("config.json"), json.dumps(wanted, indent=2) + "\n")
    return run

  def _require_same(self, wanted, defaults):
    wanted = json.loads(json.dumps(wanted))
    old, new = ({k: c.get(k) for k in _IDENTITY} for c in (self.config, wanted))
    old["config"] = defaults | (old["config"] or {})
    if differences := list(_differences(old, new)):
      raise UserError(
        f"{self.folder!r} holds a run with other settings: {'; '.join(differences)}. "
        "Use its settings to resume it, or another --run"
      )

  def path(self, *parts):
    """Returns a path inside the folder."""
    return os.path.join(self.folder, *parts)

  @property
  def saved_model(self):
    """Path of the SavedModel."""
    return self.path("saved_model")

  @contextlib.contextmanager
  def locked(self):
    """Keeps other processes from training in this folder."""
    lock = filelock.FileLock(self.path("lock"))
    try:
      lock.acquire(timeout=0)
    except filelock.Timeout as error:
      raise UserError(f"another process is training in {self.folder!r}") from error
    try:
      yield
    finally:
      lock.release()

  def front_end(self):
    """Returns the front end of this run, a FrontEnd layer."""
    return keras.saving.deserialize_keras_object(self.config["input"])

  def encoder(self):
    """Returns the trained encoder.

    Raises:
      UserError: if the run has none yet.
    """
    if not os.path.exists(self.path("encoder.keras")):
      raise UserError(f"{self.folder!r} has no encoder.keras yet: let its training end or stop it")
    return keras.saving.load_model(self.path("encoder.keras"), compile=False)

  def save_encoder(self, encoder):
    """Writes encoder.keras atomically."""
    with replacing(self.path("encoder.keras")) as unfinished:
      encoder.save(unfinished)

  def log(self, step, values):
    """Appends a line to metrics.jsonl, and the same numbers to TensorBoard's file."""
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

  def metrics(self, name):
    """Returns (steps, values), NumPy arrays of one metric."""
    rows = [row for row in self._metric_rows() if name in row]
    return np.array([row["step"] for row in rows]), np.array([row[name] for row in rows])

  def forget_after(self, step):
    """Drops metrics of steps after `step`: they will be made again."""
    lines = [json.dumps(row) for row in self._metric_rows() if row["step"] <= step]
    write_text(self.path("metrics.jsonl"), "".join(line + "\n" for line in lines))

  def _metric_rows(self):
    if not os.path.exists(self.path("metrics.jsonl")):
      return []
    with open(self.path("metrics.jsonl"), encoding="utf-8") as file:
      return list(_whole_rows(file))


def versions():
  """Returns the versions that numbers depend on."""
  return {
    "python": platform.python_version(),
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "numpy": np.__version__,
  }


def _whole_rows(lines):
  """Parses lines, without the one that a killed process left unfinished."""
  for line in lines:
    with contextlib.suppress(json.JSONDecodeError):
      yield json.loads(line)


def _differences(old, new, prefix=""):
  for key in sorted(old.keys() | new.keys()):
    before, after = old.get(key), new.get(key)
    if isinstance(before, dict) and isinstance(after, dict):
      yield from _differences(before, after, f"{prefix}{key}.")
    elif before != after:
      name = f"{prefix}{key}".removeprefix("config.")
      yield f"{name} was {before!r} and is now {after!r}"
