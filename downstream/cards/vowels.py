"""Spoken vowels, a task of a pool: the vowel of a syllable, in voices that nobody labelled.

The collection klettres has syllables of many languages, each in one voice. Its files are called
LANGUAGE_syllab_SYLLABLE.ogg, and syllables of one vowel tell which. No other task of a pool is
about what is said.
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
  rows: Iterable[Mapping[str, str]], seed: int, least: int, most_labels: int | None = None
) -> list[tuple[str, str, str]]:
  """Draws which voices train: half of them; the others test.

  Args:
    rows: of the pool.
    seed: of the draw.
    least: vowels with fewer clips are left out.
    most_labels: only as many clips of each vowel train; None: all.

  Returns:
    (file, vowel, "train" or "test") of each clip.

  Example:
    >>> names = [f"k/{language}_syllab_l{vowel}.ogg" for language in LANGUAGES for vowel in "aeiou"]
    >>> rows = [{"collection": "klettres", "file": name} for name in names]
    >>> drawn = draw_vowels(rows, seed=0, least=6)
    >>> [(file[2:4], vowel, split) for file, vowel, split in drawn if vowel == "a"]
    [('it', 'a', 'train'), ...
  """
  heard, draw = _voices(seed), random.Random(f"{NAME}/{seed}")
  table = []
  for vowel, clips in sorted(_clips_by_vowel(rows).items()):
    if len(clips) >= least:
      training = sorted(file for file, voice in clips if voice in heard)
      drawn = draw.sample(training, len(training))[:most_labels]
      table += [(file, vowel, "train") for file in drawn]
      table += [(file, vowel, "test") for file, voice in sorted(clips) if voice not in heard]
  return table


def _clips_by_vowel(rows: Iterable[Mapping[str, str]]) -> dict[str, list[tuple[str, str]]]:
  """Returns (file, voice) of all syllables, by their vowels."""
  clips = collections.defaultdict(list)
  for row in rows:
    spoken = _SYLLABLE.fullmatch(os.path.basename(row["file"]))
    if row["collection"] == COLLECTION and spoken and spoken[1] in LANGUAGES:
      clips[spoken[2]].append((row["file"], spoken[1]))
  return clips


def _voices(seed: int) -> tuple[str, ...]:
  """Voices that train; the seeds from 0 on have other ones, until all halves had their turn."""
  halves = list(itertools.combinations(LANGUAGES, len(LANGUAGES) // 2))
  random.Random(NAME).shuffle(halves)
  return halves[seed % len(halves)]
