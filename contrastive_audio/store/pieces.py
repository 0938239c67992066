"""Which pieces of which clips a store is cut into: rows of its index; no audio is copied."""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from contrastive_audio.datasets.stretches import Stretches, key_of

if TYPE_CHECKING:
  from contrastive_audio.store.store import Store


@dataclasses.dataclass(frozen=True)
class Pieces:
  """Pieces of clips, one entry each.

  Attributes:
    clip_ids: int64 `[p]`, the clip that each is a piece of.
    starts: int64 `[p]`, its first sample.
    stops: int64 `[p]`, its end.
    keys: their names.
    labels: their classes, or None.
    groups: the names of their groups, or None.

  Example:
    >>> pieces = Pieces(np.array([0]), np.array([100]), np.array([300]), ["a"], [None], [None])
    >>> len(pieces.digest())
    64
  """

  clip_ids: np.ndarray
  starts: np.ndarray
  stops: np.ndarray
  keys: Sequence[str]
  labels: Sequence[str | None]
  groups: Sequence[str | None]

  def digest_of_places(self) -> str:
    """Returns a hex digest of where they are, whatever they are called."""
    digest = hashlib.sha256()
    for array in (self.clip_ids, self.starts, self.stops):
      digest.update(np.asarray(array, np.int64).tobytes())
    return digest.hexdigest()

  def digest(self) -> str:
    """Returns a hex digest of all of it."""
    digest = hashlib.sha256(self.digest_of_places().encode())
    for texts in (self.keys, self.labels, self.groups):
      digest.update(repr(list(texts)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def equal_pieces(store: "Store", piece_s: float) -> Pieces:
  """Returns pieces of about one length, which cover each clip from its start to its end.

  A clip is divided evenly into as many pieces as come nearest to that length, at least one. Each
  has the label of its clip, and its group; a clip without a group is a group of its own.

  Args:
    store: holds the clips.
    piece_s: length of a piece.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> pieces = equal_pieces(store, piece_s=1.0)
    >>> pieces.keys[:2], pieces.starts[:2].tolist(), int(store.num_samples[0])
    (['bell/000.flac#t=0,1.133875', 'bell/000.flac#t=1.133875,2.267688'], [0, 18142], 36283)
  """
  rate_hz = store.sample_rate_hz
  counts = np.maximum(1, np.rint(store.num_samples / (piece_s * rate_hz)).astype(np.int64))
  clip_ids = np.repeat(np.arange(store.num_clips), counts)
  numbers = np.arange(len(clip_ids)) - np.repeat(np.cumsum(counts) - counts, counts)
  lengths, counts = store.num_samples[clip_ids], counts[clip_ids]
  starts = np.rint(numbers * lengths / counts).astype(np.int64)
  stops = np.rint((numbers + 1) * lengths / counts).astype(np.int64)
  names = store.keys()
  groups = [group or key for group, key in zip(store.group_names(), names)]
  labels = store.labels()
  keys = [
    names[clip_id] if (start, stop) == (0, length) else key_of(names[clip_id], start, stop)
    for clip_id, start, stop, length in zip(
      clip_ids, starts / rate_hz, stops / rate_hz, lengths / rate_hz
    )
  ]
  return Pieces(
    clip_ids,
    starts,
    stops,
    keys,
    [labels[clip_id] for clip_id in clip_ids],
    [groups[clip_id] for clip_id in clip_ids],
  )


def pieces_of_stretches(store: "Store", stretches: Stretches) -> Pieces:
  """Returns the stretches of recordings that a table lists, as pieces of a store of them.

  Args:
    store: of the recordings; those that could not be decoded are not in it.
    stretches: what the table lists.

  Raises:
    UserError: a stretch lies outside its recording; names file and row.

  Example:
    >>> from contrastive_audio.datasets.clip_table import Row, to_table
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> rows = to_table([Row("bell/000.flac", label="bell", start_s=0.5, stop_s=1.5)])
    >>> pieces = pieces_of_stretches(store, Stretches(rows, ["list.csv, line 2"]))
    >>> pieces.starts.tolist(), pieces.stops.tolist(), pieces.labels
    ([8000], [24000], ['bell'])
  """
  rate_hz = store.sample_rate_hz
  found = list(stretches.within(store.keys(), (store.num_samples / rate_hz).tolist()))
  clip_ids = np.array([each.clip_id for each in found], np.int64)
  lengths = store.num_samples[clip_ids]
  starts = np.array([round(each.start_s * rate_hz) for each in found], np.int64)
  stops = np.array([round(each.stop_s * rate_hz) for each in found], np.int64)
  stops = np.minimum(stops, lengths)
  starts = np.minimum(starts, stops - 1)  # shorter than a sample: one of them
  return Pieces(
    clip_ids,
    starts,
    stops,
    [each.key for each in found],
    [each.label for each in found],
    [each.group for each in found],
  )


def blocks_of(num_samples: int, block_samples: int) -> Iterator[tuple[int, int]]:
  """Yields (first sample, number of samples) of the blocks of a clip.

  Args:
    num_samples: of the clip.
    block_samples: of a block, at most.

  Example:
    >>> list(blocks_of(5, 2))
    [(0, 2), (2, 2), (4, 1)]
  """
  for first in range(0, num_samples, block_samples):
    yield first, min(block_samples, num_samples - first)
