"""Builder of FSDnoisy18k, see contrastive_audio.datasets.builders."""

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import fsdnoisy18k


class Builder(corpus_builder.CorpusBuilder):
  """The noisy training set is `noisy_small+noisy_rest`, the verified `train_clean+validation`."""

  CORPUS = fsdnoisy18k.CORPORA["fsdnoisy18k"]
  CLASSES = fsdnoisy18k.CLASSES
