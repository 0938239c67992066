"""How a classifier is trained on excerpts, and the protocols that have a name; imports little.

cached          logistic regression on embeddings; nothing is trained on excerpts
cola, mixback   what each paper does
early_stopping  fine-tuning as this project recommends it
paper           the protocol of the paper whose system the model is of
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from contrastive_audio.errors import UserError
from contrastive_audio.utils import run_files
from downstream.choices import METRICS
from downstream.model_names import folder_of

OPTIMIZERS = ("adam", "sgd")
SELECTIONS = ("last", "best", "refit")
WINDOWS = ("covering", "padded", "hopping")
AVERAGES = ("logits", "probabilities")
STARTS = ("random", "linear")
BATCHNORMS = ("batch", "fixed")

CACHED, EARLY_STOPPING, PAPER = "cached", "early_stopping", "paper"
# Raised when the same settings give another score, so that tables mix no old results with new ones;
# by what gives the scores. Version 3 of `logistic` fits few clips to the optimum; of both, that
# nothing is chosen by clips of classes that were not trained.
EVALUATION_VERSIONS = {"logistic": 3, "knn": 2, "excerpts": 3}
# Raised when the same weights give other embeddings, so that nothing kept of them is used again.
EMBEDDINGS_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Options:
  """How a classifier, an encoder with a dense layer on top, is trained and evaluated.

  Attributes:
    frozen: the encoder stays as it is; if not, a copy of it is trained.
    optimizer: "adam", or "sgd": momentum 0.9, weight decay 1e-4, and a rate that drops to a tenth
      after each of `drops`.
    learning_rate: of the optimizer.
    drops: shares of the epochs after which the rate of "sgd" drops.
    batch_size: excerpts per step; fewer clips than that are one batch.
    epochs: largest number of epochs.
    selection: which clips train, and whose weights are kept. "last": all training clips, those of
      the last epoch. "best": the clips that are not for validation, those of the epoch with the
      best validation score. "refit": validation clips choose the number of epochs, then a second
      training has as many on all training clips.
    patience: with "best" and "refit": stop after so many epochs without a better validation score;
      None: never.
    windows: by which a clip is scored. "covering": as many as cover it, flush at both ends.
      "padded": end to end, the last filled up with zeros. "hopping": by the hop of the front end,
      what is left at the end is dropped.
    average: what is averaged over the windows of a clip, "logits" or "probabilities".
    start: what the dense layer starts from. "random": as in the papers. "linear": logistic
      regression on the embeddings of the training clips (Kumar et al. 2022, "LP-FT": the first
      gradients of a random layer distort what the encoder has learned).
    inverse_strength: of the regression of start="linear", C of scikit-learn.
    batchnorm: statistics of BatchNorm in training. "batch": those of the batch, and the moving ones
      follow; with `frozen`, this is what mix-back's published code does. "fixed": as in inference.
      None: "fixed" for a frozen encoder, "batch" for one that is trained.
    metric: one of choices.METRICS, of the validation score; with "mAP", clips may have several
      labels, and the loss is the cross entropy of sigmoids.
    seed: of the dense layer, the excerpts and drop-connect.

  Raises:
    UserError: a value is not allowed.

  Example:
    >>> Options(frozen=True, epochs=0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: epochs=0: it has to be at least 1
  """

  frozen: bool
  optimizer: str = "adam"
  learning_rate: float = 1e-3
  drops: tuple[float, ...] = (0.4, 0.8)
  batch_size: int = 64
  epochs: int = 100
  selection: str = "last"
  patience: int | None = None
  windows: str = "covering"
  average: str = "logits"
  start: str = "random"
  inverse_strength: float = 0.1
  batchnorm: str | None = None
  metric: str = "accuracy"
  seed: int = 0

  def __post_init__(self) -> None:
    for name in ("batch_size", "epochs", "patience"):
      value = getattr(self, name)
      if value is not None and value < 1:
        raise UserError(f"{name}={value}: it has to be at least 1")
    for name, allowed in _ALLOWED.items():
      value = getattr(self, name)
      if value is not None and value not in allowed:
        raise UserError(f"{name}={value!r}: allowed are {', '.join(allowed)}")
    if not self.learning_rate > 0:
      raise UserError(f"learning_rate={self.learning_rate}: it has to be above 0")
    if self.patience is not None and self.selection == "last":
      raise UserError("patience needs validation clips, which selection=last does not have")

  @property
  def multi_label(self) -> bool:
    """Whether a clip may have several labels."""
    return self.metric == "mAP"

  @property
  def updates_statistics(self) -> bool:
    """Whether BatchNorm normalises by batches in training, and updates its moving statistics."""
    return (self.batchnorm or ("fixed" if self.frozen else "batch")) == "batch"

  def chosen(self) -> dict[str, Any]:
    """Returns what was chosen, by name, without the seed; for the results."""
    return {name: value for name, value in dataclasses.asdict(self).items() if name != "seed"}


_ALLOWED = {
  "optimizer": OPTIMIZERS,
  "selection": SELECTIONS,
  "windows": WINDOWS,
  "average": AVERAGES,
  "start": STARTS,
  "batchnorm": BATCHNORMS,
  "metric": METRICS,
}

# COLA, sections 3.1 and 3.3: Adam 1e-3, batches of 64; 100 epochs as in the published code, which
# validates nothing. Clips are scored by segments that do not overlap.
_COLA = Options(frozen=True, windows="padded")
# mix-back, released configuration: 0.1 for linear evaluation, 0.01 for fine-tuning.
_MIXBACK = Options(
  frozen=True,
  optimizer="sgd",
  learning_rate=0.1,
  batch_size=128,
  epochs=200,
  selection="best",
  windows="hopping",
  average="probabilities",
)
LINEAR = {"cola": _COLA, "mixback": _MIXBACK}
FINE_TUNING = {
  EARLY_STOPPING: Options(frozen=False, epochs=50, selection="refit", patience=10),
  "cola": dataclasses.replace(_COLA, frozen=False),
  "mixback": dataclasses.replace(_MIXBACK, frozen=False, learning_rate=0.01),
}


def choose(
  protocols: Mapping[str, Options], name: str, changes: Mapping[str, Any], seed: int = 0
) -> Options:
  """Returns the options of a protocol, with some of them changed.

  Args:
    protocols: LINEAR or FINE_TUNING.
    name: one of them.
    changes: fields of Options; those that are None stay as they are.
    seed: of the dense layer, the excerpts and drop-connect.

  Example:
    >>> choose(LINEAR, "cola", {"epochs": 2, "batch_size": None}).epochs
    2
  """
  chosen = {field: value for field, value in changes.items() if value is not None}
  return dataclasses.replace(protocols[name], seed=seed, **chosen)


def resolve(name: str, model: str) -> str:
  """Returns the name of a protocol; "paper" is that of the system of a run, otherwise "cola".

  Args:
    name: as `--protocol` takes it.
    model: as `--model` takes it.

  Raises:
    UserError: the configuration of the run is damaged.

  Example:
    >>> resolve("paper", "random:efficientnet_b0"), resolve("cached", "runs/mine")
    ('cola', 'cached')
  """
  folder = folder_of(model)
  if name != PAPER or not run_files.has_config(folder):
    return "cola" if name == PAPER else name
  system = run_files.read_config(folder)["system"]
  return system if system in LINEAR else "cola"
