"""Builder of TUT Urban Acoustic Scenes 2018, see contrastive_audio.datasets.builders."""

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import tut_2018


class Builder(corpus_builder.CorpusBuilder):
  """The splits are the official fold."""

  CORPUS = tut_2018.CORPORA["tut_2018"]
  CLASSES = tut_2018.CLASSES
