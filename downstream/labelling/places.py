"""Stretches of recordings, and how a table of labels names them."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from contrastive_audio.utils.spreadsheets import unescaped
from contrastive_audio.utils.tables import name_in_table

if TYPE_CHECKING:  # it imports TensorFlow
  from downstream.encoders.window_store import WindowStore


class Place(NamedTuple):
  """A stretch of a recording.

  Attributes:
    clip: number of the recording.
    first: its first sample.
    end: its end.

  Example:
    >>> Place(0, 16_000, 32_000).shares_most(Place(0, 24_000, 40_000))
    False
    >>> Place(0, 16_000, 32_000).shares_most(Place(0, 23_999, 39_999))
    True
  """

  clip: int
  first: int
  end: int

  def shares_most(self, other: "Place") -> bool:
    """Whether two stretches share more than half of the shorter one.

    Then a table with times gives each of them the labels of both.
    """
    shared = min(self.end, other.end) - max(self.first, other.first)
    shorter = min(self.end - self.first, other.end - other.first)
    return self.clip == other.clip and 2 * shared > shorter


class Recordings:
  """The files of recordings, and their names in a table.

  Attributes:
    names: of the recordings, as a table has them.
    lengths: their numbers of samples.
    sample_rate_hz: of the recordings.

  Example:
    >>> recordings = Recordings("labels.csv", ["field/a.wav", "/mnt/b.wav"], [160, 160], 16_000)
    >>> recordings.names, recordings.find("field/../field/a.wav"), recordings.find("c.wav")
    (['field/a.wav', '/mnt/b.wav'], 0, None)
  """

  def __init__(self, table: str, paths: Sequence[str], lengths: Sequence[int], sample_rate_hz: int):
    """Names the recordings.

    Args:
      table: path of the table.
      paths: of the recordings.
      lengths: their numbers of samples.
      sample_rate_hz: of the recordings.
    """
    self._folder = os.path.dirname(os.path.abspath(table))
    self.names = [name_in_table(table, path) for path in paths]
    self.lengths, self.sample_rate_hz = lengths, sample_rate_hz
    self._clips = {os.path.realpath(path): clip for clip, path in enumerate(paths)}

  def find(self, cell: str) -> int | None:
    """Returns the number of the recording that a cell of the table names; None: another file."""
    for name in (cell, unescaped(cell), cell.replace("\\", "/")):  # a table from Windows
      clip = self._clips.get(os.path.realpath(os.path.join(self._folder, name)))
      if clip is not None:
        return clip
    return None


class WindowPlaces:
  """The windows of recordings as places, and back.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.window_store import WindowStore
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000).select([0])  # 2.27 s
    >>> places = WindowPlaces(WindowStore(store, hop_samples=8_000, window_samples=16_000))
    >>> places[1], places.number(Place(0, 8_000, 24_000)), places.number(Place(0, 1, 16_001))
    (Place(clip=0, first=8000, end=24000), 1, None)
    >>> places.sharing_most(Place(0, 8_000, 30_000)).tolist()  # the last is flush with the end
    [1, 2, 3]
  """

  def __init__(self, windows: "WindowStore"):
    """Computes nothing yet.

    Args:
      windows: of the recordings.
    """
    self._windows = windows

  def __len__(self) -> int:
    return self._windows.num_clips

  def __getitem__(self, number: int) -> Place:
    windows = self._windows
    first = int(windows.starts[number])
    return Place(int(windows.clips[number]), first, first + int(windows.num_samples[number]))

  def number(self, place: Place) -> int | None:
    """Returns the number of the window that is a place; None: there is none."""
    found = [number for number in self._near(place) if self[number] == place]
    return found[0] if found else None

  def sharing_most(self, place: Place) -> np.ndarray:
    """Returns the windows that share more than half with a place, int `[n]`."""
    numbers = [number for number in self._near(place) if place.shares_most(self[number])]
    return np.array(numbers, np.int64)

  def _near(self, place: Place) -> Iterable[int]:
    """Returns the windows that begin less than a window before a place, and not after it."""
    windows = self._windows
    first, last = np.searchsorted(windows.clips, [place.clip, place.clip + 1])
    low, high = np.searchsorted(
      windows.starts[first:last], [place.first - windows.window_samples, place.end]
    )
    return range(int(first + low), int(first + high))
