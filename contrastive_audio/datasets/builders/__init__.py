"""Builders of tensorflow-datasets for published data sets that the library does not have.

Each is a package in the layout of the library, so `tfds build` works on its folder:

  tfds build contrastive_audio/datasets/builders/musan --manual_dir=FOLDER_WITH_ITS_ARCHIVES

What they share is in corpus_builder.py and archives.py; what archives hold, corpora knows.
"""

import importlib

NAMES = (
  "birdsong_detection",
  "esc50",
  "fsd50k",
  "fsdnoisy18k",
  "musan",
  "speech_commands_v1",
  "speech_commands_v2",
  "tut_2018",
)


def register(name):
  """Makes one of NAMES known to tensorflow-datasets."""
  importlib.import_module(f"contrastive_audio.datasets.builders.{name}.{name}_dataset_builder")
