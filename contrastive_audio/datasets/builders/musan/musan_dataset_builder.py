"""Builder of MUSAN, see contrastive_audio.datasets.builders."""

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import musan


class Builder(corpus_builder.CorpusBuilder):
  """Recordings in pieces of 10 s; there is no official split, so all are in `train`."""

  CORPUS = musan.CORPORA["musan"]
  CLASSES = musan.CLASSES
