"""A store -> tf.data of excerpt pairs, a pure function of (seed, step).

Nothing is remembered from step to step: the clips of a step come from a permutation that is
computed, not stored (`index_shuffle`), and the starts from stateless draws. So a run resumes at any
step at no cost, there is no shuffle buffer, and every host can compute its own share.

Letters: B clips of a batch, N samples of an excerpt.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from audio.errors import UserError

SHORT_CLIPS = ("zeros", "tile")
_PERMUTE, _START = 1, 2  # streams of randomness


@dataclasses.dataclass(frozen=True)
class ExcerptPairs:
  """Draws two excerpts of each clip of a batch.

  Attributes:
    store: a store.Store.
    batch_size: B, clips of a step; no clip comes twice in a step.
    num_samples: N, length of an excerpt.
    seed: int.
    short_clips: what becomes of a clip shorter than N: "zeros" (zeros on both sides) or "tile"
      (repeated, each excerpt from a random phase).
  """

  store: object
  batch_size: int
  num_samples: int
  seed: int = 0
  short_clips: str = "zeros"

  def __post_init__(self):
    if not 0 < self.batch_size <= self.store.num_clips:
      raise UserError(
        f"a batch of {self.batch_size} pairs needs as many different clips, and the data set has "
        f"{self.store.num_clips}: pass --batch_size={self.store.num_clips} or less"
      )
    if self.short_clips not in SHORT_CLIPS:
      raise UserError(f"short_clips={self.short_clips!r}: it can be {' or '.join(SHORT_CLIPS)}")

  @property
  def steps_per_epoch(self):
    """Whole batches of an epoch; which clips are left out changes from epoch to epoch."""
    return self.store.num_clips // self.batch_size

  def clip_ids(self, step):
    """Returns int64 `[B]`, the clips of a step (a Python int or an int64 tensor)."""
    step = tf.cast(step, tf.int64)
    epoch, batch = step // self.steps_per_epoch, step % self.steps_per_epoch
    positions = batch * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
    seed = _fold(self.seed, _PERMUTE, epoch)
    last = tf.constant(self.store.num_clips - 1, tf.int64)
    return tf.random.experimental.index_shuffle(positions, seed, last)

  def start_words(self, step):
    """Returns uint32 `[B, 2]`, a uniform word for each excerpt of a step."""
    shape = [self.batch_size, 2]
    return tf.random.stateless_uniform(
      shape, _fold(self.seed, _START, step), minval=None, maxval=None, dtype=tf.uint32
    )

  def copy(self, clip_ids, start_words):
    """Returns the excerpts themselves, float32 `[B, 2, N]`, from NumPy arrays of the above."""
    pairs = _aligned_empty([len(clip_ids), 2, self.num_samples])
    for pair, clip_id, words in zip(pairs, clip_ids, start_words.astype(np.uint64)):
      spare = int(self.store.num_samples[clip_id]) - self.num_samples
      if spare < 0:
        _fill_short(self.store.wave(clip_id), words, self.short_clips, pair)
        continue
      # word / 2^32 in [0, 1) picks one of spare + 1 starts: the last sample has its turn, too.
      for out, start in zip(pair, (words * np.uint64(spare + 1)) >> np.uint64(32)):
        self.store.copy_excerpt(clip_id, int(start), out)
    return pairs

  def dataset(self, first_step, num_steps, parallel=True):
    """Makes the batches of consecutive steps.

    Args:
      first_step: the first.
      num_steps: how many.
      parallel: copy several batches at once; their order and content are the same. Under
        TensorFlow's op determinism it has to be off: TensorFlow would undo it, and complain.

    Returns:
      A tf.data.Dataset of float32 `[B, 2, N]`.
    """

    def draw(step):
      arguments = (self.clip_ids(step), self.start_words(step))
      pairs = tf.numpy_function(self.copy, arguments, tf.float32)
      return tf.ensure_shape(pairs, [self.batch_size, 2, self.num_samples])

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


def _fill_short(wave, words, mode, pair):
  num_samples = pair.shape[-1]
  if mode == "zeros":  # as the published code does: centred, so both excerpts are the same
    before = (num_samples - len(wave)) // 2
    pair[:] = 0
    pair[:, before : before + len(wave)] = wave
    return
  for out, start in zip(pair, (words * np.uint64(len(wave))) >> np.uint64(32)):
    out[:] = wave[(int(start) + np.arange(num_samples)) % len(wave)]


def _fold(seed, stream, number):
  """A seed of shape [2] for one purpose and one number."""
  return tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), number)
