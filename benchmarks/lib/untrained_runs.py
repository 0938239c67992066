"""Run folders of networks with random weights: speed does not depend on what was learned."""

import dataclasses
import json
import os

from benchmarks.lib import own_process, systems
from contrastive_audio.errors import UserError
from contrastive_audio.utils.presets import model_folder

# Encoder -> its system, and the recipe whose front end is meant.
SYSTEM_OF = {
  "efficientnet_b0": ("cola", "paper"),
  "frame_cnn": ("cola", "small"),
  "vgg_like": ("mixback", "paper"),
  "resnet18": ("mixback", "paper"),
  "crnn": ("mixback", "paper"),
}


def require_known(flag: str, encoder: str) -> None:
  """Refuses a name that is none of SYSTEM_OF.

  Args:
    flag: that names it.
    encoder: its name.

  Raises:
    UserError: it says which there are.

  Example:
    >>> require_known("encoder", "frame_cnn")
  """
  if encoder not in SYSTEM_OF:
    raise UserError(f"--{flag}={encoder}: there are {', '.join(SYSTEM_OF)}")


def make(encoder: str, folder: str) -> str:
  """Makes a run folder in a process of its own; returns it.

  Args:
    encoder: a key of SYSTEM_OF.
    folder: to make.
  """
  return own_process.call(_make, encoder, folder)


def _make(encoder: str, folder: str) -> str:
  from contrastive_audio.cli.main import start_tensorflow

  start_tensorflow()
  import keras

  from contrastive_audio.runs import Run

  system, recipe = SYSTEM_OF[encoder]
  config = systems.recipe_config(system, recipe, encoder=encoder, mean=-3.0, std=2.0, steps=1)
  fields = dataclasses.asdict(config)
  run = Run.start_or_resume(folder, f"{system}.config", fields, {}, config.front_end())
  keras.utils.set_random_seed(0)
  run.save_networks(systems.model_builder(system)(config).encoder)
  return folder


def sample_rate_hz(model: str) -> int:
  """Returns the rate of a run folder or preset, without TensorFlow.

  Args:
    model: as of --model.

  Example:
    >>> sample_rate_hz("preset:general")
    16000
  """
  with open(os.path.join(model_folder(model), "config.json"), encoding="utf-8") as file:
    return int(json.load(file)["config"]["sample_rate_hz"])
