"""The dataclasses that the flags of the evaluating commands become; imports little."""

import dataclasses

from contrastive_audio.cli.open_data import DataChoice, DataLocation
from contrastive_audio.errors import UserError

METRICS = ("accuracy", "macro_accuracy", "mAP")
TRAIN_ON = ("clips", "windows")
KNN_PROTOCOLS = ("split", "patches")
_DIGITS = 10  # of a number that is too large for a seed


@dataclasses.dataclass(frozen=True)
class TaskChoice:
  """Which task.

  Attributes:
    name: a card, a path, or an audio data set of tensorflow-datasets.
    metric: one of METRICS, for a task without a card.
    audio_root: folder that holds the folders esc10 and philharmonia, for the tasks that need them.
    background: class of what a table with times leaves unlabelled; None: that is not used.

  Example:
    >>> TaskChoice("esc50").metric
    'accuracy'
  """

  name: str
  metric: str = "accuracy"
  audio_root: str | None = None
  background: str | None = None


@dataclasses.dataclass(frozen=True)
class Condition:
  """How many training labels a method sees, and how many of them are wrong.

  Attributes:
    labels_per_class: number of training clips of each class; None: all.
    label_noise: share of the training labels that are flipped to another class.

  Example:
    >>> Condition(10, 0.4).name
    '10 per class, 40 % flipped'
  """

  labels_per_class: int | None = None
  label_noise: float = 0.0

  @property
  def name(self) -> str:
    """Human-readable, and the name of a folder."""
    count = f"{self.labels_per_class} per class" if self.labels_per_class else "all labels"
    return count + (f", {100 * self.label_noise:g} % flipped" if self.label_noise else "")


@dataclasses.dataclass(frozen=True)
class EvaluationRequest:
  """What knn, linear and finetune are to evaluate.

  Attributes:
    model: as `--model` takes it.
    task: which task.
    location: where its data is.
    conditions: how many training labels are seen; at least one.
    seed: of splits, labels and weights.
    output: folder for results; None: they are only printed.
    clip_pooling: one of configuration.CLIP_POOLINGS, in place of the model's; None: that.

  Example:
    >>> EvaluationRequest("runs/mine", TaskChoice("esc50")).conditions[0].name
    'all labels'
  """

  model: str
  task: TaskChoice
  location: DataLocation = dataclasses.field(default_factory=DataLocation)
  conditions: tuple[Condition, ...] = dataclasses.field(default_factory=lambda: (Condition(),))
  seed: int = 0
  output: str | None = None
  clip_pooling: str | None = None


@dataclasses.dataclass(frozen=True)
class WindowChoice:
  """How recordings are cut into windows.

  Attributes:
    hop_s: from one window to the next; None: as the command has it.
    window_s: length of a window; None: what the model hears at once.

  Example:
    >>> WindowChoice().is_given, WindowChoice(hop_s=0.5).is_given
    (False, True)
  """

  hop_s: float | None = None
  window_s: float | None = None

  @property
  def is_given(self) -> bool:
    """Whether the user chose anything."""
    return self != WindowChoice()


@dataclasses.dataclass(frozen=True)
class EmbeddingRequest:
  """What embed, neighbours and detect are to embed.

  Attributes:
    model: as `--model` takes it.
    input: which clips.
    location: where they are.
    seed: of random weights.
    clip_pooling: one of configuration.CLIP_POOLINGS, in place of the model's; None: that.
    windows: how recordings are cut.

  Example:
    >>> EmbeddingRequest("runs/mine", DataChoice(("clips",))).windows.is_given
    False
  """

  model: str
  input: DataChoice
  location: DataLocation = dataclasses.field(default_factory=DataLocation)
  seed: int = 0
  clip_pooling: str | None = None
  windows: WindowChoice = dataclasses.field(default_factory=WindowChoice)


@dataclasses.dataclass(frozen=True)
class ThresholdChoice:
  """What thresholds are to achieve; at most one of them is given.

  Attributes:
    threshold: the same for all classes.
    precision: share of the clips above the threshold of a class that have the class.
    recall: share of the clips of a class that are above its threshold.

  Raises:
    UserError: two of them are given.

  Example:
    >>> ThresholdChoice(threshold=0.0).given
    ['threshold']
  """

  threshold: float | None = None
  precision: float | None = None
  recall: float | None = None

  def __post_init__(self) -> None:
    if len(self.given) > 1:
      first, second, *_ = self.given
      raise UserError(f"--{first} and --{second} both choose a threshold: pass one of them")

  @property
  def given(self) -> list[str]:
    """The names of those that the user chose."""
    return [name for name, value in dataclasses.asdict(self).items() if value is not None]


def parse_conditions(
  labels_per_class: list[str] | None, label_noise: float
) -> tuple[Condition, ...]:
  """Returns the conditions that --labels_per_class and --label_noise mean.

  Args:
    labels_per_class: texts, each a positive number or "all"; None: all labels.
    label_noise: share of the training labels that are flipped.

  Raises:
    UserError: one of the texts is neither, or is given twice.

  Example:
    >>> [condition.name for condition in parse_conditions(["1", "all"], 0.0)]
    ['1 per class', 'all labels']
  """
  counts: list[int | None] = []
  for text in labels_per_class or ["all"]:
    if text != "all" and (not text.isdecimal() or int(text) < 1):
      value = ",".join(labels_per_class or ())
      raise UserError(f"--labels_per_class={value}: write positive numbers, or all: 1,5,10,all")
    counts.append(None if text == "all" else int(text))
  if len(set(counts)) < len(counts):
    value = ",".join(labels_per_class or ())
    raise UserError(f"--labels_per_class={value}: the same number twice adds nothing")
  return tuple(Condition(count, label_noise) for count in counts)


def parse_seeds(texts: list[str]) -> list[int]:
  """Returns the seeds that --seeds means.

  Args:
    texts: its items.

  Raises:
    UserError: one of them is not a number, or is given twice, or there is none.

  Example:
    >>> parse_seeds(["0", "1"])
    [0, 1]
  """
  if not texts or not all(text.isdecimal() and len(text) < _DIGITS for text in texts):
    raise UserError(f"--seeds={','.join(texts)}: write numbers: 0,1,2")
  seeds = list(map(int, texts))
  if len(set(seeds)) < len(seeds):
    raise UserError(f"--seeds={','.join(texts)}: the same seed twice adds nothing")
  return seeds
