"""A classifier: an encoder with a dense layer on top, and how it scores clips.

Letters: n clips, W windows of a clip, T frames, F mel bands, D embedding, C classes.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.frontend.clip_store import stored_clips
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.store.store import Store
from downstream.protocols import Options


class Classifier:
  """An encoder with a dense layer on top.

  Attributes:
    encoder: `[B, T, F, 1] -> [B, D]`: the frozen encoder, or the trained copy.
    dense: keras.layers.Dense, `[B, D] -> [B, C]`, logits.
    history: a dictionary per epoch: `loss`, the mean over its steps, and `validation_score`,
      the metric of the options, in [0, 1]; None without validation clips.
    best_epoch: number, from 1, of the epoch that the weights are from; 0: untrained.

  Example:
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> from downstream.encoders.models import cola_front_end
    >>> options = Options(frozen=True)
    >>> Classifier(cola_front_end(), frame_cnn(64), 5, options).dense.kernel.shape
    TensorShape([3072, 5])
  """

  def __init__(
    self,
    front_end: FrontEnd,
    encoder: keras.Model,
    num_classes: int,
    options: Options,
    hosts: Hosts | None = None,
  ):
    """Initialises the dense layer from Keras' global seed.

    Args:
      front_end: of the encoder.
      encoder: `[B, T, F, 1] -> [B, D]`.
      num_classes: C.
      options: fields used here: windows, average, and whether clips may have several labels.
      hosts: hosts that share the training; None: this device alone.
    """
    self.encoder = encoder
    with (hosts or Hosts()).strategy.scope():
      self.dense = keras.layers.Dense(num_classes, dtype="float32")
      self.dense.build([None, encoder.output_shape[-1]])
    self.history: list[dict[str, Any]] = []
    self.best_epoch = 0
    self._embedder = ClipEmbedder(ClipEncoder(front_end, encoder, options.windows))
    self._options = options

  @property
  def epochs(self) -> int:
    """Number of epochs trained."""
    return len(self.history)

  def scores(self, store: Store, clip_ids: Iterable[int]) -> np.ndarray:
    """Scores clips by averages over their windows (COLA, section 3.3; mix-back's code).

    Args:
      store: the clips, at the encoder's sample rate.
      clip_ids: ids of n clips.

    Returns:
      float32 `[n, C]`, probabilities, see `score_windows`.
    """
    return self.score_windows(self.embed_windows(store, clip_ids))

  def embed_windows(self, store: Store, clip_ids: Iterable[int]) -> Iterator[np.ndarray]:
    """Yields float32 `[W, D]`, the embeddings of the windows of each clip."""
    return self._embedder.embed_windows(stored_clips(store, clip_ids))

  def score_windows(self, clips: Iterable[np.ndarray]) -> np.ndarray:
    """Scores clips whose windows are embedded.

    Args:
      clips: `[W, D]` of each of n clips.

    Returns:
      float32 `[n, C]`: the softmax (or sigmoid) of the mean logits; with average="probabilities",
      the mean of the softmax (or sigmoid) of each window.
    """
    kernel, bias = self.dense.get_weights()
    rows = [self._score_clip(windows @ kernel + bias) for windows in clips]
    return np.reshape(rows, [-1, len(bias)]).astype(np.float32)

  def _score_clip(self, logits: np.ndarray) -> np.ndarray:
    """Logits `[W, C]` -> probabilities `[C]`."""
    if self._options.average == "logits":
      logits = logits.mean(axis=0, keepdims=True)
    squash = tf.sigmoid if self._options.multi_label else tf.nn.softmax
    return squash(logits).numpy().mean(axis=0)
