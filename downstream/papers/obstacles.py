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
    >>> obstacles.check("musan", lambda: None)
    >>> obstacles.block("esc50"), obstacles.block("musan")
    (True, False)
    >>> obstacles.report()
    no data    esc50: no such folder
  """

  def __init__(self) -> None:
    self._reasons: dict[str, str | None] = {}
    self._reported: set[str] = set()

  def check(self, name: str, require: Callable[[], None]) -> None:
    """Finds out whether something can be used.

    Args:
      name: of the task or pre-training.
      require: raises a UserError if it cannot be used; called once per name.
    """
    if name in self._reasons:
      return
    self._reasons[name] = None
    try:
      require()
    except UserError as error:
      self.add(name, str(error))

  def add(self, name: str, reason: str) -> None:
    """Records why something cannot be used."""
    self._reasons[name] = reason

  def block(self, name: str) -> bool:
    """Whether something is known to be unusable."""
    return self._reasons.get(name) is not None

  @property
  def reasons(self) -> list[str]:
    """All reasons, each once."""
    return list(dict.fromkeys(filter(None, self._reasons.values())))

  def report(self) -> None:
    """Prints what cannot be used and has not been printed yet, one line each."""
    for name, reason in self._reasons.items():
      if reason is not None and name not in self._reported:
        line("no data", f"{name}: {reason}")
        self._reported.add(name)
