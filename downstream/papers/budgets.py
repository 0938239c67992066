"""How long the pre-trainings of a table are, on what, and how they differ from their paper."""

from collections.abc import Sequence
from typing import Any

from downstream.papers.measurement import PAPER_DATASETS, PretrainingChoice
from downstream.papers.table import TableRequest

_SMALL_RECIPE = "quick"  # the papers' networks, few steps
_SMALL_STEPS = {"cola": 100, "mixback": 80}
# Pairs per step where no flag says it: those of the recipes.
RECIPE_BATCH_SIZES = {
  "small": {"cola": 32, "mixback": 16},
  "papers": {"cola": 1024, "mixback": 128},
}
OPEN_STEPS, OPEN_BATCH_SIZE = 1500, 64
# The open suite has the papers' recipes, with networks that two cores can train that long, and what
# the papers or their code say about short trainings: COLA's code has 1e-3, its paper 1e-4 for 500
# epochs of AudioSet.
_OPEN: dict[str, dict[str, Any]] = {
  "cola": {"encoder": "frame_cnn", "learning_rate": 1e-3},
  "mixback": {"encoder": "frame_cnn"},
}
# A collection of n clips is drawn with weight √n, so that none dominates.
_OPEN_BALANCE = "balance=0.5"
_OPEN_CURVE_POINTS = 6

Flags = tuple[tuple[str, str | int | float], ...]


def pretraining(
  system: str, request: TableRequest, options: dict[str, Any], settings: Sequence[str] = ()
) -> PretrainingChoice:
  """Returns a pre-training of a table.

  Args:
    system: "cola" or "mixback".
    request: how the table is filled.
    options: flags of this variant, which overrule those of all.
    settings: FIELD=VALUE, further fields of this variant.

  Example:
    >>> pretraining("cola", TableRequest(), {"similarity": "cosine"}).options
    (('recipe', 'quick'), ('steps', 100), ('similarity', 'cosine'))
  """
  flags = _budget(request, system) | options
  batch_size = flags.get("batch_size") or RECIPE_BATCH_SIZES[request.suite][system]
  if 0 < request.microbatch < batch_size:  # otherwise it changes nothing but the run's name
    flags["microbatch"] = request.microbatch
  if request.suite == "open":
    settings = (_OPEN_BALANCE, *settings)
    if request.monitor:
      every = max(1, flags["steps"] // _OPEN_CURVE_POINTS)
      flags |= {"monitor": request.monitor, "monitor_every": every}
  own = None if request.suite == "small" else PAPER_DATASETS[system]
  dataset = request.pretraining_dataset or own
  chosen: Flags = (*flags.items(), *(("set", setting) for setting in settings))
  return PretrainingChoice(system, chosen, dataset=dataset)


def _budget(request: TableRequest, system: str) -> dict[str, Any]:
  """Returns flags that all pre-trainings of a table have."""
  names = ("steps", "batch_size", "epoch_steps", "encoder")
  chosen = {name: getattr(request, name) for name in names if getattr(request, name)}
  if request.suite == "papers":
    return {"recipe": "paper", **chosen}
  if request.suite == "open":
    length = {"steps": OPEN_STEPS, "batch_size": OPEN_BATCH_SIZE}
    return {"recipe": "paper", **length, **_OPEN[system], **chosen}
  return {"recipe": _SMALL_RECIPE, "steps": _SMALL_STEPS[system], **chosen}
