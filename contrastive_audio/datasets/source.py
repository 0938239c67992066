"""The interface of every data set: a numbered list of clips that can be loaded."""

import abc
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from contrastive_audio.datasets.stretches import Stretches

LABEL_SEPARATOR = ";"  # between the labels of a clip that has several


@dataclasses.dataclass(frozen=True)
class Clip:
  """One clip of a data set, not decoded yet.

  Attributes:
    key: its name in the data set, unique, printable.
    blocks: sample rate in Hz -> its wave in blocks, float32 `[n]` mono, at least one; raises
      UnusableAudio, also after the last block. No more than one block is held in memory.
    label: name of its class, or None; several labels are joined by LABEL_SEPARATOR.
    group: what must not be divided between training and test (speaker, recording), or None.
    num_bytes: what the clip holds in memory before it is decoded.

  Example:
    >>> clip = Clip("silence.wav", lambda sample_rate_hz: iter([np.zeros(sample_rate_hz)] * 2))
    >>> len(clip.load(16_000)), [len(block) for block in clip.blocks(16_000)]
    (32000, [16000, 16000])
  """

  key: str
  blocks: Callable[[int], Iterator[np.ndarray]]
  label: str | None = None
  group: str | None = None
  num_bytes: int = 0

  def load(self, sample_rate_hz: int) -> np.ndarray:
    """Returns the whole wave, float32 `[n]` mono; raises UnusableAudio."""
    return np.concatenate([*self.blocks(sample_rate_hz)])


class ClipSource(abc.ABC):
  """A data set: clips in a fixed order, read any number of times from any position.

  Attributes:
    name: of the data set, as `--dataset` takes it; for a path only its last component.
    num_clips: number of clips, readable or not.
    summary: one human-readable line.
    split_names: splits that can be opened on their own.
    unions: name of a split -> the splits, as `splits` returns them, that it consists of.
    classes: names of all classes in the official order; empty if there is no official order.
    missing: keys of clips that the data set lists but does not hold.
    stretches: what is used of the clips; None: all of them.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> source = open_synthetic(clips_per_class=1)
    >>> source.num_clips, next(source.clips(3, 5)).key
    (10, 'clicks/000.flac')
  """

  name: str
  num_clips: int
  summary: str
  split_names: tuple[str, ...] = ()
  unions: Mapping[str, tuple[str, ...]] = MappingProxyType({})
  classes: tuple[str, ...] = ()
  missing: Sequence[str] = ()
  stretches: Stretches | None = None

  @property
  def num_listed(self) -> int:
    """How many clips, or stretches of clips, are listed."""
    return self.num_clips

  @abc.abstractmethod
  def clips(self, start: int, stop: int) -> Iterator[Clip]:
    """Yields the clips with numbers `start` to `stop - 1`."""

  @abc.abstractmethod
  def fingerprint(self) -> str:
    """Returns a hex digest that changes whenever a clip, label or group may have changed."""

  def listing(self) -> str:
    """Returns a hex digest that also changes whenever what is used of a clip does."""
    return self.fingerprint()

  def splits(self) -> Mapping[str, str | None]:
    """Returns key -> name of its split; clips whose split is not known have None, or no entry."""
    return {}
