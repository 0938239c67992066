"""What keeps cells of a table from being measured: checked once, reported once."""

from collections.abc import Callable

from contrastive_audio.cli.console import line
from contrastive_audio.errors import UserError


class TaskUnusable(UserError):
  """The data of a task is there, but it is not what the task needs.

  Example:
    >>> raise TaskUnusable("no clip of the split train")
    Traceback (most recent call last):
    downstream.papers.obstacles.TaskUnusable: no clip of the split train
  """


class Obstacles:
  """Tasks and pre-trainings that cannot be used, with the reasons.

  Example:
    >>> obstacles = Obstacles()
    >>> obstacles.add("esc50", "no such folder")
    no data    esc50: no such folder
    >>> obstacles.blocks("esc50", check=None), obstacles.blocks("musan", check=lambda: None)
    (True, False)
  """

  def __init__(self) -> None:
    self._reasons: dict[str, str | None] = {}

  def blocks(self, name: str, check: Callable[[], None]) -> bool:
    """Whether something cannot be used.

    Args:
      name: of the task or pre-training.
      check: raises a UserError if it cannot be used; called once per name.
    """
    if name not in self._reasons:
      try:
        check()
        self._reasons[name] = None
      except UserError as error:
        self.add(name, str(error))
    return self._reasons[name] is not None

  def add(self, name: str, reason: str) -> None:
    """Records and prints why something cannot be used."""
    self._reasons[name] = reason
    line("no data", f"{name}: {reason}")
