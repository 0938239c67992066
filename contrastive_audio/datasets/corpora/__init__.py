"""Published data sets: name -> Corpus. Each module describes one, or a family, in its `CORPORA`.

corpus              what a published data set is, as it lies on disk: start here
listing             what they have in common: official lists of clips, compared with the files
audioset/           AudioSet, from any of the layouts in which people have it
birdsong_detection  bird audio detection (DCASE 2018, task 3)
esc50               ESC-50 and ESC-10: environmental sounds in five folds
fsd50k              FSD50K: sound events of 200 classes, several in a clip
fsdnoisy18k         FSDnoisy18k: sounds of 20 classes, most labels noisy
librispeech         LibriSpeech: read English, by speaker
musan               MUSAN: music, speech and noise
nsynth              NSynth: notes, by family of instruments
speech_commands     Speech Commands 1 and 2: single words
tut_2018            TUT Urban Acoustic Scenes 2018: scenes in six cities
voxceleb            VoxCeleb1: interviews, by speaker
voxforge            VoxForge: read sentences, by language
"""

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
