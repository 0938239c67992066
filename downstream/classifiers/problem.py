"""One split of a task, as a method gets it."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from downstream.cards.task_data import TaskData
from downstream.choices import Condition
from downstream.encoders.models import Model


@dataclasses.dataclass(frozen=True)
class Problem:
  """Clips to fit on, to select by and to score.

  Attributes:
    data: the task with its clips.
    model: what embeds them.
    train: int `[n]`, clips to fit on.
    validation: int `[v]`, clips to select hyper-parameters by; may be empty.
    test: int `[m]`, clips to score; they are never used for model selection.
    targets: float32 `[clips of the data set, C]`; training labels may be flipped, test labels not.
    seed: seed of everything that is drawn.
    folder: where the method may keep its state, or None.
    refit: whether the final classifier is fitted on the validation clips too.
    folds: (clips to fit on, clips to score) of each fold that chooses a regularisation. The data
      set's own validation clips are the only fold, if it has some; empty: there is none.
    condition: how many of the labels are seen.
    split: its name.

  Example:
    >>> clips = {"train": np.array([0, 3]), "validation": np.array([1]), "test": np.array([2])}
    >>> Problem(None, None, **clips, targets=np.eye(4), seed=0).final_train
    array([0, 1, 3])
  """

  data: TaskData
  model: Model
  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray
  targets: np.ndarray
  seed: int
  folder: str | None = None
  refit: bool = True
  folds: Sequence[tuple[np.ndarray, np.ndarray]] = ()
  condition: Condition = dataclasses.field(default_factory=Condition)
  split: str = ""

  @property
  def final_train(self) -> np.ndarray:
    """Clips of the final fit: those of `train` and, with `refit`, those of `validation`."""
    if not self.refit:
      return self.train
    return np.sort(np.concatenate([self.train, self.validation]))


def file_name(text: str) -> str:
  """Returns the name of a folder for what belongs to a split or a condition.

  Args:
    text: its name.

  Example:
    >>> file_name("fold 1")
    'fold_1'
  """
  return "".join(character if character.isalnum() else "_" for character in text)


# A method returns a score for each test clip and class, float `[m, C]`.
Method = Callable[[Problem], np.ndarray]
MakeMethod = Callable[[TaskData, Model], Method]
