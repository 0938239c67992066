"""The work on a table, in order: look for the data, train what is missing, measure.

All trainings come before the first measurement. So this process uses no device while one of them
runs, and TensorFlow is started only if there is something to measure.
"""

import contextlib
import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from contrastive_audio.cli.console import line
from contrastive_audio.cli.main import start_tensorflow
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder
from contrastive_audio.utils.words import about, counted
from downstream.cards.opening import require_data
from downstream.choices import TaskChoice
from downstream.model_names import require_model, require_trainable
from downstream.papers import methods
from downstream.papers.cells import Cell
from downstream.papers.estimates import Estimate, Estimates
from downstream.papers.measurement import LaboratoryRequest, PretrainingChoice
from downstream.papers.obstacles import Obstacles, TaskUnusable
from downstream.papers.pretrainings import Pretrainings
from downstream.papers.result_files import ResultFiles

if TYPE_CHECKING:
  from downstream.papers.laboratory import Laboratory


class PlannedRun(NamedTuple):
  """A run that tables need.

  Attributes:
    model: the pre-training.
    seed: its seed.
    label: human-readable.

  Example:
    >>> PlannedRun(PretrainingChoice("cola"), 1, "cola, cosine, seed 1").label
    'cola, cosine, seed 1'
  """

  model: PretrainingChoice
  seed: int
  label: str


