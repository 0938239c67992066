"""Builder of FSDnoisy18k, see audio.datasets.builders."""

from audio.datasets.builders import corpus_builder
from audio.datasets.corpora import fsdnoisy18k


class Builder(corpus_builder.CorpusBuilder):
  """The noisy training set is `noisy_small+noisy_rest`, the checked `train_clean+validation`."""

  CORPUS = fsdnoisy18k.CORPORA["fsdnoisy18k"]
  CLASSES = fsdnoisy18k.CLASSES
