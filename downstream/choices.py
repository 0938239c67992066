"""The dataclasses that the flags of the evaluating commands become; imports little."""

import dataclasses
import os

from contrastive_audio.cli.open_data import DataLocation
from contrastive_audio.errors import UserError
from contrastive_audio.utils.exchange import bring_back
from contrastive_audio.utils.presets import model_folder
from contrastive_audio.utils.run_files import has_config

LOGMEL_STATS, RANDOM = "logmel_stats", "random:"  # models that are not trained
METRICS = ("accuracy", "macro_accuracy", "mAP")
TRAIN_ON = ("clips", "windows")
KNN_PROTOCOLS = ("split", "patches")
LAYERS = ("embedding", "projection")
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


def require_pooling(name: str, clip_pooling: str | None) -> None:
  """Raises an error if a model has no other way to make the embedding of a clip.

  Args:
    name: as `--model` takes it.
    clip_pooling: as `--clip_pooling` takes it; None: that of the model.

  Raises:
    UserError: the model describes whole clips.

  Example:
    >>> require_pooling("logmel_stats", "windows_max")
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=logmel_stats describes whole clips: leave out ...
  """
  if name == LOGMEL_STATS and clip_pooling:
    raise UserError(f"--model={name} describes whole clips: leave out --clip_pooling")


def require_frames(name: str, frames: bool) -> None:
  """Raises an error if frames are asked for, and a model has none.

  Args:
    name: as `--model` takes it.
    frames: value of `--frames`.

  Raises:
    UserError: the model describes whole clips.

  Example:
    >>> require_frames("logmel_stats", frames=True)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --model=logmel_stats describes whole clips: leave out ...
  """
  if name == LOGMEL_STATS and frames:
    raise UserError(f"--model={name} describes whole clips: leave out --frames")


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