class Stages:
  """What is done for the cells of tables, and what could not be done.

  Attributes:
    pretrainings: the run folders.
    request: where everything is kept, and on which data.

  Example:
    >>> stages = Stages(LaboratoryRequest("tables"))
    >>> stages.train([])
    >>> stages.measure([])
    []
    >>> stages.conclude()  # nothing has failed
  """

  def __init__(self, request: LaboratoryRequest, pretrainings: Pretrainings | None = None):
    """Does nothing yet.

    Args:
      request: where everything is kept, and on which data.
      pretrainings: of another Stages in the same folder; None: new ones.
    """
    self.request = request
    self.pretrainings = pretrainings or Pretrainings(request)
    self._results = ResultFiles(request, self.pretrainings)
    self._obstacles = Obstacles()
    self._scores: dict[Cell, float] = {}
    self._failures: set[str] = set()

  def look(self, cells: Sequence[Cell]) -> None:
    """Looks for the data and models of what has not been measured, and names what is missing.

    It decodes nothing and takes no TensorFlow.

    Args:
      cells: of the tables.

    Raises:
      UserError: data of the small suite is missing, or a given model, or it cannot be trained.
    """
    for cell in cells:
      model = cell.measurement.model
      # What a run is called depends on the clips of the tasks that pre-train it.
      if isinstance(model, PretrainingChoice) and self.pretrainings.clips.are_of_tasks(model):
        for task in self.pretrainings.clips.tasks:
          self._look_for_task(task)
      elif self.is_listed(cell) and self.score(cell) is not None:
        continue
      elif isinstance(model, PretrainingChoice):
        require = functools.partial(self.pretrainings.clips.require, model)
        self._obstacles.check(_pretraining_of(model), require)
      else:
        self._require_model(cell)
      self._look_for_task(cell.measurement.task)
    if self.request.suite != "papers" and self._obstacles.reasons:
      raise UserError("; ".join(self._obstacles.reasons))
    self._obstacles.report()

  def train(self, cells: Sequence[Cell]) -> None:
    """Trains the missing models of all cells; call it before TensorFlow is started.

    A training that fails is reported, and the next one begins.

    Args:
      cells: of the tables.

    Raises:
      UserError: see `look`; or the clips of pre-training cannot be listed.
      KeyboardInterrupt: a signal stopped a training.
    """
    self.look(cells)
    make_folder(self.request.folder)
    models = {cell.measurement.model for cell in cells}
    if any(
      self.pretrainings.clips.are_of_tasks(m) for m in models if isinstance(m, PretrainingChoice)
    ):
      self.pretrainings.clips.list_once()
    if not (runs := self.untrained(cells)):
      return
    line("stage 1", f"train {counted(len(runs), 'run')}")
    for number, run in enumerate(runs):
      estimates = Estimates(self.request.folder)
      waiting = [self.pretrainings.resolved(other.model, other.seed) for other in runs[number:]]
      left = _left(list(map(estimates.training, waiting)))
      line("training", f"{number + 1} of {len(runs)}: {run.label}{left}")
      try:
        self.pretrainings.train(run.model, run.seed)
      except UserError as error:
        self._fail(str(error))

  def measure(self, cells: Sequence[Cell]) -> list[float]:
    """Measures what has not been measured and can be.

    A number that cannot be measured is reported, and the next one follows.

    Args:
      cells: of a table.

    Returns:
      The score of each cell in %; NaN: it could not be measured.
    """
    if todo := [cell for cell in cells if self.score(cell) is None and self._is_ready(cell)]:
      line("stage 2", f"measure {counted(len(todo), 'number')}")
      start_tensorflow()
      from contrastive_audio.distributed.hosts import join_hosts
      from downstream.papers.laboratory import Laboratory

      with join_hosts("auto") as hosts:  # all GPUs, for fine-tuning
        self._measure_all(todo, Laboratory(self.request, self._results, hosts))
    scores = map(self.score, cells)
    return [math.nan if score is None else score for score in scores]

  def conclude(self) -> None:
    """Raises an error if something failed.

    Raises:
      UserError: how much.
    """
    if self._failures:
      raise UserError(
        f"{counted(len(self._failures), 'training or measurement', 'trainings or measurements')} "
        "failed (see above); everything else is kept, and the same command tries again"
      )

  def score(self, cell: Cell) -> float | None:
    """Returns the score of a cell in %; None if it has not been measured."""
    if cell not in self._scores:
      try:
        score = self._results.score(cell.measurement, cell.seed)
      except UserError:  # the data of its pre-training is missing, or the flags are wrong
        return None
      if score is None:
        return None
      self._scores[cell] = score
    return self._scores[cell]

  def is_listed(self, cell: Cell) -> bool:
    """Whether the run of a cell can be named without TensorFlow."""
    model = cell.measurement.model
    return isinstance(model, str) or self.pretrainings.clips.are_listed(model)

  def estimate(self, estimates: Estimates, cell: Cell) -> Estimate | None:
    """Returns how long a cell will take; None: nothing is known about it."""
    measurement, resolved = cell.measurement, None
    if isinstance(measurement.model, PretrainingChoice) and self.is_listed(cell):
      with contextlib.suppress(UserError):  # reported by `untrained`
        resolved = self.pretrainings.resolved(measurement.model, cell.seed)
    return estimates.measuring(measurement, resolved)

  def is_blocked(self, cell: Cell) -> bool:
    """Whether data is missing: that of the task, or that of the pre-training."""
    model = cell.measurement.model
    is_pretraining_blocked = isinstance(model, PretrainingChoice) and self._obstacles.block(
      _pretraining_of(model)
    )
    return is_pretraining_blocked or self._obstacles.block(cell.measurement.task)

  def untrained(self, cells: Sequence[Cell]) -> list[PlannedRun]:
    """Returns the runs that are missing, named by the first cell that needs them.

    Args:
      cells: of tables; their data has been looked for.
    """
    runs: dict[str, PlannedRun] = {}
    for cell in cells:
      model, seed = cell.measurement.model, cell.seed
      if isinstance(model, str) or self.is_blocked(cell) or self.score(cell) is not None:
        continue
      try:
        folder, is_trained = self.pretrainings.locate(model, seed)
      except UserError as error:
        self._fail(f"{cell.variant}: {error}")
        continue
      if not is_trained:
        runs.setdefault(folder, PlannedRun(model, seed, cell.model_label))
    return list(runs.values())

  def _look_for_task(self, task: str) -> None:
    choice = TaskChoice(task, audio_root=self.request.audio_root)
    self._obstacles.check(task, lambda: require_data(choice, self.request.location))

  def _require_model(self, cell: Cell) -> None:
    """Raises an error unless a model of the user's is there, and can be evaluated as it has to."""
    name = self.pretrainings.name_of(cell.measurement.model, cell.seed)
    require_model(name)
    if methods.excerpt_options(cell.measurement, self.request, name, cell.seed):
      require_trainable(name)

  def _is_ready(self, cell: Cell) -> bool:
    """Whether the data is there and the model is trained."""
    model = cell.measurement.model
    if self.is_blocked(cell) or isinstance(model, str):
      return not self.is_blocked(cell)
    try:
      return self.pretrainings.locate(model, cell.seed)[1]
    except UserError:  # reported by `untrained`
      return False

  def _measure_all(self, cells: Sequence[Cell], laboratory: "Laboratory") -> None:
    estimates = Estimates(self.request.folder)
    for number, cell in enumerate(cells):
      if self.is_blocked(cell):  # by an earlier cell of its task
        continue
      left = _left([self.estimate(estimates, other) for other in cells[number:]])
      line("cell", f"{number + 1} of {len(cells)}: {cell.label}{left}")
      try:
        laboratory.measure(cell.measurement, cell.seed)
      except TaskUnusable as error:
        self._obstacles.add(cell.measurement.task, str(error))
        self._obstacles.report()
        self._failures.add(cell.measurement.task)  # `look` has named the data that is missing
      except UserError as error:
        self._fail(f"{cell.label}: {error}")
      else:
        estimates.read_result(self._results.locate(cell.measurement, cell.seed)[0])

  def _fail(self, text: str) -> None:
    if text not in self._failures:
      line("failed", text)
      self._failures.add(text)


def _pretraining_of(model: PretrainingChoice) -> str:
  return f"pre-training of {model.system}"


def _left(estimates: Sequence[Estimate | None]) -> str:
  """Returns how much time is left, in parentheses; nothing if that is not known."""
  known = [estimate.value for estimate in estimates if estimate is not None]
  return f" (about {about(sum(known))} left)" if len(known) == len(estimates) else ""
