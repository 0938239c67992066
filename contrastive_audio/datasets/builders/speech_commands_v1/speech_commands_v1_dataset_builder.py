"""Builder of Speech Commands 0.01, all words, see contrastive_audio.datasets.builders."""

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import speech_commands


class Builder(corpus_builder.CorpusBuilder):
  """The splits are the official lists."""

  CORPUS = speech_commands.CORPORA["speech_commands_v1"]
  CLASSES = speech_commands.V1_CLASSES
