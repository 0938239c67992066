"""What an evaluation prints about its task: how many clips train and test, and what to distrust."""

from contrastive_audio.cli.console import line
from contrastive_audio.utils.words import counted
from downstream.cards.splits import Split
from downstream.cards.task_data import TaskData

_NUM_NAMED = 5  # classes in a line


def print_task(data: TaskData, seed: int) -> None:
  """Prints the parts of a task, and why its score may say less than it seems to.

  Args:
    data: the task.
    seed: of a split that is drawn.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.cards.card import Task
    >>> store = prepare(open_synthetic(clips_per_class=5), 16_000)
    >>> print_task(TaskData(Task("synthetic", "synthetic"), store), seed=0)
    task       synthetic: 50 clips, 10 classes, 40 train and 10 test
  """
  splits = data.splits(seed)
  counts = _counts(splits[0])
  if len(splits) > 1:
    counts += f", the first of {len(splits)} splits"
  clips = f"{data.store.num_clips} clips, {len(data.class_names)} classes"
  line("task", f"{data.task.name}: {clips}, {counts}")
  _print_untested(data, seed)
  _print_groups(data, seed)
  _print_overlap(data, seed)


def _counts(split: Split) -> str:
  """Returns how many clips train and test; validation clips of a final fit are training clips."""
  num_train, num_test = len(split.train), len(split.test)
  if split.validation is None:
    return f"{num_train} train and {num_test} test"
  count = len(split.validation)
  if split.refit:
    return f"{num_train + count} train ({count} of them for validation) and {num_test} test"
  return f"{num_train} train and {num_test} test, {count} validation"


def _print_untested(data: TaskData, seed: int) -> None:
  if untested := data.untested(seed):
    names = untested[:_NUM_NAMED] + ["..."] * (len(untested) > _NUM_NAMED)
    count = f"{len(untested)} of {len(data.class_names)} classes ({', '.join(names)})"
    line("untested", f"{count}: no test clip has them, so the score says nothing about them")


def _print_groups(data: TaskData, seed: int) -> None:
  num_divided, num_tested = data.divided_groups(seed)
  if num_divided:
    verb = "has" if num_divided == 1 else "have"
    count = f"{num_divided} of {counted(num_tested, 'group')} with test clips {verb} training clips"
    lost = "the score says nothing about others"
    if num_divided < num_tested:
      lost = "the score may be too high for others"
    line("groups", f"{count}, too: {lost}")


def _print_overlap(data: TaskData, seed: int) -> None:
  num_shared, num_tested = data.num_shared(seed)
  if num_shared:
    count = f"{num_shared} of {num_tested} test clips"
    line("overlap", f"{count} share sound with training clips, so the score may be too high")
