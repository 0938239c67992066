"""Stretches of one recording that overlap: sound that must not be on both sides of a split."""

import collections
from collections.abc import Sequence

import numpy as np

from contrastive_audio.datasets.stretches import recording_of, span_of


def divide_single_group(keys: Sequence[str], groups: Sequence[str | None]) -> Sequence[str | None]:
  """Divides the only group of all clips, a recording, into chains of stretches that overlap.

  A group that is the only one cannot be held out, and single stretches share sound with others.

  Args:
    keys: names of the clips.
    groups: their groups.

  Returns:
    The groups of the chains. If there are several groups, if no stretches overlap, or if all are
    one chain: the groups as they are.

  Example:
    >>> keys = ["a.wav#t=0,2", "a.wav#t=1,3", "a.wav#t=5,7"]
    >>> divide_single_group(keys, ["a.wav"] * 3)
    ['a.wav#0', 'a.wav#0', 'a.wav#1']
    >>> divide_single_group(keys[1:], ["a.wav"] * 2)
    ['a.wav', 'a.wav']
  """
  if len(set(groups)) > 1 or None in groups:
    return groups
  chains = _chains(keys)
  if not 1 < chains.max(initial=0) + 1 < len(keys):
    return groups
  return [f"{group}#{chain}" for group, chain in zip(groups, chains)]


def _chains(keys: Sequence[str]) -> np.ndarray:
  """Returns the number of the chain that each stretch belongs to; a whole clip is one by itself."""
  chains, last = np.zeros(len(keys), int), -1
  for stretches in _by_recording(keys).values():
    end_s = -np.inf
    for start_s, stop_s, number in sorted(stretches):
      if start_s >= end_s:
        last += 1
      chains[number], end_s = last, max(end_s, stop_s)
  return chains


def _by_recording(keys: Sequence[str]) -> dict[str, list[tuple[float, float, int]]]:
  """Returns (start, stop, number) of the stretches of each recording, in seconds."""
  stretches = collections.defaultdict(list)
  for number, key in enumerate(keys):
    stretches[recording_of(key)].append((*(span_of(key) or (0.0, np.inf)), number))
  return stretches


def share_sound(keys: Sequence[str], some: np.ndarray, others: np.ndarray) -> int:
  """Counts clips that overlap with one of others.

  Args:
    keys: names of all clips.
    some: int `[n]`, numbers of the clips that are counted.
    others: int `[m]`, numbers of the others.

  Example:
    >>> keys = ["a.wav#t=0,2", "a.wav#t=1,3", "a.wav#t=5,7", "b.wav"]
    >>> share_sound(keys, np.array([1, 2, 3]), np.array([0]))
    1
  """
  if not any(map(span_of, keys)):  # there are no stretches: of millions of clips soon known
    return 0
  counted, compared = set(map(int, some)), set(map(int, others))
  sharing = 0
  for stretches in _by_recording(keys).values():
    of_others = sorted((start, stop) for start, stop, number in stretches if number in compared)
    if not of_others:
      continue
    starts, stops = np.array(of_others).T
    latest = np.maximum.accumulate(stops)
    for start_s, stop_s, number in stretches:
      before = int(np.searchsorted(starts, stop_s))  # those that begin before this one ends
      sharing += number in counted and before > 0 and bool(latest[before - 1] > start_s)
  return sharing
