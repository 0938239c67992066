"""Clips of a made-up data set."""

from downstream.cards.splits import Clips


def make_clips(count=60, groups=None, split_names=None, keys=None, classes=3):
  """Clips in turn of each class, without groups and splits unless given."""
  keys = keys or [f"{i:03d}.wav" for i in range(count)]
  labels = [f"class{i % classes}" for i in range(count)]
  return Clips(keys, labels, groups or [None] * count, split_names or [None] * count)
