"""COLA: Contrastive Learning of General-Purpose Audio Representations.

Saeed, Grangier, Zeghidour, ICASSP 2021 (arXiv:2010.10915). Two excerpts of one clip are a positive
pair, the excerpts of all other clips of the batch are negatives.

  config  every number, with its unit and its place in the paper; the recipes
  model   views, projection head, bilinear and cosine similarity, the objective
  train   the command: python -m cola.train

The names that a program needs most can be imported from the package itself:

  Config              the configuration; its defaults are the paper
  build_model         a Config -> the contrastive model: views, encoder, head, objective
  BilinearSimilarity  x^T W x', the paper's; the paper compares it with CosineSimilarity
  ColaObjective       loss and accuracy of finding each anchor's positive in the batch
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
