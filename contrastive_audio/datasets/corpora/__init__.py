"""Published data sets: name -> Corpus, each in a module of its own, `CORPUS` its description."""

import importlib

# Name, as `--dataset` has it -> module of this package that describes it.
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


def get(name):
  """Returns the Corpus of a name.

  Raises:
    KeyError: there is none of this name.
  """
  module = importlib.import_module(f"contrastive_audio.datasets.corpora.{_MODULES[name]}")
  return module.CORPORA[name]
