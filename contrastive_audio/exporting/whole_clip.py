"""A laid-out clip -> its embedding, by a network that runs over all of its frames.

A long clip is encoded in blocks. If the network allows it, blocks overlap by as many frames as its
outputs depend on, and their statistics and maxima are combined: the result is that of the clip as
one tensor. Where it depends on means over the clip inside the network (squeeze-excite), blocks are
clips of their own, as equal in length as possible and at most BLOCK_FRAMES long; of them only the
last statistics and maxima are combined.

Letters: B clips, n samples, K blocks, D embedding, Z state.
"""

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.exporting.finite import zeros_unless_finite
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.frontend.whole_clip import whole_log_mels
from contrastive_audio.networks.over_time import SplitEncoder
from contrastive_audio.utils.tracing import traced

BLOCK_FRAMES = 6144  # of 10 ms: a minute; bounds the memory of a long clip
_ROWS, _COUNT = tf.TensorSpec([None, None]), tf.TensorSpec([], tf.int32)


class WholeClip:
  """Embeds laid-out clips as wholes, see FrontEnd.lay_out.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> whole = WholeClip(FrontEnd(log_mel, frames=96, level="excerpt_l2"), frame_cnn(64))
    >>> whole.embed(tf.zeros([2, 40_000])).shape
    TensorShape([2, 3072])
    >>> whole.blocks(tf.constant(16_000 * 100)).numpy()[:, :2].tolist()  # of 100 s
    [[0, 818160], [782080, 1599920]]
  """

  def __init__(self, front_end: FrontEnd, encoder: keras.Model):
    """Splits the network.

    Args:
      front_end: of the run.
      encoder: `[B, T, F, 1] -> [B, D]`.

    Raises:
      UserError: the encoder cannot be run over a whole clip.
    """
    self._front_end = front_end
    self._split = SplitEncoder(encoder)
    self.is_exact = self._split.is_exact
    context, stride = self._split.context_frames, self._split.stride
    if self.is_exact and front_end.level == "excerpt_l2":  # the window that decides on the level
      context += -(-front_end.frames // stride) * stride
    self._context_frames = context

  def blocks(self, num_samples: tf.Tensor) -> tf.Tensor:
    """Returns how a laid-out clip is cut into blocks.

    Args:
      num_samples: its length.

    Returns:
      `[K, 4]` of the type of `num_samples`: first sample and end of each block, with its context;
      frames of context before it, frames of its own (-1: all the others).
    """
    log_mel, stride = self._front_end.log_mel, self._split.stride
    num_frames = 1 + (num_samples - log_mel.num_samples(1)) // log_mel.hop_samples
    num_blocks = -(-num_frames // BLOCK_FRAMES)
    units = num_frames // stride
    index = tf.range(num_blocks, dtype=num_samples.dtype)
    numbers = tf.concat([index, [num_blocks]], axis=0)
    bounds = stride * (numbers * (units // num_blocks) + tf.minimum(numbers, units % num_blocks))
    first, end = bounds[:-1], tf.concat([bounds[1:-1], [num_frames]], axis=0)
    fed, fed_end = (
      tf.maximum(0 * first, first - self._context_frames),
      tf.minimum(0 * end + num_frames, end + self._context_frames),
    )
    samples = fed * log_mel.hop_samples
    samples_end = (fed_end - 1) * log_mel.hop_samples + log_mel.num_samples(1)
    is_last = index == num_blocks - 1
    owned = tf.where(is_last | (not self.is_exact), 0 * first - 1, end - first)
    return tf.stack([samples, samples_end, first - fed, owned], axis=1)

  def start(self, num_clips: int | tf.Tensor) -> tf.Tensor:
    """Returns the state `[B, Z]` before the first block."""
    finite = tf.ones(tf.stack([num_clips, 1]))
    return tf.concat([finite, self._split.start(num_clips)], axis=1)

  def add(
    self, state: tf.Tensor, samples: tf.Tensor, skipped: tf.Tensor, owned: tf.Tensor
  ) -> tf.Tensor:
    """Returns the state `[B, Z]` after another block of samples `[B, n]`, see `blocks`."""
    log_mels = whole_log_mels(self._front_end, samples)
    is_finite = tf.abs(log_mels) <= log_mels.dtype.max
    finite = tf.reduce_all(is_finite, axis=[1, 2], keepdims=True)
    # Networks lose NaN: a ReLU or a maximum may make a number of it.
    log_mels = zeros_unless_finite(log_mels, finite)
    rest = self._split.add(state[:, 1:], log_mels, skipped, owned)
    return tf.concat([tf.where(tf.squeeze(finite, 2), state[:, :1], 0.0), rest], axis=1)

  def finish(self, state: tf.Tensor) -> tf.Tensor:
    """Returns the embeddings float32 `[B, D]`; NaN for clips whose log-mels are not finite."""
    embedding = tf.cast(self._split.finish(state[:, 1:]), tf.float32)
    return tf.where(state[:, :1] > 0.5, embedding, np.nan)

  def embed(self, laid_out: tf.Tensor) -> tf.Tensor:
    """Laid-out clips `[B, n]` -> embeddings `[B, D]`, block after block."""
    blocks, state = self.blocks(tf.shape(laid_out)[1]), self.start(tf.shape(laid_out)[0])

    def add(number: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      first, end, skipped, owned = tf.unstack(blocks[number])
      return number + 1, self.add(state, laid_out[:, first:end], skipped, owned)

    _, state = tf.while_loop(
      lambda number, _: number < tf.shape(blocks)[0],
      add,
      [0, state],
      shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, state.shape[1]])],
      parallel_iterations=1,
    )
    return self.finish(state)

  def embed_at_once(self, laid_out: tf.Tensor) -> tf.Tensor:
    """Does the same with all frames in one tensor; blocks of their own are not cut."""
    zero, rest = tf.constant(0), tf.constant(-1)
    return self.finish(self.add(self.start(tf.shape(laid_out)[0]), laid_out, zero, rest))


class ClipBlocks(tf.Module):
  """The steps of WholeClip.embed, for one clip that is read block after block.

  Example:
    >>> from contrastive_audio.frontend.log_mel import LogMel
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> log_mel = LogMel(
    ...   16_000, "hann", 400, 160, 1024, "none", 1, "htk", 64, 60.0, 7800.0, "e", "clip", 1e-5
    ... )
    >>> whole = WholeClip(FrontEnd(log_mel, frames=96, level="excerpt_l2"), frame_cnn(64))
    >>> blocks = ClipBlocks(whole, mirrored_samples=0)
    >>> wave, state = np.zeros([1, 40_000], np.float32), blocks.start()
    >>> for first, end, skipped, owned in blocks.cut(40_000).numpy():
    ...   state = blocks.add(state, wave[:, first:end], skipped, owned)
    >>> blocks.finish(state).shape
    TensorShape([1, 3072])
  """

  def __init__(self, whole_clip: WholeClip, mirrored_samples: int):
    """Takes over the steps.

    Args:
      whole_clip: whose steps they are.
      mirrored_samples: of the layout, see clip_layout.ClipLayout.
    """
    super().__init__()
    self._whole_clip = whole_clip
    self._mirrored_samples = mirrored_samples

  @traced(num_samples=tf.TensorSpec([], tf.int64))
  def cut(self, num_samples: tf.Tensor) -> tf.Tensor:
    """Length of a clip that is not short -> int64 `[K, 4]`, see WholeClip.blocks.

    Samples are counted from the start of the clip; mirrored ones lie before it.
    """
    margin = tf.constant(self._mirrored_samples, tf.int64)
    blocks = self._whole_clip.blocks(num_samples + 2 * margin)
    return blocks - tf.stack([margin, margin, 0 * margin, 0 * margin])

  @traced()
  def start(self) -> tf.Tensor:
    """Returns the state `[1, Z]` before the first block."""
    return self._whole_clip.start(1)

  @traced(state=_ROWS, samples=_ROWS, skipped=_COUNT, owned=_COUNT)
  def add(
    self, state: tf.Tensor, samples: tf.Tensor, skipped: tf.Tensor, owned: tf.Tensor
  ) -> tf.Tensor:
    """State `[1, Z]` and samples `[1, n]` of the next block -> the next state `[1, Z]`."""
    return self._whole_clip.add(state, samples, skipped, owned)

  @traced(state=_ROWS)
  def finish(self, state: tf.Tensor) -> tf.Tensor:
    """State `[1, Z]` after the last block -> the embedding `[1, D]`."""
    return self._whole_clip.finish(state)
