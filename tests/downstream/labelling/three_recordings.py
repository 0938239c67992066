"""Three recordings of 10 s, which the fixture `place` writes, and the table of their labels."""

from downstream.labelling.label_table import LabelTable
from downstream.labelling.places import Recordings

FILES = ["field/a.wav", "field/=1+1.wav", "field/c.wav"]


def table(path="labels.csv"):
  return LabelTable(path, Recordings(path, FILES, [160_000] * 3, 16_000))
