"""mix-back: Unsupervised Contrastive Learning of Sound Event Representations.

Fonseca, Ortego, McGuinness, O'Connor, Serra, ICASSP 2021 (arXiv:2011.07616). Two random patches of
one clip, mixed with a little of other clips and augmented, are a positive pair; all other views of
the batch are negatives.

  config            every number, with its unit and its source; the recipes
  mixing            mix-back itself, and the choice of backgrounds
  silence           which excerpts hold no sound
  model             views, projection head, NT-Xent
  monitor           kNN by the paper's protocol
  train             the command: python -m mixback.train
  import_weights    the command: released PyTorch encoder -> run folder
  released_weights  PyTorch state dict -> encoder

The names that a program needs most can be imported from the package itself:

  Config       the configuration; its defaults are the paper
  build_model  a Config -> the contrastive model: views, encoder, head, objective
  mix_back     adds a quiet, unrelated background to a patch
  NTXent       loss and accuracy of finding each view's twin in the batch
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
