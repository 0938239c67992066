"""Builder of bird audio detection (DCASE 2018, task 3), see audio.datasets.builders."""

from audio.datasets.builders import corpus_builder
from audio.datasets.corpora import birdsong_detection


class Builder(corpus_builder.CorpusBuilder):
  """35,690 clips; there is no official split, so all are in `train`."""

  CORPUS = birdsong_detection.CORPORA["birdsong_detection"]
  CLASSES = birdsong_detection.CLASSES
