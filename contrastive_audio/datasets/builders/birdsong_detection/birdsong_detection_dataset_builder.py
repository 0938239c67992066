"""Builder of bird audio detection (DCASE 2018, task 3), see contrastive_audio.datasets.builders."""

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import birdsong_detection


class Builder(corpus_builder.CorpusBuilder):
  """35,690 clips; there is no official split, so all are in `train`."""

  CORPUS = birdsong_detection.CORPORA["birdsong_detection"]
  CLASSES = birdsong_detection.CLASSES
