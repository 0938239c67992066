"""What the flags of downstream.worth become; imports little."""

import dataclasses
from collections.abc import Sequence

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.utils.run_files import has_config
from downstream.choices import Condition, TaskChoice
from downstream.model_names import LOGMEL_STATS, RANDOM, folder_of


@dataclasses.dataclass(frozen=True)
class ComparisonRequest:
  """What worth is to compare.

  Attributes:
    models: as `--model` takes them; the first is judged.
    task: which task.
    location: where its data is.
    conditions: how many training labels are seen.
    may_leave_out: whether conditions that the task has too few labels for are left out.
    seeds: of splits and labels.
    output: folder for results; None: they are only printed.

  Example:
    >>> ComparisonRequest(("runs/mine", "logmel_stats"), TaskChoice("esc50")).seeds
    (0, 1, 2)
  """

  models: tuple[str, ...]
  task: TaskChoice
  location: DataLocation = dataclasses.field(default_factory=DataLocation)
  conditions: tuple[Condition, ...] = (Condition(1), Condition(10), Condition())
  may_leave_out: bool = True
  seeds: tuple[int, ...] = (0, 1, 2)
  output: str | None = None


def compared_models(model: str, against: Sequence[str]) -> tuple[str, ...]:
  """Returns a model, what costs nothing, and others; no model twice.

  Args:
    model: the one that is judged.
    against: others.

  Example:
    >>> compared_models("logmel_stats", ["runs/mine"])
    ('logmel_stats', 'runs/mine')
    >>> compared_models("random:runs/mine", [])
    ('random:runs/mine', 'logmel_stats')
  """
  is_run = not model.startswith(RANDOM) and has_config(folder_of(model))
  free = [RANDOM + model] if is_run else []  # of a SavedModel, the network is not known
  return tuple(dict.fromkeys([model, *free, LOGMEL_STATS, *against]))
