"""COLA: Contrastive Learning of General-Purpose Audio Representations.

Saeed, Grangier, Zeghidour, ICASSP 2021 (arXiv:2010.10915). Two excerpts of one clip are a positive
pair, the excerpts of all other clips of the batch are negatives.

  config  every number, with its unit and its place in the paper; the recipes
  model   projection head, bilinear and cosine similarity
  train   the command: python -m cola.train
"""
