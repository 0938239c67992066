"""What tests of tables share: cells, and the work on them."""

from downstream.papers.cells import Cell
from downstream.papers.measurement import Measurement
from downstream.papers.stages import Stages


def cell(task, model="logmel_stats", seed=0, **changes):
  variant = model if isinstance(model, str) else dict(model.options)["similarity"]
  return Cell((0, 0, 0), variant, Measurement(model, "linear", task, **changes), seed)


def cells(*tasks, **options):
  return [cell(task, seed=seed, **options) for task in tasks for seed in (0, 1)]


def run(request, cells):
  """Returns the scores, and the Stages that gave them."""
  stages = Stages(request)
  stages.train(cells)
  return stages.measure(cells), stages
