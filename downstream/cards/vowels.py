"""Spoken vowels, a task of a pool: the vowel of a syllable, in voices that nobody labelled.

The collection klettres has syllables of many languages, each in one voice. Its files are called
LANGUAGE_syllab_SYLLABLE.ogg, and syllables of one vowel tell which. It is the only task about what
is said.
"""

import collections
import itertools
import os
import random
import re
from collections.abc import Iterable, Mapping

NAME = "klettres-vowels"
COLLECTION = "klettres"
LANGUAGES = ("es", "it", "pt_BR", "ru", "tn", "uk")  # those with all five vowels
_SYLLABLE = re.compile(r"(\w+)_syllab_[bcdfghjklmnprstvxz]{1,2}([aeiou])\.ogg")


def draw_vowels(
  rows: Iterable[Mapping[str, str]], seed: int, most_labels: int | None = None
) -> list[tuple[str, str, str]]:
  """Draws which voices train: half of them; the others test.

  Args:
    rows: of the pool.
    seed: of the draw.
    most_labels: only as many clips of each vowel train; None: all.

  Returns:
    (file, vowel, "train" or "test") of each clip.

  Example:
    >>> names = [f"k/{language}_syllab_l{vowel}.ogg" for language in LANGUAGES for vowel in "aeiou"]
    >>> drawn = draw_vowels([{"collection": "klettres", "file": name} for name in names], seed=0)
    >>> [(file[2:4], vowel, split) for file, vowel, split in drawn if vowel == "a"]
    [('it', 'a', 'train'), ...
  """
  heard, draw = _voices(seed), random.Random(f"{NAME}/{seed}")
  training, testing = collections.defaultdict(list), []
  for row in rows:
    spoken = _SYLLABLE.fullmatch(os.path.basename(row["file"]))
    if row["collection"] != COLLECTION or not spoken or spoken[1] not in LANGUAGES:
      continue
    if spoken[1] in heard:
      training[spoken[2]].append(row["file"])
    else:
      testing.append((row["file"], spoken[2], "test"))
  table = []
  for vowel, files in sorted(training.items()):
    drawn = draw.sample(sorted(files), len(files))[:most_labels]
    table += [(file, vowel, "train") for file in drawn]
  return table + sorted(testing)


def _voices(seed: int) -> tuple[str, ...]:
  """Voices that train; the seeds from 0 on have other ones, until all halves had their turn."""
  halves = list(itertools.combinations(LANGUAGES, len(LANGUAGES) // 2))
  random.Random(NAME).shuffle(halves)
  return halves[seed % len(halves)]
