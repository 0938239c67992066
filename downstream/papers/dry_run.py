"""What a table would train and measure, how long that takes and how much it stores."""

from collections.abc import Callable, Sequence

from contrastive_audio.cli.console import line
from contrastive_audio.utils.words import about, counted
from downstream.papers.cells import Cell
from downstream.papers.estimates import Estimate, Estimates
from downstream.papers.measurement import LaboratoryRequest, PretrainingChoice
from downstream.papers.stages import PlannedRun, Stages

_NO_RUNS = "nothing has been trained in {}; docs/speed.md has measured speeds"
_NO_RESULTS = "nothing has been measured in {}"


def print_plan(cells: Sequence[Cell], request: LaboratoryRequest) -> None:
  """Prints the work on a table; does none of it, and takes no TensorFlow.

  Args:
    cells: of the table.
    request: where everything is kept, and on which data.

  Raises:
    UserError: data of the small suite is missing, or a flag of a pre-training is wrong.

  Example:
    >>> from downstream.papers.measurement import Measurement
    >>> measurement = Measurement("logmel_stats", "linear", "musan")
    >>> cell = Cell((0, 0, 0), "log-mel statistics", measurement, seed=0)
    >>> print_plan([cell], LaboratoryRequest("tables", suite="papers"))
    no data    musan: no musan without --data_dir=FOLDER, ...
    stage 1    train 0 runs
    stage 2    measure 0 of 1 number
  """
  stages, estimates = Stages(request), Estimates(request.folder)
  stages.look(cells)
  wanted = [cell for cell in cells if not stages.is_blocked(cell)]
  listed = list(filter(stages.is_listed, wanted))
  runs = stages.untrained(listed)
  unnamed = _unnamed([cell for cell in wanted if not stages.is_listed(cell)])
  line("stage 1", f"train {counted(len(runs) + len(unnamed), 'run')}")
  _print_runs(runs, stages, estimates, request.folder)
  _print_unnamed(unnamed, stages, request.folder)
  todo = [cell for cell in wanted if not stages.is_listed(cell) or stages.score(cell) is None]
  line("stage 2", f"measure {len(todo)} of {counted(len(cells), 'number')}")
  _print_numbers(todo, stages, estimates)
  stages.conclude()


def _print_runs(
  runs: Sequence[PlannedRun], stages: Stages, estimates: Estimates, folder: str
) -> None:
  """Prints what each run would be, then time and disk space of all."""
  resolved = [stages.pretrainings.resolved(run.model, run.seed) for run in runs]
  for run, content in zip(runs, resolved):
    time, config = estimates.training(content), content["config"]
    text = f"{run.label}: {config['steps']} steps of {config['batch_size']} pairs"
    line("training", text + (f", about {about(time.value)}" if time else ""))
  _print_sum("training", list(map(estimates.training, resolved)), about, _NO_RUNS.format(folder))
  if sizes := [size for size in map(estimates.run_bytes, resolved) if size]:
    _print_sum("runs on disk", sizes, lambda value: f"{value / 1e6:.0f} MB", "")
    line("besides", "decoded audio and embeddings are not counted")


def _unnamed(cells: Sequence[Cell]) -> list[PlannedRun]:
  """Returns the runs that have no name yet, because their clips are still unknown."""
  runs: dict[tuple, PlannedRun] = {}
  for cell in cells:
    model = cell.measurement.model
    if isinstance(model, PretrainingChoice):
      key = (model, model.seed_for(cell.seed))
      runs.setdefault(key, PlannedRun(model, cell.seed, cell.model_label))
  return list(runs.values())


def _print_unnamed(runs: Sequence[PlannedRun], stages: Stages, folder: str) -> None:
  for run in runs:
    flags = [*run.model.flags(run.seed), *stages.pretrainings.clips.flags(run.model)]
    line("training", f"{run.label}: python -m {run.model.system}.train {' '.join(flags)}")
  if runs:
    line("estimate", f"training: none, the clips are counted when the first run in {folder} begins")


def _print_numbers(cells: Sequence[Cell], stages: Stages, estimates: Estimates) -> None:
  """Prints what would be measured, a line for each model, then the time that all numbers take."""
  tasks: dict[str, list[str]] = {}
  for cell in cells:
    tasks.setdefault(cell.model_label, []).append(cell.column_label)
  for label, names in tasks.items():
    line("cells", f"{label}: {', '.join(names)}")
  times = [stages.estimate(estimates, cell) for cell in cells]
  _print_sum("measuring", times, about, _NO_RESULTS.format(stages.request.folder))


def _print_sum(
  what: str, estimates: Sequence[Estimate | None], show: Callable[[float], str], reason: str
) -> None:
  """Prints the sum of some estimates and what they are based on, or why there are none."""
  known = [estimate for estimate in estimates if estimate is not None]
  if known:
    bases = "; ".join(dict.fromkeys(estimate.basis for estimate in known))
    line("estimate", f"{what}: about {show(sum(each.value for each in known))}, from {bases}")
  elif estimates:
    line("estimate", f"{what}: none, {reason}")
