"""The windows of long recordings, each a clip of its own, which stay in the store until read."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from contrastive_audio.errors import UserError
from contrastive_audio.store.store import Store
from downstream.encoders.models import Model

_LONGEST_S = 120.0  # of a window, which is read whole


class WindowStore:
  """The windows of all clips of a store: one every `hop_samples`, and one flush with the end.

  A window lies inside its clip, so none holds silence that was not recorded; a clip that is shorter
  than a window is one window. The embedding of a window is that of the stretch as a clip of its
  own, at its own level: nothing else in a recording of hours matters.

  Letters: W windows of all clips, B windows of a batch, n samples of a window.

  Attributes:
    digest: hex digest of the clips and of where their windows are.
    num_clips: W, each being a clip of its own.
    num_samples: int64 `[W]`.
    sample_rate_hz: of the clips.
    hop_samples: from one window of a clip to the next.
    window_samples: the length of a window of a clip that is long enough.
    clips: int32 `[W]`, the clip of each window.
    starts: int64 `[W]`, the first sample of each window in its clip.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)  # the first lasts 2.27 s
    >>> windows = WindowStore(store, hop_samples=8_000, window_samples=16_000)
    >>> start_s, end_s = windows.spans_s(range(4))
    >>> start_s.round(2).tolist(), end_s.round(2).tolist()
    ([0.0, 0.5, 1.0, 1.27], [1.0, 1.5, 2.0, 2.27])
  """

  def __init__(self, store: Store, hop_samples: int, window_samples: int):
    self._store = store
    self.sample_rate_hz = store.sample_rate_hz
    self.hop_samples, self.window_samples = hop_samples, window_samples
    lasts = np.maximum(store.num_samples.astype(np.int64) - window_samples, 0)  # of the starts
    counts = 1 + -(-lasts // hop_samples)
    self.clips = np.repeat(np.arange(store.num_clips, dtype=np.int32), counts)
    first = np.cumsum(counts) - counts
    positions = np.arange(len(self.clips)) - first[self.clips]
    self.starts = np.minimum(positions * hop_samples, lasts[self.clips])
    self.num_samples = np.minimum(window_samples, store.num_samples[self.clips]).astype(np.int64)
    self.num_clips = len(self.clips)
    identity = f"{store.digest} {hop_samples} {window_samples}"
    self.digest = hashlib.sha256(identity.encode()).hexdigest()

  @property
  def recordings(self) -> Store:
    """The clips that the windows are of."""
    return self._store

  @property
  def description(self) -> str:
    """Says how long windows are, and how far apart."""
    window_s, hop_s = (n / self.sample_rate_hz for n in (self.window_samples, self.hop_samples))
    return f"windows of {window_s:.4g} s every {hop_s:.4g} s"

  @property
  def hours(self) -> float:
    """Total length of the clips, not of their windows."""
    return self._store.hours

  def keys(self, ids: Sequence[int] | np.ndarray) -> list[str]:
    """Returns the names of the clips of some windows."""
    return self._store.keys(self.clips[np.asarray(ids)])

  def spans_s(self, ids: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where some windows start and end in their clips, float64 `[W]` in seconds."""
    ids = np.asarray(ids)
    starts = self.starts[ids]
    return starts / self.sample_rate_hz, (starts + self.num_samples[ids]) / self.sample_rate_hz

  def batches(self, first: int, end: int, at_once: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (numbers of windows `[B]`, float32 waves `[B, n]`); those of a batch are equally long.

    Args:
      first: number of the first window.
      end: number after the last.
      at_once: the largest B.
    """
    for _, group in itertools.groupby(range(first, end), self.num_samples.__getitem__):
      while numbers := list(itertools.islice(group, at_once)):
        yield np.array(numbers), np.stack([self.wave(number) for number in numbers])

  def wave(self, number: int) -> np.ndarray:
    """Returns a window, float32 `[n]`."""
    wave = np.empty(self.num_samples[number], np.float32)
    self._store.copy_excerpt(int(self.clips[number]), int(self.starts[number]), wave)
    return wave


def require_windows(model: Model, window_s: float | None) -> None:
  """Raises a UserError unless a model can embed windows of a length; needs no clips.

  Args:
    model: what will embed them.
    window_s: their length; None: what the model hears at once.

  Raises:
    UserError: a window is shorter than what the model hears at once, or of minutes.

  Example:
    >>> from downstream.encoders.models import open_model
    >>> require_windows(open_model("logmel_stats"), window_s=0.5)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: --window_s=0.5: logmel_stats hears 0.975 s at once; ...
  """
  rate_hz, excerpt_samples = model.sample_rate_hz, model.embedder.excerpt_samples
  window_samples = excerpt_samples if window_s is None else round(window_s * rate_hz)
  if window_samples < excerpt_samples:
    raise UserError(
      f"--window_s={window_s:g}: {model.name} hears {excerpt_samples / rate_hz:.3f} s at once; "
      "leave out the flag, or make windows longer"
    )
  if window_samples > _LONGEST_S * rate_hz:
    raise UserError(f"--window_s={window_s:g}: a window lasts {_LONGEST_S:g} s at most")


def cut_windows(
  store: Store,
  model: Model,
  hop_s: float | None = None,
  window_s: float | None = None,
  hops_per_window: int = 1,
) -> WindowStore:
  """Cuts the clips of a store into windows for a model.

  Args:
    store: the clips, at the model's rate.
    model: what will embed them.
    hop_s: from one window to the next; None: as `hops_per_window` says.
    window_s: length of a window; None: what the model hears at once.
    hops_per_window: 1: windows end to end; 2: they overlap by a half.

  Raises:
    UserError: see `require_windows`.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> from downstream.encoders.models import open_model
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> cut_windows(store, open_model("logmel_stats"), hop_s=0.5).window_samples
    15600
  """
  require_windows(model, window_s)
  rate_hz = model.sample_rate_hz
  window_samples = model.embedder.excerpt_samples if window_s is None else round(window_s * rate_hz)
  hop_samples = -(-window_samples // hops_per_window)  # no window shares more than a half
  if hop_s is not None:
    hop_samples = max(1, round(hop_s * rate_hz))
  return WindowStore(store, hop_samples, window_samples)
