"""The embeddings of all windows, in memory or read from disk at each pass; and of other stretches.

Letters: W windows, B windows of a block, D embedding.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from contrastive_audio.datasets.stretches import key_of
from contrastive_audio.frontend.clip_store import stored_clips
from contrastive_audio.store.pieces import Pieces
from downstream.encoders.embedding_parts import Embeddings
from downstream.encoders.models import Model
from downstream.encoders.window_store import WindowStore
from downstream.labelling.places import Place, WindowPlaces

_LARGEST_BYTES = 1 << 30  # of embeddings that are held in memory
_SAMPLE = 2000  # windows that stand for all


class WindowRows:
  """Embeddings of windows.

  Attributes:
    num_windows: W.
    sample: int `[S]`, numbers of some windows, drawn from all, ascending.
    sampled: float32 `[S, D]`, their embeddings.
    centre: float32 `[D]`, the mean of `sampled`.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> from downstream.encoders.window_store import cut_windows
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000).select([0, 1])
    >>> model = open_model("logmel_stats")
    >>> rows = WindowRows(model, cut_windows(store, model))
    >>> rows.of([Place(0, 0, 15_600), Place(0, 100, 20_000)]).shape
    (2, 128)
    >>> rows.scan(lambda block: block[:, :1]).shape == (rows.num_windows, 1)
    True
  """

  def __init__(self, model: Model, windows: WindowStore, seed: int = 0):
    """Embeds the windows, unless that was done before.

    Args:
      model: what embeds.
      windows: of the recordings.
      seed: of the sample.
    """
    self._model, self._store = model, windows.recordings
    self._places = WindowPlaces(windows)
    self._embeddings = Embeddings(model, windows).make()
    self.num_windows = windows.num_clips
    self._kept: dict[Place, np.ndarray] = {}
    self._matrix: np.ndarray | None = None
    if self.num_windows * model.embedding_size * 4 <= _LARGEST_BYTES:
      self._matrix = self._embeddings.of_windows()[1]
    drawn = np.random.default_rng([seed, 5]).permutation(self.num_windows)[:_SAMPLE]
    self.sample = np.sort(drawn)
    self.sampled = np.concatenate(
      [values[np.isin(numbers, self.sample)] for numbers, values in self._blocks()]
    )
    self.centre = self.sampled.mean(axis=0)

  def scan(self, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Returns the scores of all windows.

    Args:
      score: embeddings `[B, D]` -> scores `[B, ...]`.
    """
    return np.concatenate([score(values) for _, values in self._blocks()])

  def of(self, places: Sequence[Place]) -> np.ndarray:
    """Returns the embeddings of some stretches, float32 `[n, D]`.

    Args:
      places: windows, or any other stretches; the embedding is that of the stretch as a file.
    """
    missing = [place for place in dict.fromkeys(places) if place not in self._kept]
    others = []
    for place in missing:
      number = None if self._matrix is None else self._places.number(place)
      if self._matrix is None or number is None:
        others.append(place)
      else:
        self._kept[place] = self._matrix[number]
    if others:
      self._kept |= zip(others, self._embed(others))
    return np.stack([self._kept[place] for place in places])

  def _blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (numbers `[B]`, embeddings `[B, D]`) in order."""
    if self._matrix is None:
      yield from self._embeddings.parts()
    else:
      yield np.arange(self.num_windows), self._matrix

  def _embed(self, places: Sequence[Place]) -> np.ndarray:
    clips, starts, stops = (np.array(column, np.int64) for column in zip(*places))
    rate_hz, names = self._store.sample_rate_hz, self._store.keys(clips)
    keys = [
      key_of(name, first / rate_hz, end / rate_hz) for name, (_, first, end) in zip(names, places)
    ]
    nothing = [None] * len(places)
    pieces = self._store.cut(Pieces(clips, starts, stops, keys, nothing, nothing))
    return np.stack(list(self._model.embedder.embed(stored_clips(pieces, range(len(places))))))
