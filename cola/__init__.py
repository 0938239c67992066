"""COLA: Contrastive Learning of General-Purpose Audio Representations.

Saeed, Grangier, Zeghidour, ICASSP 2021 (arXiv:2010.10915). Two excerpts of one clip are a positive
pair, the excerpts of all other clips of the batch are negatives.

  config  every number, with its unit and its place in the paper; the recipes
  model   projection head, bilinear and cosine similarity
  train   the command: python -m cola.train

What a program of your own needs most can be imported from here, too:

  Config              the configuration; its defaults are the paper
  build_model         a Config -> the contrastive model: views, encoder, head, objective
  BilinearSimilarity  x^T W x', the paper's; CosineSimilarity is what it is compared with
  ColaObjective       loss and accuracy of finding each anchor's positive in the batch
"""

import importlib

_HOMES = {
  "Config": "config",
  "build_model": "model",
  "BilinearSimilarity": "model",
  "CosineSimilarity": "model",
  "ColaObjective": "model",
}
_MODULES = ("config", "model")
__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
  """Imports a public name when it is asked for: `import cola` stays as fast as it can be."""
  if name in _MODULES:
    return importlib.import_module(f"{__name__}.{name}")
  if name in _HOMES:
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
