"""Which clips pre-train: those of a data set, or the training clips of tasks.

The training clips of a task are known once it is opened, which may take TensorFlow. So a process of
its own lists them, `python -m downstream.papers.pretraining_clips REQUEST`, and no device is in use
when a model is pre-trained.
"""

import contextlib
import dataclasses
import json
import os
import sys

import numpy as np

from contrastive_audio import datasets
from contrastive_audio.cli.children import run_child
from contrastive_audio.cli.main import run_main, start_tensorflow
from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import write_text
from downstream.cards.opening import (
  dataset_of,
  open_task,
  require_data,
  task_of,
)
from downstream.cards.published_data import require_dataset
from downstream.cards.splits import Split
from downstream.cards.task_data import TaskData
from downstream.choices import TaskChoice
from downstream.papers.measurement import (
  PAPER_DATASETS,
  PRETRAINING_TASKS,
  LaboratoryRequest,
  PretrainingChoice,
)

_LOCATION_FLAGS = ("data_dir", "manual_dir", "store_dir", "max_bad_fraction", "memory_mb")
_RATE_HZ = 16_000  # of the stores that keys are read from; any rate has the same keys


class PretrainingClips:
  """The clips of the pre-trainings of a laboratory.

  Attributes:
    tasks: whose training clips pre-train the models that have no data set of their own.

  Example:
    >>> clips = PretrainingClips(LaboratoryRequest("tables"))
    >>> clips.tasks
    ('digit', 'esc10_fold5', 'instrument')
    >>> clips.are_of_tasks(PretrainingChoice("cola", dataset="audioset"))
    False
  """

  def __init__(self, request: LaboratoryRequest):
    """Opens nothing yet.

    Args:
      request: where the laboratory works, and on which data.
    """
    self.tasks = tuple(request.pretraining_tasks or PRETRAINING_TASKS[request.suite])
    self._request, self._location = request, request.location
    self._keys_path = os.path.join(request.folder, f"keys-{'-'.join(self.tasks)}.txt")
    self._are_tasks_listed = False
    self._is_local: dict[str, bool] = {}

  def are_of_tasks(self, model: PretrainingChoice) -> bool:
    """Whether the training clips of tasks pre-train a model; otherwise a data set does."""
    return self._request.suite == "small" and model.dataset is None

  def require(self, model: PretrainingChoice) -> None:
    """Raises an error unless the data of a pre-training is there; quick, decodes nothing.

    Raises:
      UserError: what is missing, and where to get it.
    """
    if not self.are_of_tasks(model):
      require_dataset(self._dataset(model), self._location)
      return
    for task in self.tasks:
      require_data(self._choice(task), self._location)

  def are_listed(self, model: PretrainingChoice) -> bool:
    """Whether the clips of a pre-training can be identified without TensorFlow."""
    if self.are_of_tasks(model):
      return os.path.exists(self._keys_path)
    name = self._dataset(model)
    if name not in self._is_local:
      self._is_local[name] = name == "synthetic" or self._lies_on_disk(name)
    return self._is_local[name]

  def list_once(self) -> None:
    """Writes the keys of the training clips of the tasks, by a process of its own; once.

    Raises:
      UserError: the tasks cannot be opened.
    """
    if self._are_tasks_listed:
      return
    self._are_tasks_listed = True
    text = json.dumps(dataclasses.asdict(self._request))
    if run_child("downstream.papers.pretraining_clips", text):
      raise UserError("the clips of pre-training could not be listed (see above)")

  def write_keys(self) -> None:
    """Writes the keys of the training clips of the tasks, one per line; opens the tasks.

    Raises:
      UserError: a task has no training clips that never test.
    """
    keys: list[str] = []
    for task in self.tasks:
      data = open_task(self._choice(task), self._location, _RATE_HZ)
      keys += [data.clips.keys[clip_id] for clip_id in _only_split(data).train]
    write_text(self._keys_path, "".join(f"{key}\n" for key in keys))

  def read_keys(self) -> list[str]:
    """Returns the keys that `list_once` has written."""
    with open(self._keys_path, encoding="utf-8") as file:
      return file.read().splitlines()

  def flags(self, model: PretrainingChoice) -> list[str]:
    """Returns the flags that choose the clips of a pre-training."""
    fields = {name: getattr(self._location, name) for name in _LOCATION_FLAGS}
    shared = [f"--{name}={value}" for name, value in fields.items() if value is not None]
    if not self.are_of_tasks(model):
      return [f"--dataset={self._dataset(model)}", *shared]
    # The path belongs to the configuration of a run: the same one, however it was written.
    root = os.path.abspath(os.path.expanduser(self._request.audio_root or ""))
    choices = [TaskChoice(task, audio_root=root) for task in self.tasks]
    sources = dict.fromkeys(dataset_of(task_of(choice), choice) for choice in choices)
    return [*(f"--dataset={name}" for name in sources), f"--keys={self._keys_path}", *shared]

  def _choice(self, task: str) -> TaskChoice:
    return TaskChoice(task, audio_root=self._request.audio_root)

  def _dataset(self, model: PretrainingChoice) -> str:
    return model.dataset or self._request.pretraining_dataset or PAPER_DATASETS[model.system]

  def _lies_on_disk(self, name: str) -> bool:
    with contextlib.suppress(UserError):
      return datasets.open_local(name, None, self._location.data_dir) is not None
    return False


def _only_split(data: TaskData) -> Split:
  """Returns the split of a task; refuses one whose training clips test in another split."""
  (split, *others), (of_other_seed, *_) = data.splits(0), data.splits(1)
  if others or not np.array_equal(split.test, of_other_seed.test):
    which = f"{1 + len(others)} splits" if others else "a split for each seed"
    raise UserError(
      f"--pretraining_tasks: {data.task.name} has {which}, so its test clips would pre-train; "
      "choose a task with one split, or pass --pretraining_dataset"
    )
  return split


def main(argument: str) -> None:
  fields = json.loads(argument)
  fields["location"] = DataLocation(**fields["location"])
  start_tensorflow()
  PretrainingClips(LaboratoryRequest(**fields)).write_keys()


if __name__ == "__main__":
  run_main(lambda _: main(sys.argv[1]), lambda: None, __doc__, (), sys.argv[:1])
