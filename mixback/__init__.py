"""mix-back: Unsupervised Contrastive Learning of Sound Event Representations.

Fonseca, Ortego, McGuinness, O'Connor, Serra, ICASSP 2021 (arXiv:2011.07616). Two random patches of
one clip, mixed with a little of other clips and augmented, are a positive pair; all other views of
the batch are negatives.

  config          every number, with its unit and its source; the recipes
  augment         mix-back, and the augmentations of log-mel patches, one function each
  model           views, projection head, NT-Xent
  monitor         kNN by the paper's protocol
  train           the command: python -m mixback.train
  import_weights  released PyTorch encoders -> run folder
"""
