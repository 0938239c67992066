"""Builder of ESC-50 and its subset ESC-10, see contrastive_audio.datasets.builders."""

import tensorflow_datasets as tfds

from contrastive_audio.datasets.builders import corpus_builder
from contrastive_audio.datasets.corpora import esc50
from contrastive_audio.datasets.corpora.corpus import Corpus


class Builder(corpus_builder.CorpusBuilder):
  """The splits are the official folds, 1 to 5."""

  CORPUS = esc50.CORPORA["esc50"]
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(name="esc50", description="All 2,000 clips of 50 classes."),
    tfds.core.BuilderConfig(name="esc10", description="The 400 clips of the 10 classes of ESC-10."),
  ]

  @property
  def corpus(self) -> Corpus:
    """The Corpus of the configuration."""
    return esc50.CORPORA[self.builder_config.name]

  @property
  def classes(self) -> tuple[str, ...]:
    """The classes of the configuration."""
    return {"esc50": esc50.ESC50_CLASSES, "esc10": esc50.ESC10_CLASSES}[self.builder_config.name]
