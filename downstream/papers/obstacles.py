"""What keeps cells of a table from being measured: looked for once, and said once."""

from contrastive_audio.errors import UserError


class TaskUnusable(UserError):
  """The data of a task is there, and is not what the task needs."""


class Obstacles:
  """Names -> the reason why they cannot be used, where one was found."""

  def __init__(self):
    self._reasons = {}

  def found(self, what, check):
    """Whether something is missing.

    Args:
      what: its name.
      check: a callable that raises UserError if it is; called once for each name.
    """
    if what not in self._reasons:
      try:
        check()
        self._reasons[what] = None
      except UserError as error:
        self.add(what, str(error))
    return self._reasons[what] is not None

  def add(self, what, reason):
    """Remembers a reason, and prints it."""
    self._reasons[what] = reason
    print(f"no data    {what}: {reason}", flush=True)
