"""Pre-trainings that run once, each in its own process."""

import os
import subprocess
import sys
from collections.abc import Callable

from contrastive_audio import datasets
from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import write_text
from downstream.cards.all_cards import CARDS
from downstream.cards.card import AUDIO_ROOT
from downstream.cards.task_data import TaskData
from downstream.papers.measurement import (
  PAPER_DATASETS,
  PRETRAINING_TASKS,
  LaboratoryRequest,
  Pretraining,
)

_RATE_HZ = 16_000  # of the stores that keys are read from; any rate has the same keys


class Pretrainings:
  """The run folders of a laboratory.

  Example:
    >>> runs = Pretrainings(LaboratoryRequest("tables"), open_task=None)
    >>> runs.name_of("random:{seed}", seed=3), runs.is_trained(Pretraining("cola"), seed=0)
    ('random:3', False)
  """

  def __init__(self, request: LaboratoryRequest, open_task: Callable[[str, int], TaskData]):
    """Trains nothing yet.

    Args:
      request: where the laboratory works, and on which data.
      open_task: `(name, sample rate in Hz) -> TaskData`.
    """
    self._request, self._open_task = request, open_task

  def name_of(self, model: Pretraining | str, seed: int) -> str:
    """Returns the model as `--model` takes it, whether it is trained or not."""
    if isinstance(model, str):
      return model.replace("{seed}", str(seed))
    folder = self._folder(model, seed)
    return f"random:{folder}" if model.random else folder

  def is_trained(self, model: Pretraining, seed: int) -> bool:
    """Whether the run is finished and exported."""
    return os.path.exists(os.path.join(self._folder(model, seed), "saved_model"))

  def make(self, model: Pretraining | str, seed: int) -> str:
    """Pre-trains a model unless it is trained; a run that was killed resumes.

    Returns:
      The model as `--model` takes it.

    Raises:
      UserError: the training failed.
    """
    if isinstance(model, Pretraining) and not self.is_trained(model, seed):
      self._train(model, self._folder(model, seed), seed)
    return self.name_of(model, seed)

  def require_data(self, model: Pretraining) -> None:
    """Raises an error unless the data set of a pre-training is there; decodes nothing.

    Raises:
      UserError: it is not there.
    """
    location = self._request.location
    datasets.open_source(self._dataset(model), None, location.data_dir, location.manual_dir)

  def _folder(self, model: Pretraining, seed: int) -> str:
    return os.path.join(self._request.folder, "runs", model.name(seed))

  def _train(self, model: Pretraining, folder: str, seed: int) -> None:
    options = [f"--{name}={value}" for name, value in model.options]
    options += [f"--seed={seed}", f"--run={folder}", "--monitor_every=0"]
    options += self._data_options(model)
    line("pre-train", f"python -m {model.system}.train {' '.join(options)}")
    command = [sys.executable, "-m", f"{model.system}.train", *options]
    process = subprocess.run(command, check=False)
    if process.returncode or not os.path.exists(os.path.join(folder, "saved_model")):
      raise UserError(
        f"the pre-training in {folder} failed (see above); finished steps are kept, and the same "
        "command resumes"
      )

  def _dataset(self, model: Pretraining) -> str:
    return model.dataset or self._request.pretraining_dataset or PAPER_DATASETS[model.system]

  def _data_options(self, model: Pretraining) -> list[str]:
    """Returns the flags that choose the clips of pre-training."""
    location = self._request.location
    fields = {name: getattr(location, name) for name in ("data_dir", "manual_dir", "store_dir")}
    fields["max_bad_fraction"] = location.max_bad_fraction
    shared = [f"--{name}={value}" for name, value in fields.items() if value is not None]
    if self._request.suite == "papers" or model.dataset:
      return [f"--dataset={self._dataset(model)}", *shared]
    root = self._request.audio_root or ""
    cards = [CARDS[name] for name in self._tasks()]
    sources = dict.fromkeys(card.dataset.replace(AUDIO_ROOT, root) for card in cards)
    return [*(f"--dataset={name}" for name in sources), f"--keys={self._write_keys()}", *shared]

  def _tasks(self) -> tuple[str, ...]:
    return self._request.pretraining_tasks or PRETRAINING_TASKS[self._request.suite]

  def _write_keys(self) -> str:
    """Writes the keys of the training clips of all pre-training tasks; returns the path."""
    path = os.path.join(self._request.folder, f"keys-{self._request.suite}.txt")
    keys: list[str] = []
    for task in self._tasks():
      data = self._open_task(task, _RATE_HZ)
      keys += [data.clips.keys[clip_id] for clip_id in data.splits(0)[0].train]
    write_text(path, "".join(f"{key}\n" for key in keys))
    return path
