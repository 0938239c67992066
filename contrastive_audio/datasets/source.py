"""What every data set is to the rest: a numbered list of clips that can be loaded."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

LABEL_SEPARATOR = ";"  # between the labels of a clip that has several


@dataclasses.dataclass(frozen=True)
class Clip:
  """One clip of a data set, not decoded yet.

  Attributes:
    key: its name inside the data set, unique, printable.
    load: sample rate in Hz -> float32 `[n]` mono; raises UnusableAudio.
    label: name of its class, or None; of a clip with several, joined by LABEL_SEPARATOR.
    group: what must not be divided between training and test (speaker, recording), or None.
  """

  key: str
  load: Callable[[int], np.ndarray]
  label: str | None = None
  group: str | None = None


class ClipSource(abc.ABC):
  """A data set: clips in a fixed order, read any number of times from any position.

  Attributes:
    name: of the data set, as --dataset has it; of a path the last part only.
    num_clips: how many clips there are, readable or not.
    summary: one line for people.
    split_names: parts that can be opened on their own.
    unions: names among them -> the parts, as `splits` has them, that they stand for.
    classes: names of all classes in the official order; empty where the data set has no such order.
    several_labels: whether a clip may have several labels.
    missing: keys of clips that the data set lists and that are not there.
  """

  name: str
  num_clips: int
  summary: str
  split_names: tuple[str, ...] = ()
  unions: Mapping[str, tuple[str, ...]] = MappingProxyType({})
  classes: tuple[str, ...] = ()
  several_labels: bool = False
  missing: Sequence[str] = ()

  @abc.abstractmethod
  def clips(self, start, stop):
    """Yields the Clips number `start` to `stop - 1`."""

  @abc.abstractmethod
  def fingerprint(self):
    """Returns a hex digest that changes whenever any clip, label or group may have changed."""

  def splits(self):
    """Returns key -> name of its part of the data set, of clips for which it says so."""
    return {}
