"""A classifier: an encoder with a dense layer on top, and how it is trained.

Letters: n clips, B clips of a batch, T frames, F mel bands, D embedding, C classes.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contrastive_audio.distributed.hosts import Hosts
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_encoder import ClipEmbedder, ClipEncoder
from contrastive_audio.frontend.front_end import FrontEnd
from contrastive_audio.store.store import Store
from downstream.choices import BATCHNORMS, STARTS


@dataclasses.dataclass(frozen=True)
class Options:
  """How a classifier is trained.

  Attributes:
    frozen: the encoder stays as it is, with BatchNorm in inference mode; if not, a copy of it is
      trained.
    learning_rate: of Adam (COLA, sections 3.1 and 3.3).
    batch_size: B (COLA); fewer clips than that are one batch.
    epochs: largest number of epochs; 100 as in the published code of COLA.
    patience: stop after so many epochs without a better validation score, and take the weights of
      the best epoch; None: never stop early, and take the last weights.
    start: what the dense layer starts from. "random": as in the papers. "linear": logistic
      regression on the embeddings of the training clips (Kumar et al. 2022, "LP-FT": the first
      gradients of a random layer distort what the encoder has learned).
    batchnorm: statistics of a trained encoder. "batch": as in the papers. "fixed": as in inference.
    multi_label: sigmoid and its cross entropy instead of softmax.
    seed: of the dense layer, the excerpts and drop-connect.

  Raises:
    UserError: a value is not allowed.

  Example:
    >>> Options(frozen=True, epochs=0)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: epochs=0: it has to be at least 1
  """

  frozen: bool
  learning_rate: float = 1e-3
  batch_size: int = 64
  epochs: int = 100
  patience: int | None = None
  start: str = "random"
  batchnorm: str = "batch"
  multi_label: bool = False
  seed: int = 0

  def __post_init__(self) -> None:
    for name in ("batch_size", "epochs", "patience"):
      value = getattr(self, name)
      if value is not None and value < 1:
        raise UserError(f"{name}={value}: it has to be at least 1")
    for name, allowed in (("start", STARTS), ("batchnorm", BATCHNORMS)):
      if getattr(self, name) not in allowed:
        raise UserError(f"{name}={getattr(self, name)!r}: allowed are {', '.join(allowed)}")
    if not self.learning_rate > 0:
      raise UserError(f"learning_rate={self.learning_rate}: it has to be above 0")


class Classifier:
  """An encoder with a dense layer on top.

  Attributes:
    encoder: `[B, T, F, 1] -> [B, D]`: the frozen encoder, or the trained copy.
    dense: keras.layers.Dense, `[B, D] -> [B, C]`, logits.
    history: a dictionary per epoch: `loss`, the mean over its steps, and `validation_score`,
      accuracy or mean average precision in [0, 1]; None without validation clips.
    best_epoch: number, from 1, of the epoch that the weights are from; 0: untrained.

  Example:
    >>> from contrastive_audio.networks.encoders import frame_cnn
    >>> from downstream.encoders.models import cola_front_end
    >>> Classifier(cola_front_end(), frame_cnn(64), num_classes=5).dense.kernel.shape
    TensorShape([3072, 5])
  """

  def __init__(
    self,
    front_end: FrontEnd,
    encoder: keras.Model,
    num_classes: int,
    multi_label: bool = False,
    hosts: Hosts | None = None,
  ):
    """Initialises the dense layer from Keras' global seed.

    Args:
      front_end: of the encoder.
      encoder: `[B, T, F, 1] -> [B, D]`.
      num_classes: C.
      multi_label: whether a clip may have several classes.
      hosts: hosts that share the training; None: this device alone.
    """
    self.encoder = encoder
    with (hosts or Hosts()).strategy.scope():
      self.dense = keras.layers.Dense(num_classes, dtype="float32")
      self.dense.build([None, encoder.output_shape[-1]])
    self.history: list[dict[str, Any]] = []
    self.best_epoch = 0
    self._embedder = ClipEmbedder(ClipEncoder(front_end, encoder))
    self._multi_label = multi_label

  @property
  def epochs(self) -> int:
    """Number of epochs trained."""
    return len(self.history)

  def scores(self, store: Store, clip_ids: Iterable[int]) -> np.ndarray:
    """Scores clips by their mean logits over the windows that cover a clip (COLA, section 3.3).

    Args:
      store: the clips, at the encoder's sample rate.
      clip_ids: ids of n clips.

    Returns:
      float32 `[n, C]`, probabilities: the softmax (multi_label: the sigmoid) of the mean logits.
    """
    logits = self.logits(self.embeddings(store, clip_ids))
    return (tf.sigmoid(logits) if self._multi_label else tf.nn.softmax(logits)).numpy()

  def embeddings(self, store: Store, clip_ids: Iterable[int]) -> np.ndarray:
    """Returns float32 `[n, D]`, the mean over the windows that cover each clip."""
    embeddings = list(self._embedder.embed(map(store.wave, clip_ids)))
    return np.reshape(embeddings, [-1, self.encoder.output_shape[-1]]).astype(np.float32)

  def logits(self, embeddings: np.ndarray) -> np.ndarray:
    """Computes logits.

    The layer is linear: the logits of a mean embedding are the mean of the logits of its windows.

    Args:
      embeddings: `[n, D]`.

    Returns:
      float32 `[n, C]`.
    """
    return self.dense(embeddings).numpy()
