"""Builder of FSD50K, see audio.datasets.builders."""

from audio.datasets.builders import corpus_builder
from audio.datasets.corpora import fsd50k


class Builder(corpus_builder.CorpusBuilder):
  """The classes are named by vocabulary.csv; a clip has several."""

  CORPUS = fsd50k.CORPORA["fsd50k"]
  CLASSES = fsd50k.NUM_CLASSES
  SEVERAL_LABELS = True
