"""Pre-trainings that run once, each in its own process.

A run is identified by a digest of its configuration, as the train command resolves it, and of its
clips. So equal trainings share a run, whatever their flags, and different ones never do.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from contrastive_audio.cli.children import run_child
from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from downstream.model_names import RANDOM
from downstream.papers.measurement import LaboratoryRequest, PretrainingChoice
from downstream.papers.pretraining_clips import PretrainingClips

# Fields that earlier versions lacked, with the values that mean what there was before.
_LATER = {
  "piece_s": None,
  "active": False,
  "balance": 1.0,
  "encoder_width": 1,
  "head_input": "last",
  "microbatch": 0,
}


class Pretrainings:
  """The run folders of a laboratory.

  Attributes:
    clips: which clips pre-train.

  Example:
    >>> runs = Pretrainings(LaboratoryRequest("tables", suite="papers"))
    >>> runs.name_of("random:{seed}", seed=3)
    'random:3'
    >>> model = PretrainingChoice("cola", (("recipe", "quick"), ("steps", 7)), dataset="synthetic")
    >>> runs.name_of(model, seed=3)
    'tables/runs/cola-efficientnet_b0-7x32-seed3-...'
  """

  def __init__(self, request: LaboratoryRequest):
    """Trains nothing yet.

    Args:
      request: where the laboratory works, and on which data.
    """
    self.clips = PretrainingClips(request)
    self._request = request
    self._resolved: dict[tuple[str, ...], dict[str, Any] | UserError] = {}

  def name_of(self, model: PretrainingChoice | str, seed: int) -> str:
    """Returns the model as `--model` takes it, whether it is trained or not.

    Raises:
      UserError: the flags of the pre-training are wrong, or its data is missing.
    """
    if isinstance(model, str):
      return model.replace("{seed}", str(seed))
    folder, _ = self.locate(model, seed)
    return f"{RANDOM}{folder}" if model.random else folder

  def locate(self, model: PretrainingChoice, seed: int) -> tuple[str, bool]:
    """Returns the run folder, and whether the run is finished and exported.

    Raises:
      UserError: see `name_of`.
    """
    folder = os.path.join(self._request.folder, "runs", run_name(self.resolved(model, seed)))
    return folder, os.path.exists(os.path.join(folder, "saved_model"))

  def train(self, model: PretrainingChoice, seed: int) -> None:
    """Pre-trains a model; a run that was stopped resumes.

    Raises:
      UserError: the training failed.
      KeyboardInterrupt: a signal stopped the training, and asks this process to end, too.
    """
    folder, _ = self.locate(model, seed)
    flags = [*self._flags(model, seed), *self._request.training_flags, f"--run={folder}"]
    line("pre-train", f"python -m {model.system}.train {' '.join(flags)}")
    if run_child(f"{model.system}.train", *flags) or not self.locate(model, seed)[1]:
      raise UserError(
        f"the pre-training in {folder} failed (see above); finished steps are kept, and the same "
        "command resumes"
      )

  def resolved(self, model: PretrainingChoice, seed: int) -> dict[str, Any]:
    """Returns what `--print_config` of the train command prints; asks once per pre-training.

    Raises:
      UserError: see `name_of`.
    """
    key = (model.system, *self._flags(model, seed=0))
    if key not in self._resolved:
      self._resolved[key] = _ask(*key)
    answer = self._resolved[key]
    if isinstance(answer, UserError):
      raise answer
    return answer | {"config": answer["config"] | {"seed": model.seed_for(seed)}}

  def _flags(self, model: PretrainingChoice, seed: int) -> list[str]:
    return [*model.flags(seed), *self.clips.flags(model)]


def run_name(resolved: Mapping[str, Any]) -> str:
  """Returns the name of a run folder: readable, and different for different trainings.

  Args:
    resolved: what `--print_config` of the train command prints.

  Example:
    >>> config = {"encoder": "vgg_like", "steps": 80, "batch_size": 16, "seed": 2}
    >>> run_name({"system": "mixback", "config": config, "data": {"clips": 400}})
    'mixback-vgg_like-80x16-seed2-b5c9a90f073d'
  """
  config = resolved["config"]
  older = {name: value for name, value in config.items() if (name, value) not in _LATER.items()}
  text = json.dumps({**resolved, "config": older}, sort_keys=True)
  digest = hashlib.sha256(text.encode()).hexdigest()[:12]
  steps = f"{config['steps']}x{config['batch_size']}"
  return f"{resolved['system']}-{config['encoder']}-{steps}-seed{config['seed']}-{digest}"


def _ask(system: str, *flags: str) -> dict[str, Any] | UserError:
  """Returns what would be trained, or what is wrong with that."""
  command = [sys.executable, "-m", f"{system}.train", *flags, "--print_config"]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode:
    reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return UserError(reason[0].removeprefix("error: "))
  return json.loads(done.stdout)
