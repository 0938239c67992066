"""Builder of Speech Commands 0.02, all words, see audio.datasets.builders."""

from audio.datasets.builders import corpus_builder
from audio.datasets.corpora import speech_commands


class Builder(corpus_builder.CorpusBuilder):
  """The splits are the official lists."""

  CORPUS = speech_commands.CORPORA["speech_commands_v2"]
  CLASSES = speech_commands.V2_CLASSES
