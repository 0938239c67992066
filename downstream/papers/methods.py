"""How tables evaluate their models: methods by name, under the protocol of a paper or our own.

linear                a linear classifier on the frozen encoder, by the protocol of the table
linear_cached         logistic regression on embeddings, whatever the protocol
knn                   the nearest training clips vote
knn_patches           mix-back's: projections of the test clips' patches vote for each other
finetune              encoder and classifier, by the protocol of the table
finetune_slowly       with a tenth of COLA's rate, as mix-back's released configuration fine-tunes
finetune_from_linear  the same from a linear classifier, with fixed statistics of BatchNorm
"""

from typing import Any

from contrastive_audio.distributed.hosts import Hosts
from downstream import protocols
from downstream.classifiers.excerpt_method import excerpt_method
from downstream.classifiers.linear_evaluation import cached_linear_method
from downstream.classifiers.nearest_neighbours import Cache, knn_method
from downstream.classifiers.problem import MakeMethod
from downstream.protocols import Options

_EARLY_STOPPING: dict[str, dict[str, Any]] = {
  "finetune_slowly": {"learning_rate": 1e-4},
  "finetune_from_linear": {"learning_rate": 1e-4, "start": "linear", "batchnorm": "fixed"},
}
METHODS = ("linear", "linear_cached", "knn", "knn_patches", "finetune", *_EARLY_STOPPING)


def excerpt_options(
  method: str, protocol: str, system: str, epochs: int | None = None, seed: int = 0
) -> Options | None:
  """Returns how a method trains on excerpts; None if it does not.

  Args:
    method: one of METHODS.
    protocol: "paper" or "cached".
    system: "cola" or "mixback", whose paper it is.
    epochs: largest number of epochs; None: that of the protocol.
    seed: of the dense layer, the excerpts and drop-connect.

  Example:
    >>> excerpt_options("linear", "paper", "mixback").learning_rate
    0.1
    >>> excerpt_options("linear", "cached", "mixback") is None
    True
    >>> excerpt_options("finetune", "cached", "cola").selection
    'refit'
  """
  changes = {"epochs": epochs} | _EARLY_STOPPING.get(method, {})
  follows_paper = protocol == protocols.PAPER and method not in _EARLY_STOPPING
  if method == "linear" and follows_paper:
    return protocols.choose(protocols.LINEAR, system, changes, seed)
  if method.startswith("finetune"):
    name = system if follows_paper else protocols.EARLY_STOPPING
    return protocols.choose(protocols.FINE_TUNING, name, changes, seed)
  return None


def make_method(
  method: str, options: Options | None, cache: Cache | None = None, hosts: Hosts | None = None
) -> MakeMethod:
  """Returns a function that prepares a method, see `problem.MakeMethod`.

  Args:
    method: one of METHODS.
    options: see `excerpt_options`.
    cache: `(model, store) -> folder` of the embeddings; None: the user's cache.
    hosts: hosts that share a training; None: this device alone.

  Example:
    >>> callable(make_method("knn", options=None))
    True
  """
  if options is not None:
    return excerpt_method(options, hosts)
  if method == "knn_patches":
    return knn_method("patches", layer="projection", cache=cache)
  return knn_method(cache=cache) if method == "knn" else cached_linear_method(cache=cache)


def describe(method: str, protocol: str, system: str) -> str:
  """Returns the protocol of a method, as the caption of a table names it.

  Args:
    method: one of METHODS.
    protocol: "paper" or "cached".
    system: "cola" or "mixback".

  Example:
    >>> describe("linear", "paper", "cola")
    "linear evaluation by COLA's protocol"
    >>> describe("linear", "cached", "cola")
    'logistic regression on embeddings'
  """
  paper = f"{'COLA' if system == 'cola' else 'mix-back'}'s protocol"
  if method == "knn_patches":
    return "kNN of patches by mix-back's protocol, on projections"
  if method == "knn":
    return "kNN of clips"
  if excerpt_options(method, protocol, system) is None:
    return "logistic regression on embeddings"
  if method == "linear":
    return f"linear evaluation by {paper}"
  is_paper = protocol == protocols.PAPER and method == "finetune"
  return f"fine-tuning {f'by {paper}' if is_paper else 'with early stopping'}"
