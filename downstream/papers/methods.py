"""How tables evaluate their models: methods by name, by the papers' protocols or ours.

linear                a linear classifier on the frozen encoder, by the protocol of the table
linear_cached         logistic regression on embeddings, whatever the protocol
knn                   the nearest training clips vote
knn_patches           mix-back's: projections of the test clips' patches vote for each other
finetune              encoder and classifier, by the protocol of the table
finetune_slowly       with a tenth of COLA's rate, as mix-back's released configuration fine-tunes
finetune_from_linear  the same from a linear classifier, with fixed statistics of BatchNorm
"""

from typing import Any

from downstream import protocols
from downstream.papers.measurement import LaboratoryRequest, Measurement, PretrainingChoice
from downstream.protocols import Options

_OURS: dict[str, dict[str, Any]] = {  # fine-tunings whose protocol no paper has
  "finetune_slowly": {"learning_rate": 1e-4},
  "finetune_from_linear": {"learning_rate": 1e-4, "start": "linear", "batchnorm": "fixed"},
}
METHODS = ("linear", "linear_cached", "knn", "knn_patches", "finetune", *_OURS)
PAPERS = {"cola": "COLA", "mixback": "mix-back"}


def excerpt_options(
  measurement: Measurement, request: LaboratoryRequest, model: str, seed: int
) -> Options | None:
  """Returns how a measurement trains on excerpts; None if its method does not.

  Args:
    measurement: what is measured.
    request: which protocol, and how many epochs.
    model: its model, as `--model` takes it.
    seed: of the dense layer, the excerpts and drop-connect.

  Example:
    >>> measurement = Measurement("random:efficientnet_b0", "linear", "musan")
    >>> request = LaboratoryRequest("tables", protocol="paper")
    >>> excerpt_options(measurement, request, "random:efficientnet_b0", seed=0).epochs
    100
    >>> excerpt_options(measurement, LaboratoryRequest("tables"), "runs/mine", seed=0) is None
    True
  """
  method, system = measurement.method, _system_of(measurement, model)
  changes = {"epochs": request.epochs} | _OURS.get(method, {})
  follows_paper = request.protocol == protocols.PAPER and method not in _OURS
  if method == "linear" and follows_paper:
    return protocols.choose(protocols.LINEAR, system, changes, seed)
  if method.startswith("finetune"):
    name = system if follows_paper else protocols.EARLY_STOPPING
    return protocols.choose(protocols.FINE_TUNING, name, changes, seed)
  return None


def evaluation_version(method: str, options: Options | None) -> int:
  """Returns the version of what gives a method its scores; of both, if both do, the sum.

  Args:
    method: one of METHODS.
    options: how it trains on excerpts; None: it does not.

  Example:
    >>> evaluation_version("linear", None) == protocols.EVALUATION_VERSIONS["logistic"]
    True
  """
  versions = protocols.EVALUATION_VERSIONS
  if method.startswith("knn"):
    return versions["knn"]
  if options is None:
    return versions["logistic"]
  return versions["excerpts"] + (versions["logistic"] if options.start == "linear" else 0)


def _system_of(measurement: Measurement, model: str) -> str:
  if isinstance(measurement.model, PretrainingChoice):
    return measurement.model.system
  return protocols.resolve(protocols.PAPER, model)


def describe(measurement: Measurement, request: LaboratoryRequest, model: str) -> str:
  """Returns the protocol of a measurement, as the caption of a table names it.

  Args:
    measurement: what is measured.
    request: which protocol.
    model: its model, as `--model` takes it.

  Example:
    >>> measurement = Measurement("random:efficientnet_b0", "linear", "musan")
    >>> describe(measurement, LaboratoryRequest("tables", protocol="paper"), measurement.model)
    "linear evaluation by COLA's protocol"
    >>> describe(measurement, LaboratoryRequest("tables"), measurement.model)
    'logistic regression on embeddings (protocol cached)'
  """
  method, paper = measurement.method, PAPERS[_system_of(measurement, model)]
  if method == "knn_patches":
    return "kNN of patches by mix-back's protocol, on projections"
  if method == "knn":
    return "kNN of clips"
  if excerpt_options(measurement, request, model, seed=0) is None:
    return "logistic regression on embeddings (protocol cached)"
  if method == "linear":
    return f"linear evaluation by {paper}'s protocol"
  if method == "finetune" and request.protocol == protocols.PAPER:
    return f"fine-tuning by {paper}'s protocol"
  return "fine-tuning with early stopping"
