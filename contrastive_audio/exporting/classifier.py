"""A trained linear classifier in one file: downstream.linear writes it, the export reads it.

classifier.npz holds `weights` `[D, C]` and `bias` `[C]` (the standardisation of the embedding is
folded into them), `class_names` `[C]`, `multi_label`, `model` (a human-readable name),
`clip_pooling` (how an embedding is made of a clip; "windows" where it is missing), and
`fingerprint` `[D]`: the embedding of one fixed sound. The fingerprint tells whether a classifier
belongs to an encoder, whether in a run folder or exported, on any machine. `validation_scores` and
`validation_targets` `[n, C]`, missing in earlier versions, are what thresholds are chosen by: how
clips were scored by classifiers that were not fitted on them.
"""

import dataclasses
import os
from typing import Any

import numpy as np
import tensorflow as tf

from contrastive_audio.errors import UserError
from contrastive_audio.exporting.clip_embedder import Embedder
from contrastive_audio.utils.files import make_folder, replacing
from contrastive_audio.utils.run_files import CLASSIFIER

_VALIDATION = ("validation_scores", "validation_targets")
_TOLERANCE = 1e-2  # GPUs round coarsely; the embeddings of another encoder are far away


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
  """Embedding -> probability of each class.

  Attributes:
    weights: float32 `[D, C]`.
    bias: float32 `[C]`.
    class_names: C names.
    multi_label: whether a clip can have several classes (sigmoid) or has exactly one (softmax).
    model: name of the model whose embeddings it takes.
    fingerprint: float32 `[D]`, see `fingerprint`.
    clip_pooling: one of configuration.CLIP_POOLINGS.
    validation_scores: float32 `[n, C]`, probabilities of held-out clips; None: not known.
    validation_targets: bool `[n, C]`, which classes those clips have; None: not known.

  Example:
    >>> classifier = LinearClassifier(
    ...   weights=np.eye(2, dtype=np.float32), bias=np.zeros(2, np.float32),
    ...   class_names=("cat", "dog"), multi_label=False, model="runs/mine",
    ...   fingerprint=np.zeros(2, np.float32),
    ... )
    >>> logits = tf.math.log([[3.0, 1.0]])  # with these weights, the embedding itself
    >>> classifier.scores(logits).numpy().round(2).tolist()
    [[0.75, 0.25]]
    >>> LinearClassifier.open(os.path.dirname(classifier.save("linear"))).class_names
    ('cat', 'dog')
  """

  weights: np.ndarray
  bias: np.ndarray
  class_names: tuple[str, ...]
  multi_label: bool
  model: str
  fingerprint: np.ndarray
  clip_pooling: str = "windows"
  validation_scores: np.ndarray | None = None
  validation_targets: np.ndarray | None = None

  @classmethod
  def open(cls, folder: str) -> "LinearClassifier":
    """Opens a saved classifier.

    Args:
      folder: the `--output` of downstream.linear.

    Raises:
      UserError: there is no classifier, or it cannot be read.
    """
    path = os.path.join(folder, CLASSIFIER)
    if not os.path.exists(path):
      raise UserError(
        f"--classifier={folder}: it holds no {CLASSIFIER}; make one with python -m "
        f"downstream.linear --model=RUN --task=TASK --output={folder}"
      )
    try:
      with np.load(path, allow_pickle=False) as arrays:
        classifier = cls(
          weights=np.asarray(arrays["weights"], np.float32),
          bias=np.asarray(arrays["bias"], np.float32),
          class_names=tuple(map(str, arrays["class_names"].tolist())),
          multi_label=bool(arrays["multi_label"]),
          model=str(arrays["model"]),
          fingerprint=np.asarray(arrays["fingerprint"], np.float32),
          clip_pooling=str(arrays["clip_pooling"]) if "clip_pooling" in arrays else "windows",
          **{name: arrays[name] for name in _VALIDATION if name in arrays},
        )
      classifier._require_consistent()
    except Exception as error:  # damage shows itself in any way
      reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
      raise UserError(f"{path} is damaged ({reason}): train it again") from error
    return classifier

  def _require_consistent(self) -> None:
    """Raises a ValueError unless the arrays are finite, of one encoder and one set of classes."""
    shape = (*self.fingerprint.shape, len(self.class_names))
    if self.weights.shape != shape or self.bias.shape != shape[1:] or len(shape) != 2:
      raise ValueError(f"weights {self.weights.shape} and bias {self.bias.shape}, not {shape}")
    if known := self._validation():
      expected = (len(next(iter(known.values()))), len(self.class_names))
      if [array.shape for array in known.values()] != [expected] * len(_VALIDATION):
        raise ValueError("scores and targets of the validation clips do not fit")
    numbers = (self.weights, self.bias, self.fingerprint, *known.values())
    if not all(np.isfinite(array).all() for array in numbers):
      raise ValueError("not all of its numbers are finite")
    if any(len(f"{name}.".splitlines()) > 1 for name in self.class_names):
      raise ValueError("a class name has several lines")

  def save(self, folder: str) -> str:
    """Writes classifier.npz into a folder, atomically; returns its path."""
    make_folder(folder)
    path = os.path.join(folder, CLASSIFIER)
    arrays: dict[str, Any] = self._validation() | {
      "weights": self.weights,
      "bias": self.bias,
      "class_names": np.array(self.class_names, str),
      "multi_label": self.multi_label,
      "model": self.model,
      "fingerprint": self.fingerprint,
      "clip_pooling": self.clip_pooling,
    }
    with replacing(path) as unfinished:
      np.savez(unfinished, **arrays)
    return path

  def _validation(self) -> dict[str, Any]:
    """Returns what is known of held-out clips, by name."""
    arrays = {name: getattr(self, name) for name in _VALIDATION}
    return {name: array for name, array in arrays.items() if array is not None}

  def require_model(self, embedder: Embedder, sample_rate_hz: int, folder: str) -> None:
    """Refuses an encoder other than the one that the classifier was trained on.

    Args:
      embedder: of the encoder.
      sample_rate_hz: of its waves.
      folder: of the classifier, for the message.

    Raises:
      UserError: the embeddings have another size, other values, or are made in another way.
    """
    actual, expected = fingerprint(embedder, sample_rate_hz), self.fingerprint
    difference = "other values"
    if actual.shape != expected.shape:
      difference = f"{len(expected)} values and not {len(actual)}"
    elif self.clip_pooling != embedder.clip_pooling:
      raise UserError(
        f"--classifier={folder}: it was trained on embeddings with clip_pooling="
        f"{self.clip_pooling}, not {embedder.clip_pooling}: pass "
        f"--clip_pooling={self.clip_pooling}, or train another one"
      )
    elif np.linalg.norm(actual - expected) <= _TOLERANCE * np.linalg.norm(expected):
      return
    raise UserError(
      f"--classifier={folder}: it was trained on another encoder ({self.model}), whose embeddings "
      f"have {difference}: train one on this run with python -m downstream.linear"
    )

  def scores(self, embeddings: tf.Tensor) -> tf.Tensor:
    """Returns the probabilities `[B, C]` of embeddings `[B, D]`."""
    logits = tf.matmul(embeddings, tf.constant(self.weights)) + tf.constant(self.bias)
    return tf.sigmoid(logits) if self.multi_label else tf.nn.softmax(logits)


def fingerprint(embedder: Embedder, sample_rate_hz: int) -> np.ndarray:
  """Returns the embedding, float32 `[D]`, of a sweep from 100 to 3600 Hz that lasts 2.5 s.

  Args:
    embedder: of the encoder.
    sample_rate_hz: of its waves.

  Example:
    >>> class Loudness:
    ...   def embed(self, waves):
    ...     return (np.std(wave, keepdims=True) for wave in waves)
    >>> print(f"{fingerprint(Loudness(), 16_000)[0]:.3f}")  # a sine of amplitude 0.3
    0.212
  """
  times_s = np.arange(int(2.5 * sample_rate_hz)) / sample_rate_hz
  sweep = 0.3 * np.sin(2 * np.pi * (100 * times_s + 700 * times_s**2))
  return np.asarray(next(iter(embedder.embed([sweep.astype(np.float32)]))), np.float32)
