"""What is pre-trained and measured for a table; imports little."""

import dataclasses

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from downstream.cards.all_cards import CARDS
from downstream.choices import Condition

# Suite -> tasks whose training clips pre-train, without their labels.
PRETRAINING_TASKS: dict[str, tuple[str, ...]] = {
  "small": ("digit", "esc10_fold5", "instrument"),
  "papers": (),
  "open": (),
}
# System -> the data set that its paper pre-trains on.
PAPER_DATASETS = {"cola": "audioset", "mixback": "fsdnoisy18k"}


@dataclasses.dataclass(frozen=True)
class PretrainingChoice:
  """A run of `python -m SYSTEM.train`.

  Attributes:
    system: "cola" or "mixback".
    options: flags, (name, value) pairs.
    random: whether to use its network and front end with random weights. A training of one step
      makes them.
    dataset: as `--dataset` takes it; None: the training clips of tasks.
    seed: of the training, whatever the seed of a number is; None: that.

  Example:
    >>> PretrainingChoice("cola", (("recipe", "quick"), ("steps", 100))).flags(seed=0)
    ['--recipe=quick', '--steps=100', '--seed=0', '--monitor_every=0']
  """

  system: str
  options: tuple[tuple[str, str | int | float], ...] = ()
  random: bool = False
  dataset: str | None = None
  seed: int | None = None

  def flags(self, seed: int) -> list[str]:
    """Returns the flags of its command, without those of the data and of the run folder.

    Args:
      seed: of the number that is measured.

    Example:
      >>> PretrainingChoice("cola", (("steps", 100),), random=True).flags(seed=0)
      ['--steps=1', '--seed=0', '--monitor_every=0']
    """
    options = [f"--{name}={value}" for name, value in self.options]
    if self.random:
      others = (each for each in options if not each.startswith(("--steps=", "--set=steps=")))
      options = [*others, "--steps=1"]
    has_curve = "monitor_every" in dict(self.options)
    checks = [] if has_curve else ["--monitor_every=0"]
    return [*options, f"--seed={self.seed_for(seed)}", *checks]

  def seed_for(self, seed: int) -> int:
    """Returns the seed of the training behind a number.

    Args:
      seed: of the number that is measured.
    """
    return seed if self.seed is None else self.seed


@dataclasses.dataclass(frozen=True)
class Measurement:
  """A number that is measured for each seed.

  Attributes:
    model: a PretrainingChoice, or what `--model` takes; `{seed}` in it stands for the seed.
    method: one of methods.METHODS.
    task: as `--task` takes it.
    condition: how many training labels are seen.

  Example:
    >>> Measurement("logmel_stats", "linear", "esc50").condition.name
    'all labels'
  """

  model: PretrainingChoice | str
  method: str
  task: str
  condition: Condition = dataclasses.field(default_factory=Condition)


@dataclasses.dataclass(frozen=True)
class LaboratoryRequest:
  """Where a laboratory works, on which data, with which budget.

  Attributes:
    folder: where everything is kept.
    suite: "small", "papers" or "open".
    location: where data sets are.
    audio_root: folder that holds the folders esc10 and philharmonia, for the tasks that need them.
    protocol: "paper", that of each paper, or "cached": logistic regression on embeddings, and
      fine-tuning with early stopping.
    epochs: largest number of epochs of a training on labels; None: that of the protocol.
    pretraining_dataset: as `--dataset` takes it; None: that of each paper, in the suite "small" the
      training clips of tasks.
    pretraining_tasks: tasks whose training clips pre-train; None: those of the suite.
    training_flags: further flags of every pre-training.

  Raises:
    UserError: one of the tasks is not a card.

  Example:
    >>> LaboratoryRequest("runs/tables").suite
    'small'
  """

  folder: str
  suite: str = "small"
  location: DataLocation = dataclasses.field(default_factory=DataLocation)
  audio_root: str | None = None
  protocol: str = "cached"
  epochs: int | None = None
  pretraining_dataset: str | None = None
  pretraining_tasks: tuple[str, ...] | None = None
  training_flags: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    if unknown := [name for name in self.pretraining_tasks or () if name not in CARDS]:
      raise UserError(f"--pretraining_tasks: there is no card {unknown[0]!r}")
