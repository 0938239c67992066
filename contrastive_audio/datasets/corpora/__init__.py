"""Published data sets: name -> Corpus. Each module describes one in its `CORPORA`."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from contrastive_audio.datasets.corpora.corpus import Corpus

# Name, as `--dataset` takes it -> module of this package that describes it.
_MODULES = {
  "audioset": "audioset",
  "birdsong_detection": "birdsong_detection",
  "esc10": "esc50",
  "esc50": "esc50",
  "fsd50k": "fsd50k",
  "fsdnoisy18k": "fsdnoisy18k",
  "librispeech": "librispeech",
  "musan": "musan",
  "nsynth": "nsynth",
  "speech_commands_v1": "speech_commands",
  "speech_commands_v2": "speech_commands",
  "tut_2018": "tut_2018",
  "voxceleb": "voxceleb",
  "voxforge": "voxforge",
}
NAMES = tuple(_MODULES)


def get(name: str) -> "Corpus":
  """Returns the description of a published data set.

  Args:
    name: one of NAMES.

  Raises:
    KeyError: there is none of this name.

  Example:
    >>> get("musan").layout
    'musan/{music,speech,noise}/SOURCE/*.wav'
  """
  module = importlib.import_module(f"contrastive_audio.datasets.corpora.{_MODULES[name]}")
  return module.CORPORA[name]
