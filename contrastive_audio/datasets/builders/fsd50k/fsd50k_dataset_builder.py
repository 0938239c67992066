"""Builder of FSD50K, see contrastive_audio.datasets.builders."""

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import fsd50k


class Builder(corpus_builder.CorpusBuilder):
  """The classes are named by vocabulary.csv; a clip has several."""

  CORPUS = fsd50k.CORPORA["fsd50k"]
  CLASSES = fsd50k.NUM_CLASSES
  SEVERAL_LABELS = True
