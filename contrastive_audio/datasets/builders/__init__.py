"""Builders of tensorflow-datasets for published data sets that the library does not have.

Each is a package in the layout of the library, so `tfds build` works on its folder:

  tfds build contrastive_audio/datasets/builders/musan --manual_dir=FOLDER_WITH_ITS_ARCHIVES

What the archives hold is described by the modules of corpora with the names of the packages.

  birdsong_detection, esc50, fsd50k, fsdnoisy18k,
  musan, speech_commands_v1, speech_commands_v2, tut_2018

What they share:

  corpus_builder  the clips of a corpus -> examples
  archives        published archives -> the folder that a corpus describes
  split_zip       a zip file that is published in volumes
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


def register(name: str) -> None:
  """Registers a builder with tensorflow-datasets.

  Args:
    name: one of NAMES.

  Example:
    >>> import tensorflow_datasets as tfds
    >>> register("musan")
    >>> tfds.builder("musan", data_dir="data").info.features["label"].names
    ['music', 'noise', 'speech']
  """
  importlib.import_module(f"contrastive_audio.datasets.builders.{name}.{name}_dataset_builder")
