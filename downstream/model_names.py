"""What --model may name, and what such a model can do; without TensorFlow, by names and folders."""

import os

from contrastive_audio.errors import UserError
from contrastive_audio.utils.exchange import bring_back
from contrastive_audio.utils.presets import model_folder
from contrastive_audio.utils.run_files import has_config

LOGMEL_STATS, RANDOM = "logmel_stats", "random:"  # models that are not trained
LAYERS = ("embedding", "projection")


def folder_of(name: str) -> str:
  """Returns the folder of a model, or of the run whose network random: takes.

  Args:
    name: as `--model` takes it.

  Raises:
    UserError: it is no preset of this installation.

  Example:
    >>> folder_of("random:runs/mine")
    'runs/mine'
  """
  return model_folder(name.removeprefix(RANDOM))


def require_model(name: str) -> None:
  """Raises an error unless a text can be the name of a model; quick, only looks at folders.

  Args:
    name: as `--model` takes it.

  Raises:
    UserError: what a model can be.

  Example:
    >>> require_model("no/such/run")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=no/such/run: there is no such folder; ...
  """
  if name == LOGMEL_STATS or name == RANDOM + "efficientnet_b0":
    return
  folder = folder_of(name)
  if not os.path.isdir(folder):
    bring_back(folder)  # an export may have been killed while it replaced the model
  is_run = has_config(folder)
  if name.startswith(RANDOM):
    if not is_run:
      raise UserError(
        f"--model={name}: random: is followed by efficientnet_b0, or by a run folder, whose "
        "network and front end are used"
      )
  elif not os.path.isdir(folder):
    raise UserError(
      f"--model={name}: there is no such folder; a model is a run folder, preset:NAME, an exported "
      f"SavedModel, {LOGMEL_STATS}, random:efficientnet_b0 or random:RUN"
    )
  elif not is_run and not os.path.exists(os.path.join(folder, "saved_model.pb")):
    raise UserError(
      f"--model={name}: the folder holds neither a run (config.json) nor a SavedModel "
      "(saved_model.pb)"
    )


def require_parts(name: str, clip_pooling: str | None = None, frames: bool = False) -> None:
  """Raises an error if flags ask for parts of clips, and a model describes clips as a whole.

  Args:
    name: as `--model` takes it.
    clip_pooling: as `--clip_pooling` takes it; None: that of the model.
    frames: value of `--frames`.

  Raises:
    UserError: the model has neither windows nor frames.

  Example:
    >>> require_parts("logmel_stats")
    >>> require_parts("logmel_stats", clip_pooling="windows_max")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=logmel_stats describes whole clips: leave out ...
  """
  for flag, value in (("clip_pooling", clip_pooling), ("frames", frames)):
    if name == LOGMEL_STATS and value:
      raise UserError(f"--model={name} describes whole clips: leave out --{flag}")


def require_trainable(name: str) -> None:
  """Raises an error unless a model has weights that can be trained; quick, only looks at folders.

  Args:
    name: as `--model` takes it.

  Raises:
    UserError: it is a baseline or an exported SavedModel.

  Example:
    >>> require_trainable("random:efficientnet_b0")
    >>> require_trainable("logmel_stats")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=logmel_stats has no weights to train: ...
  """
  require_model(name)
  if name == LOGMEL_STATS:
    raise UserError(f"--model={LOGMEL_STATS} has no weights to train: use downstream.linear")
  if not name.startswith(RANDOM) and not has_config(folder_of(name)):
    raise UserError(
      f"--model={name} is an exported SavedModel, whose weights cannot be trained: pass the run "
      "folder that it was exported from, or use downstream.linear with --protocol=cached"
    )


def no_head(name: str) -> UserError:
  """Returns the error of a model without a projection head.

  Args:
    name: as `--model` takes it.

  Example:
    >>> raise no_head("runs/old")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=runs/old has no projection head: ...
  """
  return UserError(
    f"--model={name} has no projection head: choose --layer=embedding, or a run that this version "
    "has trained (with head.keras)"
  )


def require_layer(name: str, layer: str) -> None:
  """Raises an error unless a model has a layer; quick, only looks at folders.

  Args:
    name: as `--model` takes it.
    layer: one of LAYERS.

  Raises:
    UserError: it has no projection head.

  Example:
    >>> require_layer("logmel_stats", "embedding")
    >>> require_layer("logmel_stats", "projection")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=logmel_stats has no projection head: ...
  """
  require_model(name)
  if layer == "projection" and not os.path.exists(os.path.join(folder_of(name), "head.keras")):
    raise no_head(name)
