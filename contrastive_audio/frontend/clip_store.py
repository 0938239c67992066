"""What front ends and excerpts need of a store of clips, and a clip of one that is still there."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np


class ClipStore(Protocol):
  """Clips of one sample rate, numbered from 0; `store.store.Store` is one.

  Attributes:
    folders: where the clips are on disk; several, if stores were joined.
    digest: hex digest of the content; equal digests mean equal clips in equal order.
    num_clips: number of clips.
    num_samples: int64 `[num_clips]`, length of each clip.
    recordings: int64 `[num_clips]`, the recording of each clip; pieces of one have the same number.
    mean: float32 `[num_clips]`, mean of each clip.
    centred_peak: float32 `[num_clips]`, largest absolute value of each clip without its mean.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store: ClipStore = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> store.keys([0]), store.wave(0).shape
    (['bell/000.flac'], (36283,))
  """

  folders: list[str]
  digest: str
  num_clips: int
  num_samples: np.ndarray
  recordings: np.ndarray
  mean: np.ndarray
  centred_peak: np.ndarray

  def keys(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> list[str]:
    """Returns the names of some clips; None: of all."""

  def groups(self, clip_ids: Sequence[int] | np.ndarray | None = None) -> Sequence[str | None]:
    """Returns the groups of some clips, such as speakers; None: of all."""

  def wave(self, clip_id: int) -> np.ndarray:
    """Returns a clip, float32 `[n]`."""

  def copy_excerpt(self, clip_id: int, start: int, out: np.ndarray) -> None:
    """Writes the samples from `start` on into `out`, float32; both ends lie inside the clip."""

  def read_ahead(self, clip_ids: np.ndarray, starts: np.ndarray, num_samples: int) -> None:
    """Says which excerpts are copied next: of clips `[b]`, from the samples `[b, E]` on."""


@dataclasses.dataclass(frozen=True)
class StoredClip:
  """A clip that stays in its store until it is read; one of hours can be read in pieces.

  Attributes:
    store: holds the clip.
    clip_id: its number.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> clip = StoredClip(prepare(open_synthetic(clips_per_class=1), 16_000), 0)
    >>> clip.num_samples, clip.read(100, 300).shape
    (36283, (200,))
  """

  store: ClipStore
  clip_id: int

  @property
  def num_samples(self) -> int:
    """Its length."""
    return int(self.store.num_samples[self.clip_id])

  def read(self, first: int = 0, end: int | None = None) -> np.ndarray:
    """Returns its samples from `first` up to `end`, both inside the clip; None: to its end."""
    wave = np.empty((self.num_samples if end is None else end) - first, np.float32)
    self.store.copy_excerpt(self.clip_id, first, wave)
    return wave


def stored_clips(store: ClipStore, clip_ids: Iterable[int]) -> Iterator[StoredClip]:
  """Yields clips of a store.

  Args:
    store: holds the clips.
    clip_ids: their numbers.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> [clip.clip_id for clip in stored_clips(store, [2, 0])]
    [2, 0]
  """
  for clip_id in clip_ids:
    yield StoredClip(store, int(clip_id))
