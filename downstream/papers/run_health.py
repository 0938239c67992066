"""What the health monitor had to say about a run at its end; without TensorFlow."""

from collections.abc import Sequence
from typing import NamedTuple

from contrastive_audio.errors import UserError
from contrastive_audio.monitoring.complaints import complaints
from downstream.model_names import RANDOM
from downstream.papers.cells import Cell
from downstream.papers.estimates import read_metrics
from downstream.papers.pretrainings import Pretrainings


class Remark(NamedTuple):
  """What is wrong with a run behind a table.

  Attributes:
    variant: its name in the table.
    seed: of the run.
    text: human-readable.

  Example:
    >>> Remark("cosine", 1, "the encoder has collapsed").variant
    'cosine'
  """

  variant: str
  seed: int
  text: str


def remarks_on(cells: Sequence[Cell], pretrainings: Pretrainings) -> list[Remark]:
  """Returns what is wrong with the runs of some cells, once for each run.

  Args:
    cells: of a table.
    pretrainings: the run folders.

  Example:
    >>> from downstream.papers.measurement import LaboratoryRequest, Measurement
    >>> import os
    >>> os.makedirs("mine")
    >>> with open("mine/metrics.jsonl", "w") as file:
    ...   _ = file.write('{"step": 9, "mode_agreement": 0.9, "exported_spread": 0.01}')
    >>> cell = Cell((0, 0, 0), "my run", Measurement("mine", "linear", "digit"), seed=0)
    >>> remarks_on([cell], Pretrainings(LaboratoryRequest("tables")))[0].text
    'the embeddings of all excerpts are nearly the same (spread 0.010, ...)'
  """
  runs = dict.fromkeys((cell.variant, cell.seed, cell.measurement.model) for cell in cells)
  remarks: list[Remark] = []
  for variant, seed, model in runs:
    try:
      name = pretrainings.name_of(model, seed)
    except UserError:  # its data is missing: nothing was measured either
      continue
    remarks += [Remark(variant, seed, text) for text in _complaints(name)]
  return list(dict.fromkeys(remarks))


def _complaints(model: str) -> list[str]:
  """Returns the complaints about a model; none about random weights, or what is not a run."""
  if model.startswith(RANDOM):
    return []
  checks = [row for row in read_metrics(model) if "mode_agreement" in row and row["step"]]
  if not checks:
    return []
  last = checks[-1]
  texts = complaints(last["mode_agreement"], last["exported_spread"])
  return [text.partition(":")[0] for text in texts]  # without the advice to whoever trains
