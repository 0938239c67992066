"""A small pool: collections that may train or may not, and all labelled ones with two classes."""

import csv

import numpy as np
import soundfile

from downstream.cards import pool, vowels
from tests.support import tone

LICENCES = {"free": "CC0-1.0 (LICENSE)", "pianos": "CC-BY-3.0 (salamander/README)"}
NOT_FREE = {"games": "GPL-3 / CC0 / CC-BY per file", "voices": "CC-BY-SA-3.0 (debian/copyright)"}
_HEADING = ("file", "collection", "kind", "source", "licence", "seconds", "label")


def write(folder):
  """Writes the pool into a folder, and returns the folder."""
  rows = []
  for name, licence in (LICENCES | NOT_FREE).items():
    rows += [_row(name, licence, number, "") for number in range(8)]
  syllables = [f"{one}{vowel}" for one in "lm" for vowel in "aeiou"]
  rows += [
    (f"klettres/{voice}_syllab_{syllable}.ogg", *_row("klettres", "GPL-2+", 0, "")[1:])
    for voice in (*vowels.LANGUAGES, "other")
    for syllable in (*syllables, "lam")
  ]
  for name, least in pool.TASKS.items():
    if name == vowels.NAME:
      continue
    rows += [_row(name, "GPL-2+", number, f"class {number % 2}") for number in range(2 * least)]
    rows.append(_row(name, "GPL-2+", 98, "rare"))
  folder.mkdir(exist_ok=True)
  with open(folder / "pool.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([_HEADING, *rows])
  rng = np.random.default_rng(0)
  for index, (name, *_) in enumerate(rows):
    (folder / name).parent.mkdir(exist_ok=True)
    wave = tone(300 + 500 * (index % 2), 0.4) + 0.01 * rng.standard_normal(6400)
    soundfile.write(folder / name, wave, 16_000, format="WAV")
  return folder


def read(path):
  """Returns the rows of a CSV."""
  with open(path, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


def _row(collection, licence, number, label):
  name = f"{collection}/{number:02d}-{number % 2}.ogg"
  return (name, collection, "effects", "source", licence, "0.4", label)
