"""What every data set is to the rest: a numbered list of clips that can be loaded."""

import abc
import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Clip:
  """One clip of a data set, not decoded yet.

  Attributes:
    key: its name inside the data set, unique, printable.
    load: sample rate in Hz -> float32 `[n]` mono; raises UnusableAudio.
    label: name of its class, or None.
    group: what must not be divided between training and test (speaker, recording), or None.
  """

  key: str
  load: Callable[[int], np.ndarray]
  label: str | None = None
  group: str | None = None


class ClipSource(abc.ABC):
  """A data set: clips in a fixed order, read any number of times from any position.

  Attributes:
    name: as the user wrote it.
    num_clips: how many clips there are, readable or not.
    summary: one line for people.
    splits: key -> name of its part of the data set, where single clips say so.
    split_names: parts that can be opened on their own.
  """

  name: str
  num_clips: int
  summary: str
  splits: dict[str, str] = {}
  split_names: tuple[str, ...] = ()

  @abc.abstractmethod
  def clips(self, start, stop):
    """Yields the Clips number `start` to `stop - 1`."""

  @abc.abstractmethod
  def fingerprint(self):
    """Returns a hex digest that changes whenever any clip, label or group may have changed."""
