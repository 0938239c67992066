"""A store -> tf.data of excerpt pairs, a pure function of (seed, step).

Nothing is remembered from one step to the next. The clips of a step come from a permutation that is
computed, not stored (`index_shuffle`), and the starts of excerpts from stateless draws. So a run
resumes at any step at no cost, there is no shuffle buffer, and every host can compute its own
share.

Letters: B clips of a batch, b clips of a host's share of it, E excerpts of a clip, N samples of an
excerpt.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.frontend.clip_store import ClipStore
from contrastive_audio.utils.pipelines import without_tuning
from contrastive_audio.utils.words import counted
from contrastive_audio.views import stateless_random
from contrastive_audio.views.activity import Activity
from contrastive_audio.views.arrangement import Arrangement
from contrastive_audio.views.balance import draw_without_repeats, group_log_weights

ENOUGH_FOR_BACKGROUND = 4  # excerpts that fit into the clip (published code of mix-back)
_PERMUTE, _START, _DRAW = 1, 2, 3  # streams of randomness


def require_others(store: ClipStore) -> None:
  """Raises an error if a store has no two clips that could be told from each other.

  Args:
    store: the clips of a training.

  Raises:
    UserError: how many there are, and what helps.

  Example:
    >>> from types import SimpleNamespace
    >>> require_others(SimpleNamespace(num_clips=1))
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: the data set has 1 clip, and each clip is told from ...
  """
  if store.num_clips < 2:
    raise UserError(
      f"the data set has {counted(store.num_clips, 'clip')}, and each clip is told from others: "
      "add files, or cut a long recording into pieces by --piece_s"
    )


@dataclasses.dataclass(frozen=True)
class ExcerptPairs:
  """Draws two excerpts of each clip of a batch.

  Attributes:
    store: the clips.
    batch_size: B, clips of a step; no clip comes twice in a step. If the clips are pieces of
      recordings, no recording does where that can be, see Arrangement.
    layout: how excerpts are cut.
    seed: of all draws.
    positives: "random": two starts, independent and uniform; "same": one start twice;
      "separated": the second starts `separation` after the first or, if the clip is too short for
      that, as far away as it allows.
    separation: of "separated", in starts of the layout's grid.
    backgrounds: draw two more random excerpts of each clip, after the pair. They are silent if the
      clip is shorter than ENOUGH_FOR_BACKGROUND excerpts.
    balance: 1: every clip comes once in an epoch. Less: a group of n clips is drawn with a weight
      of n^balance, in each step anew, whatever recordings its clips are of; see views/balance.py.
    activity: how likely each place of a clip is, for the pair; None: all are alike.

  Example:
    >>> from contrastive_audio.datasets.synthetic import open_synthetic
    >>> from contrastive_audio.store.preparation import prepare
    >>> store = prepare(open_synthetic(clips_per_class=1), 16_000)
    >>> pairs = ExcerptPairs(store, batch_size=4, layout=ClipLayout(15_600, 15_600))
    >>> for batch in pairs.dataset(first_step=0, num_steps=2):
    ...   batch.shape
    TensorShape([4, 2, 15600])
    TensorShape([4, 2, 15600])
  """

  store: ClipStore
  batch_size: int
  layout: ClipLayout
  seed: int = 0
  positives: str = "random"
  separation: int = 0
  backgrounds: bool = False
  balance: float = 1.0
  activity: Activity | None = None

  def __post_init__(self) -> None:
    if not 0 < self.batch_size <= self.store.num_clips:
      raise UserError(
        f"a batch of {self.batch_size} pairs needs as many different clips, and the data set has "
        f"{self.store.num_clips}: pass --batch_size={self.store.num_clips} or less"
      )
    if self.balance != 1:
      _ = self._log_weights  # a clip without a group is an error now, not in the first step

  @functools.cached_property
  def _log_weights(self) -> np.ndarray:
    return group_log_weights(self.store.groups(), self.balance)

  @property
  def excerpts_per_clip(self) -> int:
    """E: 2, or 4 with backgrounds."""
    return 4 if self.backgrounds else 2

  @property
  def num_too_short(self) -> int:
    """Number of clips whose backgrounds are silent, for want of length; 0 without backgrounds."""
    return int(self._too_short(self.store.num_samples).sum()) if self.backgrounds else 0

  @property
  def steps_per_epoch(self) -> int:
    """Full batches of an epoch; which clips are left out changes from epoch to epoch."""
    return self.store.num_clips // self.batch_size

  def clip_ids(self, step: int | tf.Tensor, share: tuple[int, int] = (0, 1)) -> tf.Tensor:
    """Returns int64 `[b]`, the clips of a step.

    Args:
      step: an int or an int64 scalar.
      share: (number, count): only that one of `count` equal shares of the batch.
    """
    step = tf.cast(step, tf.int64)
    if self.balance != 1:
      seed = _fold(self.seed, _DRAW, step)
      return draw_without_repeats(self._log_weights, self.batch_size, seed)[self._rows(share)]
    if self._arrangement is not None:
      ids = tf.numpy_function(self._arrangement.batch, [step], tf.int64, stateful=False)
      return tf.ensure_shape(ids, [self.batch_size])[self._rows(share)]
    epoch, batch = step // self.steps_per_epoch, step % self.steps_per_epoch
    positions = batch * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
    seed = _fold(self.seed, _PERMUTE, epoch)
    last = tf.constant(self.store.num_clips - 1, tf.int64)
    return tf.random.experimental.index_shuffle(positions[self._rows(share)], seed, last)

  @functools.cached_property
  def _arrangement(self) -> Arrangement | None:
    """The order of the clips, if several are pieces of one recording."""
    recordings = self.store.recordings
    if len(np.unique(recordings)) == len(recordings):
      return None
    return Arrangement(recordings, self.batch_size, self.seed)

  def start_words(self, step: int | tf.Tensor, share: tuple[int, int] = (0, 1)) -> tf.Tensor:
    """Returns uint32 `[b, E]`, a uniform word for each excerpt of a step.

    Args:
      step: an int or an int64 scalar.
      share: as of `clip_ids`.
    """
    shape, step = [self.batch_size, self.excerpts_per_clip], tf.cast(step, tf.int64)
    return stateless_random.words(shape, _fold(self.seed, _START, step))[self._rows(share)]

  def _rows(self, share: tuple[int, int]) -> slice:
    """Returns which rows of a batch are in a share."""
    number, count = share
    rows = self.batch_size // count
    return slice(number * rows, (number + 1) * rows)

  def copy(self, clip_ids: np.ndarray, start_words: np.ndarray) -> np.ndarray:
    """Returns the excerpts themselves, float32 `[b, E, N]`.

    Args:
      clip_ids: int64 `[b]`.
      start_words: uint32 `[b, E]`.
    """
    excerpts = _aligned_empty([*start_words.shape, self.layout.num_samples])
    clip_samples = self.store.num_samples[clip_ids]
    starts = self._start_indices(clip_ids, start_words)
    self.layout.read_ahead(self.store, clip_ids, starts)
    for row, clip_id in enumerate(clip_ids):
      for column in range(start_words.shape[1]):
        # The same patch of a tiled clip has the same phase, too.
        drawn = 0 if self.positives == "same" and column == 1 else column
        phase, out = start_words[row, drawn] / 2**32, excerpts[row, column]
        self.layout.copy(self.store, clip_id, starts[row, column], phase, out)
    excerpts[self._too_short(clip_samples), 2:] = 0
    return excerpts

  def _too_short(self, clip_samples: np.ndarray) -> np.ndarray:
    return clip_samples < ENOUGH_FOR_BACKGROUND * self.layout.span_samples

  def _start_indices(self, clip_ids: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Returns int64 `[b, E]`: which of the layout's starts each word picks."""
    last = self.layout.num_starts(self.store.num_samples[clip_ids])[:, None] - 1
    distance = np.minimum(self.separation, last) if self.positives == "separated" else 0
    starts = _pick(words, last + 1)
    if self.activity:
      starts[:, :2] = self.activity.pick(clip_ids, words[:, :2])
    if self.positives != "random":
      first = starts[:, :1] if self.activity else _pick(words[:, :1], last + 1 - distance)
      starts[:, :1] = np.minimum(first, last - distance)
      starts[:, 1:2] = starts[:, :1] + distance
    return starts

  def dataset(
    self, first_step: int, num_steps: int, share: tuple[int, int] = (0, 1)
  ) -> tf.data.Dataset:
    """Returns the batches of consecutive steps.

    Args:
      first_step: the first of them.
      num_steps: how many.
      share: (number, count): only that one of `count` equal shares of each batch. Put together in
        order they are the batch, and no clip is read for two of them.

    Returns:
      A tf.data.Dataset of float32 `[b, E, N]`.
    """
    shape = [self.batch_size // share[1], self.excerpts_per_clip, self.layout.num_samples]

    @tf.autograph.experimental.do_not_convert
    def draw(step: tf.Tensor) -> tf.Tensor:
      arguments = (self.clip_ids(step, share), self.start_words(step, share))
      return tf.ensure_shape(tf.numpy_function(self.copy, arguments, tf.float32), shape)

    # Not in parallel: threads that copy wait for each other, since Python has one lock.
    steps = tf.data.Dataset.range(first_step, first_step + num_steps)
    return without_tuning(steps.map(draw))


def _aligned_empty(shape: Sequence[int], alignment: int = 64) -> np.ndarray:
  """Returns an uninitialised float32 array that TensorFlow takes over without a copy."""
  size = 4 * int(np.prod(shape))
  memory = np.empty(size + alignment, np.uint8)
  start = -memory.ctypes.data % alignment
  return memory[start : start + size].view(np.float32).reshape(shape)


def _pick(words: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """Turns uniform words into uniform integers below `counts`: word / 2^32 lies in [0, 1)."""
  return ((words.astype(np.uint64) * counts.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def _fold(seed: int, stream: int, number: int | tf.Tensor) -> tf.Tensor:
  """Returns a seed `[2]` for one stream and one number."""
  return stateless_random.fold(tf.constant([seed, stream], tf.int64), number)
