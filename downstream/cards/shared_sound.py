"""Stretches that overlap, and copies: sound that must not be on both sides of a split."""

import collections
from collections.abc import Hashable, Iterable, Sequence

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


def _by_recording(
  keys: Sequence[str], recordings: Iterable[Hashable] | None = None
) -> dict[Hashable, list[tuple[float, float, int]]]:
  """Returns (start, stop, number) of the stretches of each recording, in seconds."""
  stretches = collections.defaultdict(list)
  names = map(recording_of, keys) if recordings is None else recordings
  for number, (key, name) in enumerate(zip(keys, names)):
    stretches[name].append((*(span_of(key) or (0.0, np.inf)), number))
  return stretches


def share_sound(
  keys: Sequence[str], some: np.ndarray, others: np.ndarray, sounds: np.ndarray
) -> int:
  """Counts clips that overlap with one of others, or with a copy of it.

  Args:
    keys: names of all clips.
    some: int `[n]`, numbers of the clips that are counted.
    others: int `[m]`, numbers of the others.
    sounds: int, of each clip, the number of its recording, which is that of its copies, too.

  Example:
    >>> keys = ["a.wav#t=0,2", "a.wav#t=1,3", "a.wav#t=5,7", "b.wav", "copy-of-a.wav#t=0,1"]
    >>> share_sound(keys, np.array([1, 2, 3, 4]), np.array([0]), np.array([0, 0, 0, 1, 0]))
    2
  """
  if not any(map(span_of, keys)):  # there are no stretches: of millions of clips soon known
    return int(np.isin(sounds[some], sounds[others]).sum())
  counted, compared = set(map(int, some)), set(map(int, others))
  sharing = 0
  for stretches in _by_recording(keys, sounds.tolist()).values():
    of_others = sorted((start, stop) for start, stop, number in stretches if number in compared)
    if not of_others:
      continue
    starts, stops = np.array(of_others).T
    latest = np.maximum.accumulate(stops)
    for start_s, stop_s, number in stretches:
      before = int(np.searchsorted(starts, stop_s))  # those that begin before this one ends
      sharing += number in counted and before > 0 and bool(latest[before - 1] > start_s)
  return sharing
