"""Builder of MUSAN, see audio.datasets.builders."""

from audio.datasets.builders import corpus_builder
from audio.datasets.corpora import musan


class Builder(corpus_builder.CorpusBuilder):
  """Recordings in pieces of 10 s; there is no official split, so all are in `train`."""

  CORPUS = musan.CORPORA["musan"]
  CLASSES = musan.CLASSES
