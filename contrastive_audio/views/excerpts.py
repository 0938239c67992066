"""A store -> tf.data of excerpt pairs, a pure function of (seed, step).

Nothing is remembered from step to step: the clips of a step come from a permutation that is
computed, not stored (`index_shuffle`), and the starts from stateless draws. So a run resumes at any
step at no cost, there is no shuffle buffer, and every host can compute its own share.

Letters: B clips of a batch, E excerpts of a clip, N samples of an excerpt.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.frontend.clip_layout import ClipLayout
from contrastive_audio.views import stateless_random

ENOUGH_FOR_BACKGROUND = 4  # excerpts that fit into the clip (published code of mix-back)
_PERMUTE, _START = 1, 2  # streams of randomness


@dataclasses.dataclass(frozen=True)
class ExcerptPairs:
  """Draws two excerpts of each clip of a batch.

  Attributes:
    store: a store.Store.
    batch_size: B, clips of a step; no clip comes twice in a step.
    layout: the ClipLayout excerpts are cut by.
    seed: int.
    positives: "random": two starts, independent and uniform; "same": one start twice;
      "separated": the second starts `separation` after the first, or, where the clip is too short
      for that, as far away as it allows.
    separation: of "separated", in starts of the layout's grid.
    backgrounds: draw two more random excerpts of each clip, after the pair; they are silent where
      the clip is shorter than ENOUGH_FOR_BACKGROUND excerpts.
  """

  store: object
  batch_size: int
  layout: ClipLayout
  seed: int = 0
  positives: str = "random"
  separation: int = 0
  backgrounds: bool = False

  def __post_init__(self):
    if not 0 < self.batch_size <= self.store.num_clips:
      raise UserError(
        f"a batch of {self.batch_size} pairs needs as many different clips, and the data set has "
        f"{self.store.num_clips}: pass --batch_size={self.store.num_clips} or less"
      )

  @property
  def excerpts_per_clip(self):
    """E: 2, or 4 with backgrounds."""
    return 4 if self.backgrounds else 2

  @property
  def steps_per_epoch(self):
    """Whole batches of an epoch; which clips are left out changes from epoch to epoch."""
    return self.store.num_clips // self.batch_size

  def clip_ids(self, step, part=(0, 1)):
    """Returns int64 `[b]`, the clips of a step (a Python int or an int64 tensor), or a part."""
    step = tf.cast(step, tf.int64)
    epoch, batch = step // self.steps_per_epoch, step % self.steps_per_epoch
    positions = batch * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
    seed = _fold(self.seed, _PERMUTE, epoch)
    last = tf.constant(self.store.num_clips - 1, tf.int64)
    return tf.random.experimental.index_shuffle(positions[self._rows(part)], seed, last)

  def start_words(self, step, part=(0, 1)):
    """Returns uint32 `[b, E]`, a uniform word for each excerpt of a step, or of a part of it."""
    shape = [self.batch_size, self.excerpts_per_clip]
    return stateless_random.words(shape, _fold(self.seed, _START, step))[self._rows(part)]

  def _rows(self, part):
    """Returns the slice of a batch that is the part (number, count)."""
    number, count = part
    rows = self.batch_size // count
    return slice(number * rows, (number + 1) * rows)

  def copy(self, clip_ids, start_words):
    """Returns the excerpts themselves, float32 `[B, E, N]`, from NumPy arrays of the above."""
    excerpts = _aligned_empty([*start_words.shape, self.layout.num_samples])
    clip_samples = self.store.num_samples[clip_ids]
    starts = self._start_indices(clip_samples, start_words)
    for row, clip_id in enumerate(clip_ids):
      for column in range(start_words.shape[1]):
        phase, out = start_words[row, column] / 2**32, excerpts[row, column]
        self.layout.copy(self.store, clip_id, starts[row, column], phase, out)
    too_short = clip_samples < ENOUGH_FOR_BACKGROUND * self.layout.span_samples
    excerpts[too_short, 2:] = 0
    return excerpts

  def _start_indices(self, clip_samples, words):
    """Returns int64 `[B, E]`: which of the layout's starts each word picks."""
    last = self.layout.num_starts(clip_samples)[:, None] - 1
    distance = np.minimum(self.separation, last) if self.positives == "separated" else 0
    # word / 2^32 in [0, 1) picks one of the starts: the last sample has its turn, too.
    starts = _pick(words, last + 1)
    if self.positives != "random":
      starts[:, :1] = _pick(words[:, :1], last + 1 - distance)
      starts[:, 1:2] = starts[:, :1] + distance
    return starts

  def dataset(self, first_step, num_steps, parallel=True, part=(0, 1)):
    """Makes the batches of consecutive steps.

    Args:
      first_step: the first.
      num_steps: how many.
      parallel: copy several batches at once; their order and content are the same. Under
        TensorFlow's op determinism it has to be off: TensorFlow would undo it, and complain.
      part: (number, count): only that part of each batch; no clip is read by two of them, and
        together, in order, they are the batch.

    Returns:
      A tf.data.Dataset of float32 `[B / count, E, N]`.
    """

    def draw(step):
      arguments = (self.clip_ids(step, part), self.start_words(step, part))
      excerpts = tf.numpy_function(self.copy, arguments, tf.float32)
      rows = self.batch_size // part[1]
      return tf.ensure_shape(excerpts, [rows, self.excerpts_per_clip, self.layout.num_samples])

    steps = tf.data.Dataset.range(first_step, first_step + num_steps)
    return map_in_order(steps, draw, parallel)


def map_in_order(dataset, function, parallel):
  """Returns `dataset.map(function)`, several elements at once if `parallel`, in the same order."""
  if not parallel:
    return dataset.map(function)
  return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _aligned_empty(shape, alignment=64):
  """An uninitialised float32 array that TensorFlow takes over without a copy."""
  size = 4 * int(np.prod(shape))
  memory = np.empty(size + alignment, np.uint8)
  start = -memory.ctypes.data % alignment
  return memory[start : start + size].view(np.float32).reshape(shape)


def _pick(words, counts):
  """Turns uniform words into uniform integers below `counts`."""
  return ((words.astype(np.uint64) * counts.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def _fold(seed, stream, number):
  """A seed of shape [2] for one purpose and one number."""
  return stateless_random.fold(tf.constant([seed, stream], tf.int64), number)
